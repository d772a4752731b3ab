import Escaping
import Foundation
import Synchronization

/// A small HTTP server for the browser of the person at this machine: it listens on the loopback address alone, answers
/// GET, one request a connection, and knows nothing of what it serves.
///
/// FlyingFox would do, but brings Foundation's networking, which cannot be linked into a program that stands by itself
/// without libcurl's development files.
final class HTTPListener: Sendable {
  struct Request: Sendable {
    /// Without the query, percent signs resolved.
    let path: String
    let query: [(name: String, value: String)]

    /// The first value called `name`.
    subscript(name: String) -> String? { query.first { $0.name == name }?.value }
  }

  enum Answer: Sendable {
    case found(Data, type: String, policy: String? = nil)
    /// Nothing is here.
    case missing(String)
    /// The request makes no sense.
    case refused(String)
    /// Events for as long as the browser listens: what is returned is sent, nothing where there is no news; nil ends it.
    case events(next: @Sendable () -> String?)
  }

  /// So many connections at once; a page takes a few.
  private static let connectionLimit = 64
  private static let headLimit = 16_384
  /// Seconds that a browser has to say what it wants, and to take the next piece of an answer.
  private static let patience = 10

  let port: UInt16
  private let socket: Int32
  private let count = Mutex(0)
  private let answer: @Sendable (Request) -> Answer

