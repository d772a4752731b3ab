import ArtifactStore
import Foundation
import OrderedCollections
import Planning
import StageKit

/// Brings a plan about: takes from the store what is there and executes the rest.
///
/// The actor owns what is known so far; actions run on threads of their own, one after the other.
actor Executor {
  private let plan: Plan
  private let store: Store
  private let runner: ActionRunner
  private let interruption: Interruption
  private let emit: @Sendable (RunEvent) -> Void
  /// Records found while planning, so that they are not read twice.
  private var known: [Digest: ActionRecord]
  /// What has become of each action, in the order they were met.
  private(set) var results: OrderedDictionary<ActionID, ActionResult> = [:]

  init(
    plan: Plan, store: Store, known: [Digest: ActionRecord], runner: ActionRunner, interruption: Interruption,
    emit: @escaping @Sendable (RunEvent) -> Void
  ) {
    (self.plan, self.store, self.known, self.runner) = (plan, store, known, runner)
    (self.interruption, self.emit) = (interruption, emit)
  }

  /// Makes every artifact of the plan. May be called again when the store turned out to have lost something.
  /// - Throws: ``ActionFailure``, ``ExecutionError``, `StoreError` or `Cancelled`; what was finished is kept.
  func run() async throws -> [OutputReference: Artifact] {
    var walk = Walk(plan: plan, store: store)
    for stage in plan.stages {
      let steps = try walk.steps(of: stage)
      emit(.stage(stage.id, actions: steps.count))
      var made: [(step: Step, record: ActionRecord?)] = []
      for step in steps {
        guard case .ready(let action) = step.prospect else { preconditionFailure("predecessors have run") }
        made.append((step, try await record(of: action)))
      }
      walk.settle(stage, made)
      emit(.stageDone(stage.id))
    }
    store.sources.save()
    return walk.artifacts
  }

  /// Forgets what was found in the store, so that it is looked up again.
  func forget() { known = [:] }

  private func record(of action: Action) async throws -> ActionRecord {
    try interruption.check()
    if let record = known[action.key] { return cached(action, record) }
    switch try store.lookup(action.key) {
    case .hit(let record): return cached(action, record)
    case .miss(let reason):
      do {
        switch try await offloaded({ [runner] in try runner.perform(action, reason: reason.description) }) {
        case .cached(let record): return cached(action, record)
        case .ran(let record):
          results[action.id] = ActionResult(action, .ran(reason: reason.description), record)
          return record
        }
      } catch let failure as ActionFailure {
        results[action.id] = ActionResult(action, .failed(message: failure.message), nil)
        throw failure
      }
    }
  }

  private func cached(_ action: Action, _ record: ActionRecord) -> ActionRecord {
    if results[action.id] == nil {
      results[action.id] = ActionResult(action, .cached, record)
      emit(.cached(action.id))
    }
    return record
  }
}

/// What became of one action in a run.
public struct ActionResult: Sendable {
  public enum Status: Sendable, Hashable {
    case cached
    case ran(reason: String)
    case failed(message: String)
  }

  public let id: ActionID
  public let stage: PlannedStage
  public let key: Digest
  public let status: Status
  /// How it went when it was executed, now or earlier; nil for one that failed.
  public let provenance: Provenance?

  init(_ action: Action, _ status: Status, _ record: ActionRecord?) {
    (id, stage, key) = (action.id, action.stage, action.key)
    (self.status, provenance) = (status, record?.provenance)
  }
}

/// Does blocking work on a thread of its own, not on the few that serve tasks.
private func offloaded<Made: Sendable>(_ work: @escaping @Sendable () throws -> Made) async throws -> Made {
  try await withCheckedThrowingContinuation { continuation in
    DispatchQueue.global().async { continuation.resume(with: Result { try work() }) }
  }
}
