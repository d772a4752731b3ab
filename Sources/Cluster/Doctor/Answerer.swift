import ArtifactStore
import Foundation

/// The other side of ``OtherMachine``: does in the shared folder what it is asked to, and says how it went.
public struct Answerer {
  private let token: String
  private let folder: String
  /// Seconds for which a file that was just made is waited for.
  static let patience = 90.0

  /// Nil where `token` is none.
  public init?(token: String, folder: String) {
    guard UUID(uuidString: token) != nil else { return nil }
    (self.token, self.folder) = (token, Doctor.scratch(token, in: folder))
  }

  /// Answers until its input ends.
  /// - Parameters:
  ///   - question: the next line; nil where there is none.
  ///   - output: takes text as it is.
  public func run(question: () -> String?, output: (String) -> Void) {
    let isThere = seen(within: 10) { access(folder, F_OK) == 0 } != nil
    output("\(token) \(isThere ? "ready \(ProcessInfo.processInfo.hostName)" : "missing")\n")
    var locks: [FileLock] = []
    while let line = question() {
      var answer: String
      do { answer = try self.answer(to: line.split(separator: " ").map(String.init), &locks) } catch {
        answer = "error \(error)"
      }
      answer.replace("\n", with: " ")
      output("\(token) \(answer)\n")
    }
  }

  private func answer(to question: [String], _ locks: inout [FileLock]) throws(StoreError) -> String {
    guard question.allSatisfy({ !$0.contains("/") && !$0.hasPrefix(".") }) else { return "error no such name" }
    func place(_ index: Int) -> Place { Place("\(folder)/\(question[index])") }
    switch (question.first, question.count) {
    case ("lock", 2):
      guard let lock = try FileLock.exclusive(place(1)) else { return "busy" }
      locks.append(lock)
      return lock.isHeld ? "had" : "none"
    case ("unlock", 1):
      locks = []
      return "done"
    case ("look", 2): return try Files.status(of: place(1)) == nil ? "absent" : "there"
    case ("await", 3):
      let content = Data(question[2].utf8)
      return try Self.wait(for: place(1), content, in: folder).map { "seen \($0)" } ?? "unseen"
    case ("make", 3):
      try Files.replace(place(1), with: Data(question[2].utf8))
      return "done"
    case ("link", 4):
      // Microseconds.
      usleep(min(UInt32(question[3]) ?? 0, 100_000))
      return Files.link(place(1), to: place(2)) == .given ? "won" : "lost"
    case ("now", 1): return "\(FolderChecks.now)"
    default: return "error no such question"
    }
  }

  /// How many seconds it takes until a file has the content, as a store sees it that looks anew.
  static func wait(for place: Place, _ content: Data, in folder: String) throws(StoreError) -> Double? {
    let start = ContinuousClock.now
    repeat {
      let waited = (ContinuousClock.now - start) / .seconds(1)
      if try Files.read(place) == content { return waited }
      usleep(20_000)
      _ = try Files.names(in: folder)
    } while ContinuousClock.now - start < .seconds(patience)
    return nil
  }

  private func seen(within seconds: Double, _ isThere: () -> Bool) -> Double? {
    let start = ContinuousClock.now
    repeat {
      if isThere() { return (ContinuousClock.now - start) / .seconds(1) }
      usleep(100_000)
    } while ContinuousClock.now - start < .seconds(seconds)
    return nil
  }
}
