import Foundation
import Synchronization

/// An HTTP server on this machine that answers each request as it is told: honestly, or by stalling, breaking off and
/// lying.
package final class ScriptedServer: Sendable {
  /// What to do with one request, whose first wanted byte is `offset`.
  package enum Answer: Sendable {
    /// The bytes from where they are asked for.
    case serve
    /// All of the bytes, whatever is asked for, as servers do that know no ranges.
    case serveWhole
    /// All of the bytes, without saying how many there are.
    case serveWithoutLength
    /// The bytes asked for, of which it says that there are so many.
    case claim(Int)
    /// The first so many of the bytes asked for, then nothing more, with the connection closed.
    case breakOff(after: Int)
    /// The same with the connection left open.
    case stall(after: Int)
    /// As many bytes as asked for, all of them zero.
    case lie
    /// A status line such as `404 Not Found`, and a text that is no file.
    case refuse(String)
    /// A redirection to another path.
    case redirect(String)
  }

  /// The file that it has.
  private let content: [UInt8]
  private let listener: LocalListener
  package var port: Int { listener.port }
  private let state: Mutex<State>

  private struct State {
    var answers: [Answer]
    var offsets: [Int] = []
  }

  /// - Parameter answers: one for each request to come, then honest ones.
  package init(_ content: [UInt8], answers: [Answer] = []) throws {
    self.content = content
    state = Mutex(State(answers: answers))
    listener = try LocalListener()
    listener.start { self.serve($0) }
  }

  /// Ends the server: nobody can reach it any more.
  package func close() { listener.close() }

  package var url: String { "http://127.0.0.1:\(port)/files/weights.bin?download=1" }

  /// The first byte asked for by each request so far.
  package var requests: [Int] { state.withLock { $0.offsets } }

  private func serve(_ connection: Int32) {
    var request = ""
    var piece = [UInt8](repeating: 0, count: 4096)
    while !request.contains("\r\n\r\n") {
      let count = recv(connection, &piece, piece.count, 0)
      if count <= 0 { return }
      request += String(decoding: piece[..<count], as: UTF8.self)
    }
    let range = request.range(of: "Range: bytes=").map { request[$0.upperBound...].prefix { $0 != "-" } }
    let offset = range.flatMap { Int($0) } ?? 0
    let answer = state.withLock { state in
      state.offsets.append(offset)
      return state.answers.isEmpty ? .serve : state.answers.removeFirst()
    }
    func head(_ status: String, _ lines: String) {
      LocalListener.send(
        connection, Array("HTTP/1.1 \(status)\r\n\(lines)Connection: close\r\n\r\n".utf8))
    }
    func begin(at place: Int) {
      let total = content.count
      let range = place > 0 ? "Content-Range: bytes \(place)-\(total - 1)/\(total)\r\n" : ""
      head(place > 0 ? "206 Partial Content" : "200 OK", "\(range)Content-Length: \(total - place)\r\n")
    }
    if offset >= content.count, offset > 0 {
      if case .serveWhole = answer {
      } else {
        return head("416 Range Not Satisfiable", "Content-Range: bytes */\(content.count)\r\nContent-Length: 0\r\n")
      }
    }
    switch answer {
    case .serve:
      begin(at: offset)
      LocalListener.send(connection, content[offset...])
    case .serveWhole:
      begin(at: 0)
      LocalListener.send(connection, content[...])
    case .serveWithoutLength:
      head("200 OK", "")
      LocalListener.send(connection, content[...])
    case .claim(let length):
      head(offset > 0 ? "206 Partial Content" : "200 OK", "Content-Length: \(length)\r\n")
      LocalListener.send(connection, content[offset...])
    case .breakOff(let count):
      begin(at: offset)
      LocalListener.send(connection, content[offset...].prefix(count))
    case .stall(let count):
      begin(at: offset)
      LocalListener.send(connection, content[offset...].prefix(count))
      // Until the other side gives up.
      _ = recv(connection, &piece, 1, 0)
    case .lie:
      begin(at: offset)
      LocalListener.send(connection, [UInt8](repeating: 0, count: content.count - offset)[...])
    case .refuse(let status):
      let text = "<html>\(status)</html>"
      head(status, "Content-Length: \(text.utf8.count)\r\n")
      LocalListener.send(connection, Array(text.utf8)[...])
    case .redirect(let path):
      head("302 Found", "Location: \(path)\r\nContent-Length: 0\r\n")
    }
  }
}
