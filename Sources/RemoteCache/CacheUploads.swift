import Engine
import Foundation
import StageKit
import Synchronization

/// Uploads to a shared cache, beside a run.
final class CacheUploads: Sendable {
  private let limiter = ConcurrencyLimiter(4)
  private let state = Mutex(State())

  private struct State {
    /// Not begun or under way.
    var waiting = 0
    var failed = 0
  }

  /// Has `upload` done, some time; it tells whether the server took it.
  func add(_ upload: @escaping @Sendable () -> Bool) {
    state.withLock { $0.waiting += 1 }
    limiter.add { [self] in
      let isDone = upload()
      state.withLock { state in
        state.waiting -= 1
        if !isDone { state.failed += 1 }
      }
    }
  }

  /// Waits for what is left, while the server takes it and nobody interrupts.
  /// - Returns: of how many actions the results were not uploaded.
  func finish(_ interruption: Interruption, say: (String) -> Void) -> Int {
    let start = ContinuousClock.now
    var isSaid = false
    while true {
      let (waiting, failed) = state.withLock { ($0.waiting, $0.failed) }
      if waiting == 0 || interruption.isRequested {
        // Of the next run it is not.
        state.withLock { $0.failed = 0 }
        return waiting + failed
      }
      if !isSaid, ContinuousClock.now - start > .seconds(1) {
        say("uploading to the cache what \(Readable.count(waiting, "action")) made")
        isSaid = true
      }
      Thread.sleep(forTimeInterval: 0.01)
    }
  }
}
