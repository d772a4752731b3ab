import ArtifactStore
import Engine
import Foundation
import StageKit
import Synchronization

/// Uploads what a run makes to a shared cache, beside the run.
final class CacheUploads: SharedCacheUploads {
  private let cache: HTTPCache
  private let store: Store
  private let limiter = ConcurrencyLimiter(4)
  private let state = Mutex(State())

  private struct State {
    /// Not begun or under way.
    var waiting = 0
    var failed = 0
  }

  init(to cache: HTTPCache, from store: Store) { (self.cache, self.store) = (cache, store) }

  /// Uploads what the action `key` made, some time.
  func add(_ key: Digest) {
    state.withLock { $0.waiting += 1 }
    limiter.add { [self] in
      // The run has what it needs: whatever goes wrong here is only counted.
      let isDone = ((try? cache.upload(key, from: store)) ?? nil) != nil
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
      if waiting == 0 || interruption.isRequested { return waiting + failed }
      if !isSaid, ContinuousClock.now - start > .seconds(1) {
        say("uploading to the cache what \(Readable.count(waiting, "action")) made")
        isSaid = true
      }
      Thread.sleep(forTimeInterval: 0.01)
    }
  }
}
