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
    var pushed = Pushed()
    var keys: [Digest] = []
    try await walk { actions, records in
      keys += records.compactMap { $0?.key }
      pushed.missing += records.count { $0 == nil }
      return records
    }
    for upload in try await cache.upload(keys.uniqued, from: store) {
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

  /// Puts into the store what the cache has of the actions that are not there, stage by stage, and takes note of it as
  /// of a run.
  /// - Throws: `Cancelled`, `StoreError` or ``ExecutionError``.
  public func pull() async throws -> Pulled {
    var pulled = Pulled()
    var keys: [Digest] = []
    try await walk { actions, records in
      let places = records.indices.filter { records[$0] == nil && actions[$0] != nil }
      let fetched = try await cache.fetch(places.compactMap { actions[$0] }, into: store) { _ in }
      var records = records
      pulled.cached += records.count { $0 != nil }
      for (place, record) in zip(places, fetched) { records[place] = record }
      pulled.fetched += fetched.count { $0 != nil }
      pulled.missing += records.count { $0 == nil }
      keys += records.compactMap { $0?.key }
      return records
    }
    // It is there to be used: `gc` takes it for what a run has made.
    if !keys.isEmpty { try store.register(RegisteredRun(of: plan, keys: keys, isWhole: pulled.missing == 0)) }
    return pulled
  }

  /// Goes through the plan, and has `visit` say what there is of each stage's actions, by what is in the store.
  private func walk(_ visit: ([Action?], [FinishedAction?]) async throws -> [FinishedAction?]) async throws {
    var resolver = PlanResolver(plan: plan, store: store)
    for stage in plan.stages {
      let steps = try resolver.steps(of: stage)
      let records = try steps.concurrentMap { try $0.finished(in: store) }
      resolver.settle(LookedUpStage(stage, steps: steps, records: try await visit(steps.map(\.action), records)))
    }
    store.saveCaches()
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
