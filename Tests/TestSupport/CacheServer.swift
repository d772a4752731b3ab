import Foundation
import Synchronization

/// A cache on this machine that keeps what it is given in memory, by GET, HEAD and PUT, and misbehaves as it is told.
package final class CacheServer: Sendable {
  package struct Request: Sendable {
    package let method: String
    /// `/ac/…` or `/cas/…`
    package let path: String
    package let authorization: String?
  }

  /// What to do with one request.
  package enum Answer: Sendable {
    case serve
    /// A status line such as `404 Not Found`, and a text that is no file.
    case refuse(String)
    /// Nothing, with the connection left open.
    case stall
    /// All of it, a byte every tenth of a second.
    case trickle
    /// Half of what is there, then the end of the connection.
    case breakOff
    /// As many bytes as there are, all of them zero.
    case lie
    /// These bytes.
    case give([UInt8])
    /// A redirection to another address.
    case redirect(String)
    /// The end of the server.
    case die
  }

  private struct State {
    var files: [String: [UInt8]]
    var requests: [Request] = []
    var connections = 0
  }

  private let state: Mutex<State>
  private let answer: @Sendable (Request) -> Answer
  private let listener: LocalListener

  /// - Parameters:
  ///   - files: what it has, by path.
  ///   - answer: what to do with each request.
  package init(
    _ files: [String: [UInt8]] = [:], answer: @escaping @Sendable (Request) -> Answer = { _ in .serve }
  ) throws {
    state = Mutex(State(files: files))
    self.answer = answer
    listener = try LocalListener()
    listener.start { self.serve($0) }
  }

  package var url: String { "http://127.0.0.1:\(listener.port)" }
  package var files: [String: [UInt8]] { state.withLock { $0.files } }
  package var requests: [Request] { state.withLock { $0.requests } }
  /// How many connections there were.
  package var connections: Int { state.withLock { $0.connections } }

  /// Ends the server: nobody can reach it any more.
  package func close() { listener.close() }

  private func serve(_ connection: Int32) {
    state.withLock { $0.connections += 1 }
    var received: [UInt8] = []
    while let (request, offset, body) = next(connection, &received) {
      state.withLock { $0.requests.append(request) }
      let file = state.withLock { $0.files[request.path] }
      switch answer(request) {
      case .serve where request.method == "PUT":
        state.withLock { $0.files[request.path] = body }
        respond(connection, "201 Created", [])
      case .serve:
        guard let file else {
          respond(connection, "404 Not Found", Array("nothing".utf8), of: request)
          continue
        }
        let status = offset > 0 ? "206 Partial Content" : "200 OK"
        respond(connection, status, Array(file.dropFirst(offset)), of: request)
      case .refuse(let status): respond(connection, status, Array("<html>\(status)</html>".utf8), of: request)
      case .redirect(let address): respond(connection, "302 Found", [], more: "Location: \(address)\r\n")
      case .lie: respond(connection, "200 OK", [UInt8](repeating: 0, count: file?.count ?? 10), of: request)
      case .give(let bytes): respond(connection, "200 OK", bytes, of: request)
      case .breakOff:
        let file = file ?? Array("something".utf8)
        let head = "HTTP/1.1 200 OK\r\nContent-Length: \(file.count + 1)\r\n\r\n"
        LocalListener.send(connection, Array(head.utf8) + file.prefix(file.count / 2))
        return
      case .trickle:
        let file = file ?? Array("something".utf8)
        LocalListener.send(connection, Array("HTTP/1.1 200 OK\r\nContent-Length: \(file.count)\r\n\r\n".utf8))
        for byte in file where !isClosed(connection) {
          LocalListener.send(connection, [byte])
          usleep(100_000)
        }
        return
      case .stall:
        var byte: UInt8 = 0
        // Until the other side gives up.
        _ = recv(connection, &byte, 1, 0)
        return
      case .die:
        listener.close()
        return
      }
    }
  }

  /// Whether the other side has given up.
  private func isClosed(_ connection: Int32) -> Bool {
    var byte: UInt8 = 0
    return recv(connection, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) == 0
  }

  private func respond(
    _ connection: Int32, _ status: String, _ body: [UInt8], of request: Request? = nil, more: String = ""
  ) {
    let head = "HTTP/1.1 \(status)\r\n\(more)Content-Length: \(body.count)\r\n\r\n"
    LocalListener.send(connection, Array(head.utf8) + (request?.method == "HEAD" ? [] : body))
  }

  /// The next request on a connection, the first byte that it asks for, and its body; nil at the end.
  private func next(_ connection: Int32, _ received: inout [UInt8]) -> (Request, offset: Int, body: [UInt8])? {
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    func receive() -> Bool {
      let count = recv(connection, &piece, piece.count, 0)
      received += piece.prefix(max(0, count))
      return count > 0
    }
    let end = Array("\r\n\r\n".utf8)
    var place = received.firstRange(of: end)
    while place == nil {
      guard receive() else { return nil }
      place = received.firstRange(of: end)
    }
    guard let place else { return nil }
    let lines = String(decoding: received[..<place.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
    func header(_ name: String) -> String? {
      lines.first { $0.lowercased().hasPrefix(name + ":") }
        .map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) }
    }
    let size = header("content-length").flatMap { Int($0) } ?? 0
    while received.count < place.upperBound + size { guard receive() else { return nil } }
    let body = Array(received[place.upperBound..<place.upperBound + size])
    received.removeFirst(place.upperBound + size)
    let words = lines[0].split(separator: " ").map { String($0) }
    guard words.count == 3 else { return nil }
    let range = header("range").map { $0.dropFirst("bytes=".count).prefix { $0 != "-" } }
    return (
      Request(method: words[0], path: words[1], authorization: header("authorization")),
      offset: range.flatMap { Int($0) } ?? 0, body: body
    )
  }
}