  /// - Parameter port: 0 for any that is free.
  /// - Throws: ``ListenError`` where the port is taken.
  init(port: UInt16, answer: @escaping @Sendable (Request) -> Answer) throws(ListenError) {
    self.answer = answer
    let listener = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | UInt32(SOCK_CLOEXEC.rawValue)), 0)
    guard listener >= 0 else { throw ListenError(port: port, code: errno) }
    var yes: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isListening = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(listener, pointer, size) == 0 && listen(listener, 64) == 0 && getsockname(listener, pointer, &size) == 0
      }
    }
    guard isListening else {
      let code = errno
      close(listener)
      throw ListenError(port: port, code: code)
    }
    socket = listener
    self.port = UInt16(bigEndian: address.sin_port)
  }

  deinit { close(socket) }

  /// Answers until `isOver`.
  func run(until isOver: @Sendable () -> Bool) {
    while !isOver() {
      var waiting = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, 200) > 0 else { continue }
      let connection = accept(socket, nil, nil)
      guard connection >= 0 else {
        // Where it has no file left for another connection, the next moment may be better.
        usleep(50_000)
        continue
      }
      _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
      let isWelcome = count.withLock { count in
        guard count < Self.connectionLimit else { return false }
        count += 1
        return true
      }
      guard isWelcome else {
        close(connection)
        continue
      }
      Thread { [self] in serve(connection) }.start()
    }
  }

  // MARK: One connection

  private func serve(_ connection: Int32) {
    defer {
      close(connection)
      count.withLock { $0 -= 1 }
    }
    var limit = timeval(tv_sec: Self.patience, tv_usec: 0)
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    guard let head = head(of: connection) else { return }
    guard let (method, request, host) = Self.request(head) else {
      return send(connection, "400 Bad Request", "text/plain", Data("no request\n".utf8))
    }
    guard method == "GET" else {
      return send(connection, "405 Method Not Allowed", "text/plain", Data("only GET\n".utf8))
    }
    // A name of another server that was made to lead here is none of ours.
    guard let host, ["127.0.0.1:\(port)", "localhost:\(port)"].contains(host) else {
      return send(connection, "421 Misdirected Request", "text/plain", Data("another host\n".utf8))
    }
    switch answer(request) {
    case .found(let data, let type, let policy): send(connection, "200 OK", type, data, policy: policy)
    case .missing(let what): send(connection, "404 Not Found", "text/plain; charset=utf-8", Data((what + "\n").utf8))
    case .refused(let why): send(connection, "400 Bad Request", "text/plain; charset=utf-8", Data((why + "\n").utf8))
    case .events(let next): follow(connection, next)
    }
  }

  private func follow(_ connection: Int32, _ next: @Sendable () -> String?) {
    let head =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    guard write(Data(head.utf8), to: connection) else { return }
    var silent = 0
    while let news = next() {
      silent = news.isEmpty ? silent + 1 : 0
      // A word now and then tells whether somebody listens.
      let text = silent >= 20 ? ":\n\n" : news
      if silent >= 20 { silent = 0 }
      if !text.isEmpty, !write(Data(text.utf8), to: connection) { return }
      var watched = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
      // Whoever says something more, or nothing at all any more, has gone.
      if poll(&watched, 1, 500) > 0 { return }
    }
  }

  /// What stands before the empty line; nil where that does not come in time.
  private func head(of connection: Int32) -> [UInt8]? {
    var bytes: [UInt8] = []
    let end = Array("\r\n\r\n".utf8)
    let deadline = ContinuousClock.now + .seconds(Self.patience)
    while bytes.count < Self.headLimit, ContinuousClock.now < deadline {
      var piece = [UInt8](repeating: 0, count: 4096)
      let count = recv(connection, &piece, piece.count, 0)
      guard count > 0 else { return nil }
      bytes += piece[..<count]
      if let range = bytes.firstRange(of: end) { return Array(bytes[..<range.lowerBound]) }
    }
    return nil
  }

  /// The request in a head, and which server it is meant for.
  static func request(_ head: [UInt8]) -> (method: String, request: Request, host: String?)? {
    guard let text = String(validating: head, as: UTF8.self) else { return nil }
    let lines = text.components(separatedBy: "\r\n")
    let words = lines[0].parts(at: " ", omittingEmpty: false)
    guard words.count == 3, words[2].begins(with: "HTTP/1."), words[1].begins(with: "/") else { return nil }
    let parts = words[1].parts(at: "?", maxSplits: 1, omittingEmpty: false)
    guard let path = parts[0].removingPercentEncoding, !path.utf8.contains(0) else { return nil }
    var query: [(name: String, value: String)] = []
    for pair in (parts.count > 1 ? parts[1] : "").parts(at: "&") {
      let sides = pair.parts(at: "=", maxSplits: 1, omittingEmpty: false).map {
        $0.replacingScalar("+", with: " ").removingPercentEncoding
      }
      guard let name = sides[0], let value = sides.count > 1 ? sides[1] : "" else { return nil }
      query.append((name, value))
    }
    let host = lines.dropFirst().lazy.compactMap { line -> String? in
      guard line.lowercased().hasPrefix("host:") else { return nil }
      return line.dropFirst("host:".count).trimmingCharacters(in: .whitespaces).lowercased()
    }.first
    return (words[0], Request(path: path, query: query), host)
  }

  private func send(_ connection: Int32, _ status: String, _ type: String, _ data: Data, policy: String? = nil) {
    let policy = policy ?? "default-src 'none'"
    let head = """
      HTTP/1.1 \(status)\r
      Content-Type: \(type)\r
      Content-Length: \(data.count)\r
      Content-Security-Policy: \(policy)\r
      X-Content-Type-Options: nosniff\r
      Referrer-Policy: no-referrer\r
      Cross-Origin-Resource-Policy: same-origin\r
      X-Frame-Options: DENY\r
      Cache-Control: no-store\r
      Connection: close\r
      \r

      """
    if write(Data(head.utf8), to: connection) { _ = write(data, to: connection) }
    shutdown(connection, Int32(SHUT_WR))
  }

  /// Whether all of it was taken.
  private func write(_ data: Data, to connection: Int32) -> Bool {
    data.withUnsafeBytes { bytes in
      var sent = 0
      while sent < bytes.count {
        let count = Glibc.send(connection, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        sent += count
      }
      return true
    }
  }
}

/// A port that cannot be listened at.
public struct ListenError: Error, CustomStringConvertible {
  let port: UInt16
  let code: Int32

  public var description: String {
    "cannot listen at 127.0.0.1:\(port): \(String(cString: strerror(code))): choose another port with --port"
  }
}
