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

  /// Takes what the action `key` made, some time, if that is wanted.
  func take(_ key: Digest, from store: Store)

  /// Waits for what it still takes, while it does and nobody interrupts.
  /// - Returns: of how many actions it did not take the results.
  func finish(_ interruption: Interruption, say: (String) -> Void) -> Int
}
