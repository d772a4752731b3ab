import Foundation
import Synchronization
import Testing
import Transfers

@testable import Serving

/// The server behind the page of runs.
struct HTTPListenerTests {
  private func parsed(_ head: String) -> (method: String, request: HTTPListener.Request, host: String?)? {
    HTTPListener.request(Array(head.utf8))
  }

  @Test func requests() throws {
    let found = try #require(parsed("GET /a/b%20c?run=x%2Fy&flag&run=z+1 HTTP/1.1\r\nX: y\r\nHost: LocalHost:80\r\n"))
    #expect(found.method == "GET" && found.host == "localhost:80")
    #expect(found.request.path == "/a/b c" && found.request["run"] == "x/y" && found.request["flag"] == "")
    #expect(found.request.query.map(\.value) == ["x/y", "", "z 1"] && found.request["other"] == nil)
  }

  @Test(arguments: [
    "", "GET", "GET / HTTP/2", "GET a HTTP/1.1", "GET / x HTTP/1.1", "GET /%ff HTTP/1.1", "GET /%00 HTTP/1.1",
    "GET http://a/ HTTP/1.1", "GET /?%zz HTTP/1.1",
  ])
  func whatIsNoRequest(head: String) { #expect(parsed(head + "\r\nHost: a") == nil) }

  /// What this serves while `work` asks it.
  private func serving(
    _ answer: @escaping @Sendable (HTTPListener.Request) -> HTTPListener.Answer, _ work: (String) throws -> Void
  ) throws {
    let listener = try HTTPListener(port: 0, answer: answer)
    let isOver = Mutex(false)
    let ended = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      listener.run { isOver.withLock { $0 } }
      ended.signal()
    }
    defer {
      isOver.withLock { $0 = true }
      ended.wait()
    }
    try work("http://127.0.0.1:\(listener.port)")
  }

  @Test func answers() throws {
    let client = WebClient(connecting: 2, silence: 5)
    let large = Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
    try serving { request in
      switch request.path {
      case "/large": .found(large, type: "application/octet-stream")
      case "/wrong": .refused("no")
      default: .missing("nothing")
      }
    } _: { url in
      let data = try client.get(url + "/large", limit: 1 << 23, check: {})
      #expect(data == large)
      for (path, status) in [("/wrong", 400), ("/other", 404)] {
        do { _ = try client.get(url + path, limit: 100, check: {}) } catch TransferError.refused(_, let found, _) {
          #expect(found == status)
        }
      }
      // Nothing but GET.
      #expect(throws: TransferError.self) { try client.put(Data([1]), sha256: "", at: url + "/large", check: {}) }
      // A name that leads here, but is another server's.
      let other = url.replacing("127.0.0.1", with: "127.0.0.2")
      #expect(throws: TransferError.self) { try client.get(other + "/large", limit: 1 << 23, check: {}) }
    }
  }

  @Test func newsUntilTheEnd() throws {
    let rest = Mutex(["data: 1\n\n", "", "data: 2\n\n"])
    try serving { _ in
      .events { rest.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
    } _: { url in
      let client = WebClient(connecting: 2, silence: 10)
      let news = try client.get(url + "/", limit: 1000, check: {})
      #expect(news == Data("data: 1\n\ndata: 2\n\n".utf8))
    }
  }

  /// Whoever opens connections and says nothing takes neither threads nor files without end, nor the page from others.
  @Test func noMoreConnectionsThanItTakes() throws {
    try serving { _ in
      .missing("nothing")
    } _: { url in
      let port = try #require(URL(string: url)?.port.flatMap { UInt16(exactly: $0) })
      func sockets() throws -> Int {
        let files = FileManager.default
        return try files.contentsOfDirectory(atPath: "/proc/self/fd").count {
          (try? files.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)"))?.hasPrefix("socket:") ?? false
        }
      }
      let before = try sockets()
      let silent = (0..<200).map { _ in connected(to: port) }
      defer { for socket in silent { close(socket) } }
      #expect(!silent.contains { $0 < 0 })
      Thread.sleep(forTimeInterval: 0.5)
      // On both sides, and what other tests have open.
      #expect(try sockets() - before < 200 + 64 + 40)
      for socket in silent.prefix(100) { shutdown(socket, Int32(SHUT_RDWR)) }
      Thread.sleep(forTimeInterval: 0.5)
      do {
        _ = try WebClient(connecting: 2, silence: 5).get(url + "/", limit: 100, check: {})
      } catch TransferError
        .refused(_, let status, _)
      {
        #expect(status == 404)
      }
    }
  }

  private func connected(to port: UInt16) -> Int32 {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, size) }
    }
    return code == 0 && send(socket, "G", 1, Int32(MSG_NOSIGNAL)) == 1 ? socket : -1
  }

  @Test func aPortThatIsTaken() throws {
    let listener = try HTTPListener(port: 0) { _ in .missing("") }
    do {
      _ = try HTTPListener(port: listener.port) { _ in .missing("") }
      Issue.record("two listen at one port")
    } catch { #expect("\(error)".hasSuffix("choose another port with --port")) }
  }
}
