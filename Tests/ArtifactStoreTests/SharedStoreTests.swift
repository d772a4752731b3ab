import ArtifactStore
import Foundation
import Testing

/// A store that machines share whose locks do not reach from one to the other.
@Suite struct SharedStoreTests {
  private let key = Digest(of: "an action")

  @Test func theFirstRecordCounts() throws {
    let shelf = try Shelf()
    let first = try shelf.publish("one", as: key)
    let attempt = try shelf.store.attempt()
    let second = try Shelf.record(of: "two", as: key, in: attempt)
    #expect(try attempt.publish(second) == first.finished)
    #expect(try shelf.store.lookup(key) == .hit(first.finished))
    #expect(try shelf.store.size(of: Digest(of: "two")) == nil)
  }

  @Test func whatMayReplaceDoes() throws {
    let shelf = try Shelf()
    _ = try shelf.publish("one", as: key)
    let attempt = try shelf.store.attempt()
    let forced = try Shelf.record(of: "two", as: key, in: attempt)
    #expect(try attempt.publish(forced, replacing: true) == forced.finished)
    #expect(try shelf.store.lookup(key) == .hit(forced.finished))
  }

  @Test func aRecordWhoseObjectHasGoneIsReplaced() throws {
    let shelf = try Shelf()
    _ = try shelf.publish("one", as: key)
    try FileManager.default.removeItem(atPath: shelf.object(Digest(of: "one")))
    let second = try shelf.publish("two", as: key)
    #expect(try shelf.store.lookup(key) == .hit(second.finished))
    try "{".write(
      toFile: "\(shelf.folder)/actions/\(key.hex.prefix(2))/\(key.hex)", atomically: true, encoding: .utf8)
    let third = try shelf.publish("three", as: key)
    #expect(try shelf.store.lookup(key) == .hit(third.finished))
    #expect(shelf.files("attempts").isEmpty)
  }

  @Test func ofTwoAtOnceOneCountsForBoth() async throws {
    let shelf = try Shelf()
    for round in 0..<50 {
      let key = Digest(of: "action \(round)")
      let counted = try await withThrowingTaskGroup(of: FinishedAction.self) { group in
        for text in ["one", "two"] {
          let folder = shelf.folder
          group.addTask {
            let store = try Store(at: folder)
            let attempt = try store.attempt()
            return try attempt.publish(Shelf.record(of: "\(text) \(round)", as: key, in: attempt))
          }
        }
        return try await group.reduce(into: [FinishedAction]()) { $0.append($1) }
      }
      #expect(counted[0] == counted[1])
      #expect(try shelf.store.lookup(key) == .hit(counted[0]))
    }
    #expect(shelf.files("attempts").isEmpty)
  }

  /// Makes a folder of an attempt, as if left by another process.
  private func leaveAttempt(_ name: String, in shelf: Shelf) throws {
    try FileManager.default.createDirectory(
      atPath: "\(shelf.folder)/attempts/\(name)", withIntermediateDirectories: true)
    try "half".write(toFile: "\(shelf.folder)/attempts/\(name)/x", atomically: false, encoding: .utf8)
  }

  @Test func attemptsOfOtherKernelsAreLeftToCollection() throws {
    let folder = NSTemporaryDirectory() + "shared-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let foreign = "12-345.00000000-1111-2222-3333-444444444444"
    do {
      let shelf = try Shelf(at: folder)
      try leaveAttempt(foreign, in: shelf)
      try leaveAttempt("12-345.\(Kernel.identity)", in: shelf)
      try leaveAttempt("12-345", in: shelf)
      _ = try Store(at: folder)
      #expect(shelf.files("attempts") == [foreign])
    }
    func collect(grace: Double, isDry: Bool = false) throws -> Int {
      try Store(at: folder, for: .alone).collect(keeping: 1, grace: grace, isDry: isDry).leftovers
    }
    let path = "\(folder)/attempts/\(foreign)"
    #expect(try collect(grace: 3600) == 0)
    for name in [path, path + "/x"] {
      try FileManager.default.setAttributes([.modificationDate: Date.now - 7200], ofItemAtPath: name)
    }
    #expect(try collect(grace: 3600, isDry: true) == 1)
    #expect(FileManager.default.fileExists(atPath: path + "/x"))
    #expect(try collect(grace: 3600) == 1)
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func aStaleFileIsOpenedOnceMore() throws {
    var tries = 0
    func fail(times: Int) throws(StoreError) -> String {
      tries += 1
      if tries <= times { throw .system(operation: "read", path: "/s", code: ESTALE) }
      return "read"
    }
    #expect(try Files.twiceIfStale { () throws(StoreError) in try fail(times: 1) } == "read")
    tries = 0
    #expect(throws: StoreError.self) { try Files.twiceIfStale { () throws(StoreError) in try fail(times: 2) } }
    #expect(tries == 2)
  }

  @Test func submissionsStayWithTheirReceipts() throws {
    let folder = NSTemporaryDirectory() + "shared-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let (kept, gone) = (Digest(of: "kept").hex, Digest(of: "gone").hex)
    let (recipe, outside) = (folder + "/recipe.yaml", folder + "/outside")
    do {
      let shelf = try Shelf(at: folder)
      for path in [
        "receipts/\(kept)", "receipts/\(gone)", "submissions/\(kept)/logs", "submissions/\(gone)/logs", "outside",
      ] {
        try FileManager.default.createDirectory(atPath: "\(folder)/\(path)", withIntermediateDirectories: true)
      }
      _ = try shelf.publish("one", as: key)
      _ = try shelf.publish("two", as: Digest(of: "another action"))
      for (path, text) in [
        ("recipe.yaml", ""), ("outside/file", "mine"), ("submissions/\(kept)/logs/1", "log"),
        ("submissions/\(gone)/logs/1", "log"), ("receipts/\(gone)/damaged.json", "{"),
        ("receipts/\(kept)/stage.json", #"{"file": "\#(recipe)", "actions": [{"key": "\#(key.hex)"}, {"key": 3}, 4]}"#),
        (
          "receipts/\(gone)/stage.json",
          #"{"file": "/gone.yaml", "actions": [{"key": "\#(Digest(of: "another action").hex)"}]}"#
        ),
      ] {
        try text.write(toFile: "\(folder)/\(path)", atomically: false, encoding: .utf8)
      }
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder)/submissions/\(gone)/link", withDestinationPath: outside)
    }
    func collect(grace: Double, isDry: Bool = false) throws -> Garbage {
      try Store(at: folder, for: .alone).collect(keeping: 1, grace: grace, isDry: isDry)
    }
    #expect(try collect(grace: 3600).leftovers == 0)
    let dry = try collect(grace: 0, isDry: true)
    #expect((dry.leftovers, dry.actions, dry.objects) == (2, 1, 1))
    #expect(FileManager.default.fileExists(atPath: "\(folder)/submissions/\(gone)/logs/1"))
    #expect(try collect(grace: 0) == dry)
    let shelf = try Shelf(at: folder)
    #expect(shelf.files("receipts") == [kept] && shelf.files("submissions") == [kept])
    #expect(shelf.files("outside") == ["file"], "links are not followed")
    #expect(try shelf.store.size(of: Digest(of: "one")) == 3)
  }
}
