import ArtifactStore
import Engine
import Foundation
import JSONSyntax
import Planning
import StageKit

/// Brings what a plan makes to a shared cache and from it, without executing anything.
public struct CacheExchange: Sendable {
  private let plan: Plan
  private let store: Store
  public let cache: HTTPCache

  public init(of plan: Plan, between store: Store, and cache: HTTPCache) {
    (self.plan, self.store, self.cache) = (plan, store, cache)
  }

  /// What was brought to the cache.
  public struct Pushed: Sendable {
    /// Actions whose results the cache has now, and those whose results it did not take.
    public var pushed = 0
    public var failed = 0
    /// Those whose results are not in the store.
    public var missing = 0
    /// Objects that had to be uploaded, and their bytes.
    public var objects = 0
    public var bytes = 0
  }

  /// What was brought from the cache.
  public struct Pulled: Sendable {
    /// Actions whose results were in the store.
    public var cached = 0
    public var fetched = 0
    public var missing = 0
  }

  /// Uploads the results of all actions that are in the store.
  /// - Throws: `Cancelled`, `StoreError` or ``ExecutionError``.
  public func push() async throws -> Pushed {
    let records = try await perform(.report) { $0.stages.flatMap(\.actions).map(\.record) }
    var pushed = Pushed()
    pushed.missing = records.count { $0 == nil }
    for upload in try await cache.upload(records.compactMap { $0?.key }.uniqued, from: store) {
      guard let upload else {
        pushed.failed += 1
        continue
      }
      pushed.pushed += 1
      pushed.objects += upload.objects
      pushed.bytes += upload.bytes
    }
    return pushed
  }

  /// Puts into the store what the cache has of the actions that are not there, and takes note of it as of a run.
  /// - Throws: `Cancelled`, `StoreError` or ``ExecutionError``.
  public func pull() async throws -> Pulled {
    let (done, missing) = try await perform(.fetch(from: cache)) { ($0.results, $0.missing) }
    let fetched = done.count { if case .fetched = $0.status { true } else { false } }
    // It is there to be used: `gc` takes it for what a run has made.
    if !done.isEmpty { try store.register(RegisteredRun(of: plan, keys: done.map(\.key), isWhole: missing == 0)) }
    return Pulled(cached: done.count - fetched, fetched: fetched, missing: missing)
  }

  /// Goes through the plan, and tells what came of it.
  private func perform<Told: Sendable>(
    _ policy: MissingPolicy, _ told: @escaping @Sendable (Scheduler) -> Told
  ) async throws -> Told {
    try await onOwnThread {
      let scheduler = Scheduler(of: plan, in: store, missing: policy)
      _ = try scheduler.perform()
      return told(scheduler)
    }
  }
}

extension CacheExchange.Pushed {
  public var json: JSON {
    [
      "pushed": .int(pushed), "failed": .int(failed), "missing": .int(missing), "objects": .int(objects),
      "bytes": .int(bytes),
    ]
  }
}

extension CacheExchange.Pulled {
  public var json: JSON { ["cached": .int(cached), "fetched": .int(fetched), "missing": .int(missing)] }
}
