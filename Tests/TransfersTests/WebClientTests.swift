import Foundation
import TestSupport
import Testing
import Transfers

/// Requests other than downloads.
struct WebClientTests {
  private let client = WebClient(connecting: 1, silence: 1)

  private func status(_ work: () throws -> Void) -> Int? {
    do { try work() } catch TransferError.refused(_, let status, _) { return status } catch { return -1 }
    return nil
  }

  @Test func whatIsPutIsThere() throws {
    let server = try CacheServer()
    let data = Data((0..<300_000).map { UInt8(truncatingIfNeeded: $0 * 31 + $0 >> 8) })
    let path = NSTemporaryDirectory() + "web-client-\(UUID().uuidString)"
    try data.write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(status { try client.head(server.url + "/cas/a", check: {}) } == 404)
    try client.put(data, at: server.url + "/cas/a", check: {})
    try client.put(file: path, at: server.url + "/cas/b", check: {})
    try client.put(Data(), at: server.url + "/cas/c", check: {})
    try client.head(server.url + "/cas/a", check: {})
    for name in ["a", "b"] { #expect(try client.get("\(server.url)/cas/\(name)", limit: 300_000, check: {}) == data) }
    #expect(try client.get(server.url + "/cas/c", limit: 0, check: {}) == Data())
    #expect(server.connections == 1, "the connection is kept, also after what was not found")
  }

  @Test func noMoreIsTakenThanTheLimit() throws {
    let server = try CacheServer(["/cas/a": [UInt8](repeating: 1, count: 1000)])
    #expect(throws: TransferError.tooLong(url: server.url + "/cas/a", limit: 999)) {
      try client.get(server.url + "/cas/a", limit: 999, check: {})
    }
    let path = NSTemporaryDirectory() + "web-client-\(UUID().uuidString)"
    let download = Download(url: server.url + "/cas/a", sha256: String(repeating: "0", count: 64), size: 999)
    #expect(throws: TransferError.tooLong(url: server.url + "/cas/a", limit: 999)) {
      try download.fetch(to: path, by: client, progress: { _, _ in }, check: {})
    }
    #expect(!FileManager.default.fileExists(atPath: path + ".part"))
  }

  @Test func refusalsAreTold() throws {
    let server = try CacheServer { .refuse($0.method == "PUT" ? "413 Too Large" : "503 Later") }
    #expect(status { try client.put(Data(count: 1 << 20), at: server.url + "/cas/a", check: {}) } == 413)
    #expect(status { _ = try client.get(server.url + "/cas/a", limit: 10, check: {}) } == 503)
    #expect(status { try client.head(server.url + "/cas/a", check: {}) } == 503)
  }

  @Test func silenceEnds() throws {
    let server = try CacheServer { _ in .stall }
    let url = server.url + "/cas/a"
    let silence = TransferError.cut(url: url, received: 0, reason: "silent for 1 s")
    #expect(throws: silence) { try client.head(url, check: {}) }
    #expect(throws: silence) { try client.put(Data(count: 9), at: url, check: {}) }
  }

  @Test func redirectedUploadsArriveWhole() throws {
    let elsewhere = try CacheServer()
    let server = try CacheServer { .redirect("\(elsewhere.url)\($0.path)") }
    let data = Data(repeating: 7, count: 200_000)
    try client.put(data, at: server.url + "/cas/a", check: {})
    #expect(elsewhere.files["/cas/a"] == Array(data))
  }
}
