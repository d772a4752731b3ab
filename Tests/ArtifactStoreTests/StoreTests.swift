import ArtifactStore
import Foundation
import Synchronization
import Testing

/// A store in a temporary folder; gone with the value.
final class Shelf {
  let folder: String
  let store: Store
  private let isTemporary: Bool

  init() throws {
    (folder, isTemporary) = (NSTemporaryDirectory() + "store-\(UUID().uuidString)", true)
    store = try Store(at: folder)
  }

  /// One in a folder that stays.
  init(at folder: String) throws {
    (self.folder, isTemporary) = (folder, false)
    store = try Store(at: folder)
  }

  deinit { if isTemporary { try? FileManager.default.removeItem(atPath: folder) } }

  /// Publishes an action that made one image of these bytes.
  func publish(_ text: String, as key: Digest) throws -> ActionRecord {
    let attempt = try store.attempt()
    let record = try Self.record(of: text, as: key, in: attempt)
    try attempt.publish(record)
    return record
  }

  /// The record of such an action, whose image is written but not published.
  static func record(of text: String, as key: Digest, in attempt: StagingTransaction) throws -> ActionRecord {
    let item = Artifact.Item(name: "one", object: try attempt.write(Data(text.utf8)), size: text.utf8.count)
    return ActionRecord(
      key: key, preimage: "kind: draw\n\"quoted\" — é\u{1}", kind: "draw", revision: 3,
      outputs: [.init(port: "images", artifact: Artifact(type: ArtifactType(rawValue: "images"), items: [item]))],
      provenance: Provenance(
        program: "0", cpu: "c", blas: "b", threads: 2, seconds: 0.25, peakMegabytes: 10.5,
        date: "2026-01-01T00:00:00Z"),
      log: ["a line"])
  }

  func files(_ part: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(part)")) ?? []
  }

  func object(_ digest: Digest) -> String { "\(folder)/objects/\(digest.hex.prefix(2))/\(digest.hex)" }
}

@Suite struct StoreTests {
  private let key = Digest(of: "an action")

  @Test func whatIsPublishedIsFoundAsItWas() throws {
    let shelf = try Shelf()
    #expect(try shelf.store.lookup(key) == .miss(.neverDone))
    let record = try shelf.publish("bytes", as: key)
    #expect(try shelf.store.lookup(key) == .hit(record.finished))
    #expect(try shelf.store.read(Digest(of: "bytes")) == Data("bytes".utf8))
    #expect(shelf.files("attempts").isEmpty)
  }

  @Test func nothingIsVisibleBeforePublication() throws {
    let shelf = try Shelf()
    do {
      let attempt = try shelf.store.attempt()
      let digest = try attempt.write(Data("half".utf8))
      #expect(throws: StoreError.missing(digest)) { try shelf.store.read(digest) }
      #expect(shelf.files("attempts").count == 1)
    }
    #expect(shelf.files("attempts").isEmpty && shelf.files("objects").isEmpty)
  }

  /// What a program leaves in its folder goes with the attempt: folders in folders beyond any path, closed to everybody,
  /// names that are no text, and links, of which none is followed.
  @Test func anythingAProgramLeavesIsRemoved() throws {
    let shelf = try Shelf()
    let kept = shelf.folder + "/kept"
    try "kept".write(toFile: kept, atomically: false, encoding: .utf8)
    let start = ContinuousClock.now
    do {
      let attempt = try shelf.store.attempt()
      let folder = try attempt.makeFolder()
      #expect(symlink(shelf.folder, folder + "/link") == 0)
      #expect(mkdir(folder + "/closed", 0o700) == 0 && creat(folder + "/closed/file", 0o600) >= 0)
      #expect(mkdir(folder + "/closed/inner", 0) == 0 && chmod(folder + "/closed", 0) == 0)
      [47, 0xFF, 0xFE, 0].map { CChar(truncatingIfNeeded: $0) }.withUnsafeBufferPointer { name in
        let path = folder.utf8CString.dropLast() + name
        #expect(path.withUnsafeBufferPointer { mkdir($0.baseAddress!, 0o700) } == 0)
      }
      var deepest = open(folder, O_RDONLY | O_DIRECTORY)
      for depth in 0..<5000 {
        guard mkdirat(deepest, "d", 0o700) == 0 else {
          Issue.record("no folder at \(depth)")
          break
        }
        let next = openat(deepest, "d", O_RDONLY | O_DIRECTORY)
        close(deepest)
        deepest = next
      }
      close(deepest)
    }
    #expect(shelf.files("attempts").isEmpty && FileManager.default.fileExists(atPath: kept))
    #expect(ContinuousClock.now - start < .seconds(10))
  }

