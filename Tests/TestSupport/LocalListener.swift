import Foundation

/// A free port of this machine.
package final class LocalListener: Sendable {
  package let port: Int
  private let socket: Int32

  package init() throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let socket = socket
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, size) == 0 && listen(socket, 64) == 0 && getsockname(socket, $0, &size) == 0
      }
    }
    guard isBound else { throw POSIXError(.EADDRNOTAVAIL) }
    port = Int(UInt16(bigEndian: address.sin_port))
  }

  /// Has `serve` do with each connection what is to be done, on a thread of its own; it is closed then.
  package func start(_ serve: @escaping @Sendable (Int32) -> Void) {
    Thread.detachNewThread { [socket] in
      while true {
        let connection = accept(socket, nil, nil)
        if connection < 0 { return }
        Thread.detachNewThread {
          serve(connection)
          Glibc.close(connection)
        }
      }
    }
  }

  /// Nobody can connect any more.
  package func close() { shutdown(socket, Int32(SHUT_RDWR)) }

  /// Sends all of `bytes`, unless the other side has gone.
  package static func send(_ connection: Int32, _ bytes: some Collection<UInt8>) {
    let bytes = Array(bytes)
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return }
      sent += count
    }
  }
}
