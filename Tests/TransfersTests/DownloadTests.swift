import Foundation
import Hashing
import TestSupport
import Testing
import Transfers

/// Downloads from a server that stalls, breaks off and lies.
struct DownloadTests {
  private let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 * 31 + $0 >> 8) }
  private let path = NSTemporaryDirectory() + "download-\(UUID().uuidString)"
  private let patience = Download.Patience(silence: 1, attempts: 3, pause: 0.01)

  private var sha256: String {
    content.withUnsafeBytes { SHA256.withDigest(of: $0) { $0.map { String(format: "%02x", $0) }.joined() } }
  }

  private func fetch(_ server: ScriptedServer, sha256: String? = nil) throws {
    try Download(url: server.url, sha256: sha256 ?? self.sha256)
      .fetch(to: path, patience: patience, progress: { _, _ in }, check: {})
  }

  private func bytes(_ path: String) -> [UInt8]? { FileManager.default.contents(atPath: path).map { Array($0) } }

  /// The download fails, nothing has the file's name, and the error is `expected`.
  private func expectFailure(
    _ server: ScriptedServer, where expected: (TransferError) -> Bool, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    do {
      try fetch(server)
      Issue.record("it did not fail", sourceLocation: sourceLocation)
    } catch let error as TransferError {
      #expect(expected(error), "\(error)", sourceLocation: sourceLocation)
    } catch { Issue.record("\(error)", sourceLocation: sourceLocation) }
    #expect(bytes(path) == nil, sourceLocation: sourceLocation)
  }

  @Test func aFileArrives() throws {
    let server = try ScriptedServer(content)
    try fetch(server)
    #expect(bytes(path) == content)
    #expect(bytes(path + ".part") == nil)
    #expect(server.requests == [0])
  }

  @Test func redirectionsAreFollowed() throws {
    try fetch(try ScriptedServer(content, answers: [.redirect("/elsewhere"), .redirect("/there")]))
    #expect(bytes(path) == content)
  }

  @Test func whatBrokeOffGoesOnFromWhereItWas() throws {
    let server = try ScriptedServer(
      content, answers: [.breakOff(after: 1000), .breakOff(after: 5000), .stall(after: 70_000)])
    try fetch(server)
    #expect(bytes(path) == content)
    #expect(server.requests == [0, 1000, 6000, 76_000])
  }

  @Test func anotherProcessGoesOnFromWhatIsLeft() throws {
    struct Enough: Error {}
    let server = try ScriptedServer(content)
    #expect(throws: Enough.self) {
      try Download(url: server.url, sha256: sha256).fetch(
        to: path, patience: patience, progress: { received, _ in #expect(received > 0) }, check: { throw Enough() })
    }
    try Data(content[..<1234]).write(to: URL(filePath: path + ".part"))
    try fetch(server)
    #expect(bytes(path) == content)
    #expect(server.requests.last == 1234)
  }

  @Test func aServerWithoutRangesBeginsAnew() throws {
    let server = try ScriptedServer(content, answers: [.breakOff(after: 1000), .serveWhole])
    try fetch(server)
    #expect(bytes(path) == content)
  }

  @Test func leftoversOfAnotherFileAreNoHarm() throws {
    for leftover in [
      [UInt8](repeating: 7, count: 500), content + [1, 2, 3], [UInt8](repeating: 9, count: content.count),
    ] {
      try Data(leftover).write(to: URL(filePath: path + ".part"))
      try fetch(try ScriptedServer(content))
      #expect(bytes(path) == content)
      try FileManager.default.removeItem(atPath: path)
    }
  }

  @Test func aWholeFileIsNotFetchedAgain() throws {
    try Data(content).write(to: URL(filePath: path + ".part"))
    try fetch(try ScriptedServer(content))
    #expect(bytes(path) == content)
  }

  @Test func troubleOfTheServerPasses() throws {
    let server = try ScriptedServer(
      content, answers: [.refuse("503 Service Unavailable"), .breakOff(after: 10), .refuse("500 Oops")])
    try fetch(server)
    #expect(bytes(path) == content)
    #expect(server.requests == [0, 0, 10, 10])
  }

  @Test func aLieIsNoticed() throws {
    let server = try ScriptedServer(content, answers: [.lie])
    expectFailure(server) { if case .wrongContent = $0 { true } else { false } }
    #expect(bytes(path + ".part") == nil)
    // The rest of a file that was lied about is fetched from the start.
    try fetch(try ScriptedServer(content, answers: [.breakOff(after: 1000), .lie]))
    #expect(bytes(path) == content)
  }

  @Test func aRefusalEndsIt() throws {
    expectFailure(try ScriptedServer(content, answers: [.refuse("404 Not Found")])) {
      if case .refused(_, 404, _) = $0 { true } else { false }
    }
  }

  @Test func aServerThatNeverGetsFurtherIsGivenUp() throws {
    let answers = [ScriptedServer.Answer](repeating: .stall(after: 0), count: 5)
    let server = try ScriptedServer(content, answers: [.breakOff(after: 100)] + answers)
    expectFailure(server) { if case .cut(_, received: 100, _) = $0 { true } else { false } }
    #expect(server.requests == [0, 100, 100, 100])
    #expect(bytes(path + ".part") == Array(content[..<100]))
  }

  @Test func noMoreArrivesThanTheSizeThatIsGiven() throws {
    for answer in [ScriptedServer.Answer.serve, .serveWithoutLength] {
      let server = try ScriptedServer(content, answers: [answer])
      let download = Download(url: server.url, sha256: sha256, size: content.count - 1)
      #expect(throws: TransferError.tooLong(url: server.url, limit: content.count - 1)) {
        try download.fetch(to: path, patience: patience, progress: { _, _ in }, check: {})
      }
      #expect(bytes(path) == nil && bytes(path + ".part") == nil)
    }
    try Download(url: try ScriptedServer(content, answers: [.serveWithoutLength]).url, sha256: sha256)
      .fetch(to: path, patience: patience, progress: { _, _ in }, check: {})
    #expect(bytes(path) == content)
  }

  /// Lengths that no file has, from the start and from where an earlier attempt left off.
  @Test(arguments: [0, 1000], [Int.max, Int.max - 1, 1 << 40])
  func lengthsThatMakeNoSenseAreRefused(from count: Int, length: Int) throws {
    if count > 0 { try Data(content[..<count]).write(to: URL(filePath: path + ".part")) }
    expectFailure(try ScriptedServer(content, answers: [.claim(length)])) {
      if case .tooLong(_, Download.sizeLimit) = $0 { true } else { false }
    }
    #expect(bytes(path + ".part") == nil)
  }

  @Test func whatIsNoFileIsNotWrittenTo() throws {
    let other = path + ".other"
    try Data([1, 2, 3]).write(to: URL(filePath: other))
    symlink(other, path + ".part")
    expectFailure(try ScriptedServer(content)) { $0 == .disk(path: path + ".part", reason: "it is a link") }
    #expect(bytes(other) == [1, 2, 3])
    unlink(path + ".part")
    mkfifo(path + ".part", 0o600)
    expectFailure(try ScriptedServer(content)) { $0 == .disk(path: path + ".part", reason: "it is not a file") }
  }

  /// While it connects to an address that nobody answers at, while nothing comes, and between two attempts.
  @Test(arguments: ["http://192.0.2.1/file", nil, "http://127.0.0.1:1/file"])
  func anInterruptionIsHeededWithinASecond(url: String?) throws {
    struct Enough: Error {}
    let server = try ScriptedServer(content, answers: [.stall(after: 1000)])
    let start = ContinuousClock.now
    #expect(throws: Enough.self) {
      try Download(url: url ?? server.url, sha256: sha256).fetch(
        to: path, patience: Download.Patience(silence: 60, attempts: 4, pause: 60), progress: { _, _ in },
        check: { if ContinuousClock.now - start > .seconds(0.3) { throw Enough() } })
    }
    #expect(ContinuousClock.now - start < .seconds(1))
  }

  @Test func nobodyIsThere() throws {
    let server = try ScriptedServer(content)
    server.close()
    expectFailure(server) { if case .unreachable = $0 { true } else { false } }
  }

  /// The same again would bring the same.
  @Test func anAddressThatLeadsNowhereIsNotTriedAgain() throws {
    let circle = try ScriptedServer(content, answers: Array(repeating: .redirect("/again"), count: 50))
    expectFailure(circle) { if case .misdirected(_, "it redirects more than 10 times") = $0 { true } else { false } }
    #expect(circle.requests.count == 11)
    for address in ["file:///etc/passwd", "ftp://127.0.0.1/x"] {
      let server = try ScriptedServer(content, answers: [.redirect(address)])
      expectFailure(server) { if case .misdirected = $0 { true } else { false } }
      #expect(server.requests.count == 1)
    }
    let none = Download(url: "http://[x/", sha256: sha256)
    #expect {
      try none.fetch(to: path, patience: patience, progress: { _, _ in }, check: {})
    } throws: { error in
      if case TransferError.misdirected = error { true } else { false }
    }
  }

  // MARK: Mirrors

  /// What one server gave is gone on from at the next, which is asked only where it has to be.
  @Test func theNextAddressGoesOn() throws {
    let gone = try ScriptedServer(content, answers: [.refuse("404 Not Found")])
    let weak = try ScriptedServer(content, answers: Array(repeating: .breakOff(after: 0), count: 9))
    let good = try ScriptedServer(content)
    let unasked = try ScriptedServer(content)
    var reasons: [TransferError] = []
    let found = try Download(urls: [gone.url, weak.url, good.url, unasked.url], sha256: sha256)
      .fetch(to: path, patience: patience, progress: { _, _ in }, next: { reasons.append($0) }, check: {})
    #expect(bytes(path) == content && found == sha256)
    #expect(good.requests == [0] && unasked.requests.isEmpty && reasons.count == 2)
  }

  @Test func aLyingMirrorSpoilsNothing() throws {
    let liar = try ScriptedServer(content, answers: [.lie, .lie, .lie, .lie, .lie])
    let good = try ScriptedServer(content)
    try Download(urls: [liar.url, good.url], sha256: sha256)
      .fetch(to: path, patience: patience, progress: { _, _ in }, check: {})
    #expect(bytes(path) == content && good.requests == [0])
  }

  @Test func whereNoAddressGivesItAllReasonsAreTold() throws {
    let gone = try ScriptedServer(content, answers: [.refuse("404 Not Found")])
    let liar = try ScriptedServer(content, answers: [.lie, .lie, .lie])
    let download = Download(urls: [gone.url, liar.url], sha256: sha256)
    do {
      try download.fetch(to: path, patience: patience, progress: { _, _ in }, check: {})
      Issue.record("it did not fail")
    } catch let error as TransferError {
      let text = "\(error)"
      #expect(text.contains("answers 404; ") && text.contains("its SHA-256 is"), "\(text)")
    }
    #expect(bytes(path) == nil)
  }

  @Test func whatNobodyKnowsIsTakenAndTold() throws {
    let found = try Download(urls: [try ScriptedServer(content, answers: [.breakOff(after: 1000)]).url], sha256: nil)
      .fetch(to: path, patience: patience, progress: { _, _ in }, check: {})
    #expect(found == sha256 && bytes(path) == content)
  }
}
