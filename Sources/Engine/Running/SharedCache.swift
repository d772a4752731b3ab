import ArtifactStore

/// A cache that others share, as a run sees it: it is asked for what the store lacks, and gets what was made.
package protocol SharedCache: Sendable {
  /// Whether it was given up.
  var isAway: Bool { get }

  /// Puts what the cache has of `actions` into the store, as if it had been made here.
  /// - Parameter onHit: called from any thread for each that is there.
  /// - Returns: for each what it made; nil where the cache does not have it.
  func fetch(
    _ actions: [Action], into store: Store, onHit: @escaping @Sendable (Action) -> Void
  ) async throws -> [FinishedAction?]

  /// Takes what is made in `store` from now on; nil where that stays there.
  func uploads(from store: Store) -> (any SharedCacheUploads)?
}

/// What a run gives to a shared cache, beside the run.
package protocol SharedCacheUploads: Sendable {
  /// Uploads what the action `key` made, some time.
  func add(_ key: Digest)

  /// Waits for what is left, while the cache takes it and nobody interrupts.
  /// - Returns: of how many actions the results were not uploaded.
  func finish(_ interruption: Interruption, say: (String) -> Void) -> Int
}
