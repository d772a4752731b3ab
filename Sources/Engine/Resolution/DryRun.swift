import ArtifactStore
import JSONSyntax
import Planning
import StageKit

/// What a run would do, and what is there already. Nothing is executed.
public struct DryRun: Sendable {
  /// Every action in the order of the plan. Actions for items whose names are still unknown stand as one.
  public let actions: [PlannedAction]
  /// The outputs that are complete.
  public let artifacts: [OutputReference: Artifact]
  /// By stage id, the steps of stages all of whose inputs are there, and what the store has for them.
  package let known: [String: LookedUpStage]
  /// What earlier actions tell.
  package let history: History

  /// The actions that are done, as far as all inputs of their stages are there.
  package var doneKeys: [Digest] { known.values.flatMap(\.records).compactMap { $0?.key } }

  public var cached: Int { actions.count(where: \.isCached) }

  /// Walks the plan, looking every action up in the store.
  /// - Throws: ``ExecutionError`` or `StoreError`.
  public init(of plan: Plan, in store: Store) throws { try self.init(of: plan, in: store, history: History(of: store)) }

  package init(of plan: Plan, in store: Store, history: History) throws {
    var resolver = PlanResolver(plan: plan, store: store)
    var actions: [PlannedAction] = []
    var known: [String: LookedUpStage] = [:]
    for stage in plan.stages {
      let steps = try resolver.steps(of: stage)
      let found = try steps.concurrentMap { try Self.look(at: $0, in: store, history) }
      actions += try zip(steps, found).map { step, found in
        PlannedAction(
          id: step.id, stage: stage, status: found.0,
          downloads: found.1 == nil ? try Self.downloads(step, in: store) : [])
      }
      let looked = LookedUpStage(stage, steps: steps, records: found.map(\.1))
      if steps.allSatisfy(\.isReady) { known[stage.id] = looked }
      resolver.settle(looked)
    }
    (self.actions, self.artifacts, self.known, self.history) = (actions, resolver.artifacts, known, history)
  }

  private static func downloads(_ step: ResolvedAction, in store: Store) throws -> [SourceFile] {
    guard case .ready(let action) = step.readiness else { return [] }
    return try action.sources.values.joined().filter { try $0.url != nil && !store.hasDownload($0.digest) }
  }

  private static func look(
    at step: ResolvedAction, in store: Store, _ history: History
  ) throws -> (PlannedAction.Status, FinishedAction?) {
    switch step.readiness {
    case .blocked(let port): return (.run(.blocked(by: port)), nil)
    case .ready(let action):
      switch try store.lookup(action.key) {
      case .hit(let record): return (.cached, record)
      case .miss(let miss): return (.run(try history.reason(for: action, miss)), nil)
      }
    }
  }
}

extension PlannedStage {
  /// Where the stage stands in the recipe's sweeps: `{"steps": 40}`.
  package var axesJSON: JSON { .object(axes.map { JSON.Member($0.name, $0.value.json) }) }
}