  @Test func damagedBytesAreNeverServed() throws {
    let shelf = try Shelf()
    let digest = Digest(of: "bytes")
    _ = try shelf.publish("bytes", as: key)
    try FileManager.default.removeItem(atPath: shelf.object(digest))
    try "bites".write(toFile: shelf.object(digest), atomically: false, encoding: .utf8)

    let error = #expect(throws: StoreError.self) { try shelf.store.read(digest) }
    #expect(error?.lostObject == digest)
    #expect(shelf.files("quarantine") == [digest.hex])
    #expect(try shelf.store.lookup(key) == .miss(.missingObject(digest)))
    _ = try shelf.publish("bytes", as: key)
    #expect(try shelf.store.read(digest) == Data("bytes".utf8))
  }

  @Test func publishingMendsWhatIsThere() throws {
    let shelf = try Shelf()
    let digest = Digest(of: "bytes")
    _ = try shelf.publish("bytes", as: key)
    try FileManager.default.removeItem(atPath: shelf.object(digest))
    try "by".write(toFile: shelf.object(digest), atomically: false, encoding: .utf8)
    #expect(try shelf.store.lookup(key) == .miss(.truncatedObject(digest)))
    _ = try shelf.publish("bytes", as: Digest(of: "another action"))
    #expect(try shelf.store.read(digest) == Data("bytes".utf8))
  }

  @Test func onlyOneHasTheLease() throws {
    let shelf = try Shelf()
    var lease = try shelf.store.lease(for: key)
    #expect(lease != nil)
    #expect(try shelf.store.lease(for: key) == nil)
    #expect(try Store(at: shelf.folder).lease(for: key) == nil)
    #expect(try shelf.store.lease(for: Digest(of: "another action")) != nil)
    lease = nil
    #expect(try shelf.store.lease(for: key) != nil)
    #expect(shelf.files("locks") == ["store"], "no lock file outlives its lock")
  }

  @Test func openingSweepsUpAfterTheDeadAlone() throws {
    let shelf = try Shelf()
    try FileManager.default.createDirectory(
      atPath: shelf.folder + "/attempts/12-345", withIntermediateDirectories: true)
    try "x".write(toFile: shelf.folder + "/attempts/12-345/x", atomically: false, encoding: .utf8)
    try "".write(toFile: shelf.folder + "/locks/\(key.hex)", atomically: false, encoding: .utf8)
    let alive = try shelf.store.attempt()
    let digest = try alive.write(Data("alive".utf8))
    let other = try Store(at: shelf.folder)
    #expect(shelf.files("attempts").count == 1 && shelf.files("locks") == ["store"])
    #expect(try other.size(of: digest) == nil)
    withExtendedLifetime(alive) {}
  }

  @Test func stateIsKeptUntilTheActionIsDone() throws {
    let shelf = try Shelf()
    #expect(try shelf.store.state(of: key)?.data == nil)
    let attempt = try shelf.store.attempt()
    try attempt.saveState(Data("one".utf8), of: key)
    try attempt.saveState(Data("two".utf8), of: key)
    #expect(try Store(at: shelf.folder).state(of: key)?.data == Data("two".utf8))
    _ = try shelf.publish("bytes", as: key)
    #expect(try shelf.store.state(of: key)?.data == nil)
  }

  @Test func damagedStateIsNone() throws {
    let shelf = try Shelf()
    try shelf.store.attempt().saveState(Data("state".utf8), of: key)
    let path = shelf.folder + "/state/" + key.hex
    try String(contentsOfFile: path, encoding: .utf8).replacing("state", with: "stale")
      .write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try shelf.store.state(of: key)?.data == nil)
  }

  @Test func aFailedWriteIsSaidAndSurvived() throws {
    let shelf = try Shelf()
    let attempt = try shelf.store.attempt()
    let folder = "\(shelf.folder)/attempts/\(try #require(shelf.files("attempts").first))"
    try FileManager.default.removeItem(atPath: folder)
    let error = #expect(throws: StoreError.self) { try attempt.write(Data("lost".utf8)) }
    #expect(error?.description.hasPrefix("could not write \(folder)/") == true)
    _ = try shelf.publish("kept", as: key)
    #expect(try shelf.store.read(Digest(of: "kept")) == Data("kept".utf8))
  }

  @Test func aFolderThatCannotBeMadeIsNamed() throws {
    let shelf = try Shelf()
    try "".write(toFile: shelf.folder + "/file", atomically: false, encoding: .utf8)
    let error = #expect(throws: StoreError.self) { try Store(at: shelf.folder + "/file/store") }
    #expect(error?.description.contains("file/store") == true)
    #expect(
      StoreError.diskFull(path: "/s").description
        == "no space left on the disk while writing /s; free some, then run again: finished work is kept")
  }
}

@Suite struct ActionIndexTests {
  private let key = Digest(of: "an action")

  private func overwrite(_ path: String, _ change: (Data) -> Data) throws {
    let data = change(try Data(contentsOf: URL(filePath: path)))
    try FileManager.default.removeItem(atPath: path)
    try data.write(to: URL(filePath: path))
  }

