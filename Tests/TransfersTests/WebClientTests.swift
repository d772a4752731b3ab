import Foundation
import TestSupport
import Testing

@testable import Transfers

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
    try client.put(data, sha256: "", at: server.url + "/cas/a", check: {})
    try client.put(file: path, sha256: "", at: server.url + "/cas/b", check: {})
    try client.put(Data(), sha256: "", at: server.url + "/cas/c", check: {})
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
    #expect(status { try client.put(Data(count: 1 << 20), sha256: "", at: server.url + "/cas/a", check: {}) } == 413)
    #expect(status { _ = try client.get(server.url + "/cas/a", limit: 10, check: {}) } == 503)
    #expect(status { try client.head(server.url + "/cas/a", check: {}) } == 503)
  }

  @Test func silenceEnds() throws {
    let server = try CacheServer { _ in .stall }
    let url = server.url + "/cas/a"
    let silence = TransferError.cut(url: url, received: 0, reason: "silent for 1 s")
    #expect(throws: silence) { try client.head(url, check: {}) }
    #expect(throws: silence) { try client.put(Data(count: 9), sha256: "", at: url, check: {}) }
  }

  // MARK: Credentials

  private static let netrc = "default login me password hush\n"

  /// What the server that is asked sees of the credentials, and what one sees that it redirects to.
  private func authorizations(
    _ credentials: Credentials, redirectingTo address: (CacheServer) -> String
  ) throws -> (asked: Set<String?>, elsewhere: Set<String?>) {
    let elsewhere = try CacheServer(["/cas/a": [1, 2, 3]])
    let target = address(elsewhere)
    let server = try CacheServer { $0.path == "/cas/a" ? .redirect("/cas/b") : .redirect("\(target)/cas/a") }
    let client = WebClient(credentials: credentials, connecting: 1, silence: 1)
    try client.head(server.url + "/cas/a", check: {})
    #expect(try client.get(server.url + "/cas/a", limit: 3, check: {}) == Data([1, 2, 3]))
    try client.put(Data([1]), sha256: String(repeating: "0", count: 64), at: server.url + "/cas/a", check: {})
    #expect(server.requests.count == 6 && elsewhere.requests.count == 3)
    return (Set(server.requests.map(\.authorization)), Set(elsewhere.requests.map(\.authorization)))
  }

  @Test(arguments: [0, 1, 2, 3]) func credentialsStayAtTheirOrigin(number: Int) throws {
    let file = NSTemporaryDirectory() + "netrc-\(UUID().uuidString)"
    try Data(Self.netrc.utf8).write(to: URL(filePath: file))
    defer { try? FileManager.default.removeItem(atPath: file) }
    let credentials: [Credentials] = [
      .token("hush"), .user("me", password: "hush"), .netrc(file),
      .s3(S3Key(access: "me", secret: "hush", session: "now", region: "us-east-1")),
    ]
    // Another port of the same host, then another host.
    for host in ["127.0.0.1", "localhost", "me:hush@127.0.0.1"] {
      let seen = try authorizations(credentials[number]) { $0.url.replacing("127.0.0.1", with: host) }
      #expect(!seen.asked.contains(nil), "all of the origin's own requests have them")
      // Each request has a signature of its own.
      #expect(number == 3 || seen.asked.count == 1)
      #expect(seen.elsewhere == [nil])
    }
  }

  /// What is signed is tried on a real S3 server by Tests/Cluster/s3-cache.sh.
  @Test func s3RequestsAreSignedAndTheSecretStays() throws {
    let server = try CacheServer(["/b/cas/a": [1]])
    let key = S3Key(access: "AK", secret: "hush", session: "now", region: "eu-west-1")
    let client = WebClient(credentials: .s3(key), connecting: 1, silence: 1)
    _ = try client.get(server.url + "/b/cas/a", limit: 3, check: {})
    let authorization = try #require(server.requests.first?.authorization)
    #expect(authorization.hasPrefix("AWS4-HMAC-SHA256 Credential=AK/"), "\(authorization)")
    #expect(authorization.contains("/eu-west-1/s3/aws4_request"))
    #expect(authorization.contains("x-amz-content-sha256") && authorization.contains("x-amz-security-token"))
    #expect(!authorization.contains("hush"))
  }

  @Test(arguments: [
    ("https://a.org/x", "https://a.org:443/y", true), ("https://A.org", "HTTPS://a.ORG/y?z#/", true),
    ("http://a.org", "http://a.org:80", true), ("http://[::1]:8080/x", "http://[::1]:8080", true),
    ("https://a.org/x", "http://a.org/x", false), ("https://a.org", "http://a.org:443", false),
    ("https://a.org", "https://a.org:444", false), ("https://a.org", "https://b.org", false),
    ("https://a.org", "https://a.org.b.org", false), ("http://[::1]", "http://[::1]:81", false),
    ("http://a.org", "http://b.org#@a.org", false), ("http://a.org", "http://a.org\\@b.org", false),
    ("http://a.org", "http://b.org?@a.org", false), ("http://a.org", "http://x:y@a.org", false),
  ])
  func originsAreSchemeHostAndPort(first: String, second: String, areSame: Bool) throws {
    let (one, other) = (try #require(Origin(first)), Origin(second))
    #expect((one == other) == areSame)
  }

  @Test func redirectionsAreBounded() throws {
    let server = try CacheServer { _ in .redirect("/again") }
    let url = server.url + "/cas/a"
    #expect(throws: TransferError.misdirected(url: url, reason: "it redirects more than 10 times")) {
      try client.head(url, check: {})
    }
    #expect(server.requests.count == 11)
    for address in ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:1/x", "javascript:1"] {
      let server = try CacheServer { _ in .redirect(address) }
      let url = server.url + "/cas/a"
      let error = TransferError.misdirected(url: url, reason: "it redirects to what is neither http nor https")
      #expect(throws: error) { try client.get(url, limit: 1 << 20, check: {}) }
      #expect(server.requests.count == 1)
    }
  }

  @Test func redirectedUploadsArriveWhole() throws {
    let elsewhere = try CacheServer()
    let server = try CacheServer { .redirect("\(elsewhere.url)\($0.path)") }
    let data = Data(repeating: 7, count: 200_000)
    try client.put(data, sha256: "", at: server.url + "/cas/a", check: {})
    #expect(elsewhere.files["/cas/a"] == Array(data))
  }
}
