import FileSystem
import Foundation
import StageKit
import Synchronization

/// Does blocking work on a thread of its own, not on the few that serve tasks.
/// - Throws: what `work` throws; `InputError` where the system gives no thread, of which Foundation's threads say nothing.
package func onOwnThread<Made: Sendable>(_ work: @escaping @Sendable () throws -> Made) async throws -> Made {
  try await withCheckedThrowingContinuation { continuation in
    let start = ThreadStart { continuation.resume(with: Result { try work() }) }
    let code = start.run()
    if code != 0 {
      continuation.resume(
        throwing: InputError("no thread could be started: \(String(cString: strerror(code)))\(Limits.threadAdvice)"))
    }
  }
}

/// What a new thread begins with.
private final class ThreadStart: Sendable {
  private let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) { self.body = body }

  /// - Returns: 0, or why the system gives no thread.
  func run() -> Int32 {
    var (attributes, thread) = (pthread_attr_t(), pthread_t())
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    let held = Unmanaged.passRetained(self)
    let code = pthread_create(
      &thread, &attributes,
      { held in
        if let held { Unmanaged<ThreadStart>.fromOpaque(held).takeRetainedValue().body() }
        return nil
      }, held.toOpaque())
    if code != 0 { held.release() }
    return code
  }
}

/// What one thread waits for and others put there.
final class Mailbox<Letter: Sendable>: Sendable {
  private let letters = Mutex<[Letter]>([])
  private let count = DispatchSemaphore(value: 0)

  func put(_ letter: Letter) {
    letters.withLock { $0.append(letter) }
    count.signal()
  }

  /// The next one, once it is there.
  func take() -> Letter {
    count.wait()
    return letters.withLock { $0.removeFirst() }
  }
}

extension Array {
  /// The elements in consecutive parts, as few as can be of at most `size`, all about as long.
  package func parts(ofAtMost size: Int) -> [[Element]] {
    let parts = (count + size - 1) / size
    return (0..<parts).map { Array(self[$0 * count / parts..<($0 + 1) * count / parts]) }
  }
}