  @Test func whatIsInTheIndexIsAsInTheRecord() throws {
    let shelf = try Shelf()
    let record = try shelf.publish("bytes", as: key)
    #expect(try shelf.store.lookup(key) == .hit(record.finished))
    shelf.store.saveCaches()
    #expect(shelf.files("").contains("index"))
    #expect(try Store(at: shelf.folder).lookup(key) == .hit(record.finished))
  }

  @Test func aRecordThatChangedIsNotTakenFromTheIndex() throws {
    let shelf = try Shelf()
    _ = try shelf.publish("bytes", as: key)
    _ = try shelf.store.lookup(key)
    shelf.store.saveCaches()
    // Still JSON, and still of this action; only the seal tells.
    try overwrite("\(shelf.folder)/actions/\(key.hex.prefix(2))/\(key.hex)") { data in
      Data(String(decoding: data, as: UTF8.self).replacing("\"one\"", with: "\"two\"").utf8)
    }
    #expect(try Store(at: shelf.folder).lookup(key) == .miss(.unreadableRecord))
  }

  @Test func aDamagedIndexIsForgotten() throws {
    let shelf = try Shelf()
    let record = try shelf.publish("bytes", as: key)
    _ = try shelf.store.lookup(key)
    shelf.store.saveCaches()
    for change in [{ (data: Data) in data.dropLast(3) }, { data in data + Data([1]) }, { _ in Data() }] {
      try overwrite(shelf.folder + "/index", change)
      #expect(try Store(at: shelf.folder).lookup(key) == .hit(record.finished))
    }
  }

  @Test func readingWritesNothing() throws {
    let shelf = try Shelf()
    let record = try shelf.publish("bytes", as: key)
    let store = try Store(at: shelf.folder, for: .reading)
    #expect(try store.lookup(key) == .hit(record.finished))
    store.saveCaches()
    #expect(!shelf.files("").contains("index"))
    let nowhere = try Store(at: shelf.folder + "/nowhere", for: .reading)
    #expect(try nowhere.lookup(key) == .miss(.neverDone))
    #expect(!shelf.files("").contains("nowhere"))
  }
}

@Suite struct SourceDigestsTests {
  @Test func aChangeOfTheSameSizeIsSeen() throws {
    let shelf = try Shelf()
    let path = shelf.folder + "/image"
    for text in ["one", "two", "six"] {
      try text.write(toFile: path, atomically: false, encoding: .utf8)
      #expect(try shelf.store.sources.digest(of: path) == Digest(of: text))
    }
    #expect(try shelf.store.sources.digest(of: shelf.folder + "/none") == nil)
  }

  @Test func settledFilesAreRememberedAndFreshOnesNot() async throws {
    let shelf = try Shelf()
    try "old".write(toFile: shelf.folder + "/old", atomically: false, encoding: .utf8)
    try await Task.sleep(for: .seconds(2.1))
    try "new".write(toFile: shelf.folder + "/new", atomically: false, encoding: .utf8)
    for name in ["old", "new"] { _ = try shelf.store.sources.digest(of: "\(shelf.folder)/\(name)") }
    shelf.store.saveCaches()
    let file = try Data(contentsOf: URL(filePath: shelf.folder + "/sources"))
    #expect(file.count == 112, "a seal of 32 bytes, a count of 4, a status of 40, a length of 4 and a digest of 32")
    #expect(try Store(at: shelf.folder).sources.digest(of: shelf.folder + "/old") == Digest(of: "old"))
  }

  @Test func aDamagedMemoryIsForgotten() throws {
    let shelf = try Shelf()
    try "ab cd\n1 2 3".write(toFile: shelf.folder + "/sources", atomically: false, encoding: .utf8)
    try "x".write(toFile: shelf.folder + "/x", atomically: false, encoding: .utf8)
    #expect(try Store(at: shelf.folder).sources.digest(of: shelf.folder + "/x") == Digest(of: "x"))
  }

  /// As when a run publishes and a collection on another machine removes while everything is looked at.
  @Test func whatOthersRemoveAndMakeMeanwhileIsNoDamage() throws {
    let shelf = try Shelf()
    let old = ["x", "y"].map { (key: Digest(of: $0), text: String(repeating: $0, count: 1 << 20)) }
    for action in old { _ = try shelf.publish(action.text, as: action.key) }
    let folder = shelf.folder
    let isOver = Mutex(false)
    // Long objects are read in pieces, after each of which it is asked whether to go on.
    let store = try Store(at: folder) {
      let isFirst = isOver.withLock { isOver in
        defer { isOver = true }
        return !isOver
      }
      guard isFirst else { return false }
      for (part, digest) in old.flatMap({ [("actions", $0.key), ("objects", Digest(of: $0.text))] }) {
        unlink("\(folder)/\(part)/\(digest.hex.prefix(2))/\(digest.hex)")
      }
      _ = try? Shelf(at: folder).publish("new", as: Digest(of: "another action"))
      return false
    }
    let found = try store.verify()
    #expect(isOver.withLock { $0 })
    #expect(found.isClean && found.missing.isEmpty, "\(found)")
    #expect(found.actions == 1)
    #expect(try store.verify().objects == 1)
  }
}
