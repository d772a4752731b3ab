import Foundation
import Synchronization

/// Does blocking work on a thread of its own, not on the few that serve tasks.
package func onOwnThread<Made: Sendable>(_ work: @escaping @Sendable () throws -> Made) async throws -> Made {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Result { try work() }) }
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
