import ArtifactStore
import Planning

/// What a run would do, and what is there already. Nothing is executed.
public struct Forecast: Sendable {
  /// Every action in the order of the plan. Actions for items whose names are still unknown stand as one.
  public let actions: [PlannedAction]
  /// The outputs that are complete.
  public let artifacts: [OutputReference: Artifact]
  /// Records of the cached actions.
  let records: [Digest: FinishedAction]
  /// The steps of the stages all of whose inputs are there, by stage id.
  let steps: [String: [Step]]

  public var cached: Int { actions.count(where: \.isCached) }

  /// Walks the plan, looking every action up in the store.
  /// - Throws: ``ExecutionError`` or `StoreError`.
  public init(of plan: Plan, in store: Store) throws { try self.init(of: plan, in: store, history: History(of: store)) }

  init(of plan: Plan, in store: Store, history: History) throws {
    var walk = Walk(plan: plan, store: store)
    var actions: [PlannedAction] = []
    var records: [Digest: FinishedAction] = [:]
    var readySteps: [String: [Step]] = [:]
    for stage in plan.stages {
      let steps = try walk.steps(of: stage)
      if steps.allSatisfy(\.isReady) { readySteps[stage.id] = steps }
      let results = try steps.map { step in
        let (status, record) = try Self.look(at: step, in: store, history)
        actions.append(PlannedAction(id: step.id, stage: stage, status: status))
        if let record { records[record.key] = record }
        return (step: step, record: record)
      }
      walk.settle(stage, results)
    }
    (self.actions, self.artifacts, self.records) = (actions, walk.artifacts, records)
    steps = readySteps
  }

  private static func look(
    at step: Step, in store: Store, _ history: History
  ) throws -> (PlannedAction.Status, FinishedAction?) {
    switch step.prospect {
    case .blocked(let port): return (.run(.blocked(by: port)), nil)
    case .ready(let action):
      switch try store.lookup(action.key) {
      case .hit(let record): return (.cached, record)
      case .miss(let miss): return (.run(try history.reason(for: action, miss)), nil)
      }
    }
  }

  /// `plan --json`: `{"actions":[…],"counts":{"cached","run"}}`.
  public var json: JSON {
    [
      "actions": .array(actions.map(\.json)),
      "counts": ["cached": .int(cached), "run": .int(actions.count - cached)],
    ]
  }
}

extension PlannedAction {
  var json: JSON {
    let (word, reason): (String, String?) =
      switch status {
      case .cached: ("cached", nil)
      case .run(let reason): ("run", reason.description)
      }
    return [
      "id": .string(id.description), "stage": .string(stage.name), "kind": .string(stage.kind.name),
      "item": .optional(id.item), "axes": stage.axesJSON, "status": .string(word), "reason": .optional(reason),
    ]
  }
}

extension PlannedStage {
  /// Where the stage stands in the recipe's sweeps: `{"return_step": 300}`.
  var axesJSON: JSON { .object(axes.map { JSON.Member($0.name, $0.value.json) }) }
}
