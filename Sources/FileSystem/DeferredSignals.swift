import Foundation
import Synchronization

/// Signals that end a process, put off while something is half done that nobody would clean up.
package enum DeferredSignals {
  private static let numbers = [SIGINT, SIGTERM, SIGHUP]
  /// The last one that came meanwhile; 0 for none.
  private static let pending = Atomic<Int32>(0)
  /// How many are at it: the first one in defers the signals, the last one out lets them act.
  private static let users = Mutex<(count: Int, deferred: [Int32])>((0, []))

  /// Performs `body`. A signal that would have ended the process meanwhile ends it behind that.
  package static func during<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    users.withLock { users in
      users.count += 1
      guard users.count == 1 else { return }
      users.deferred = numbers.filter { number in
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0, isDefault(action) else { return false }
        signal(number) { number in DeferredSignals.pending.store(number, ordering: .relaxed) }
        return true
      }
    }
    defer {
      let number = users.withLock { users -> Int32 in
        users.count -= 1
        guard users.count == 0 else { return 0 }
        for number in users.deferred { signal(number, SIG_DFL) }
        return pending.exchange(0, ordering: .relaxed)
      }
      if number != 0 { kill(getpid(), number) }
    }
    return try body()
  }

  private static func isDefault(_ action: sigaction) -> Bool {
    unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_DFL, to: Int.self)
  }
}
