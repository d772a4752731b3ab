import Foundation
import Synchronization

/// Does work that waits for others, so much at once, on threads of its own: those that serve tasks and actions are few.
final class ConcurrencyLimiter: Sendable {
  private struct State {
    var waiting: [@Sendable () -> Void] = []
    /// How many of them were begun.
    var begun = 0
    var threads = 0
  }

  private let limit: Int
  private let state = Mutex(State())

  /// - Parameter limit: how much at once.
  init(_ limit: Int) { self.limit = limit }

  /// Does `work`, once it is its turn.
  func add(_ work: @escaping @Sendable () -> Void) {
    let needsThread = state.withLock { state in
      state.waiting.append(work)
      guard state.threads < limit else { return false }
      state.threads += 1
      return true
    }
    if needsThread { Thread.detachNewThread { while let work = self.next() { work() } } }
  }

  /// What is next; nil where the thread that asks may end.
  private func next() -> (@Sendable () -> Void)? {
    state.withLock { state in
      guard state.begun < state.waiting.count else {
        state.threads -= 1
        (state.waiting, state.begun) = ([], 0)
        return nil
      }
      state.begun += 1
      return state.waiting[state.begun - 1]
    }
  }

  /// The elements transformed. The order is kept; of several errors, the first element's is thrown, when all are done.
  func map<Element: Sendable, Made: Sendable>(
    _ elements: [Element], _ transform: @escaping @Sendable (Element) throws -> Made
  ) async throws -> [Made] {
    try await withThrowingTaskGroup(of: (Int, Result<Made, any Error>).self) { group in
      for (place, element) in elements.enumerated() {
        group.addTask {
          await withCheckedContinuation { continuation in
            self.add { continuation.resume(returning: (place, Result { try transform(element) })) }
          }
        }
      }
      var made = [Result<Made, any Error>?](repeating: nil, count: elements.count)
      for try await (place, result) in group { made[place] = result }
      return try made.compactMap { try $0?.get() }
    }
  }
}
