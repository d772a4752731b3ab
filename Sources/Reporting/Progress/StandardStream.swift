import Foundation
import Synchronization

/// One of the two streams that the program writes to, which may lead to a full disk or to nobody.
public final class StandardStream: Sendable {
  public static let output = StandardStream(descriptor: STDOUT_FILENO)
  public static let errors = StandardStream(descriptor: STDERR_FILENO)

  private let descriptor: Int32
  /// The number of the first error.
  private let code = Mutex<Int32?>(nil)

  private init(descriptor: Int32) { self.descriptor = descriptor }

  /// Writes text as it is. What cannot be written is lost, which ``failure`` tells: the work that the text is about
  /// goes on.
  public func write(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count >= 0 {
          rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        } else if errno != EINTR {
          let error = errno
          code.withLock { $0 = $0 ?? error }
          return
        }
      }
    }
  }

  /// Why something could not be written; nil where all was.
  public var failure: String? { code.withLock { $0.map { String(cString: strerror($0)) } } }
}
