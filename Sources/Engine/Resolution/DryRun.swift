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
  /// Every stage, by id, as far as its inputs are there.
  package let stages: [String: ResolvedStage]
  /// What earlier actions tell.
  package let history: History

  /// The stages all of whose inputs are there.
  var known: [String: ResolvedStage] { stages.filter { !$1.actions.contains(where: \.isBlocked) } }

  /// The actions that are done, as far as all inputs of their stages are there.
  package var doneKeys: [Digest] { known.values.flatMap(\.actions).compactMap { $0.record?.key } }

  public var cached: Int { actions.count(where: \.isCached) }

  /// The ids of the stages of which something is to run.
  public var unfinished: Set<String> { Set(actions.lazy.filter { !$0.isCached }.map(\.id.stage)) }

  /// Looks every action up in the store.
  /// - Throws: ``ExecutionError`` or `StoreError`.
  public init(of plan: Plan, in store: Store) throws {
    try self.init(of: plan, in: store, history: History(of: store, recipe: plan.recipe))
  }

  package init(of plan: Plan, in store: Store, history: History) throws {
    let scheduler = Scheduler(of: plan, in: store, missing: .report, history: history)
    artifacts = try scheduler.perform()
    actions = try scheduler.stages.flatMap { stage in try stage.actions.map { try $0.planned(stage.stage, in: store) } }
    stages = Dictionary(scheduler.stages.map { ($0.stage.id, $0) }) { first, _ in first }
    self.history = history
  }
}

extension ResolvedAction {
  /// The action as `plan` shows it.
  fileprivate func planned(_ stage: PlannedStage, in store: Store) throws -> PlannedAction {
    var downloads: [SourceFile] = []
    let status: PlannedAction.Status
    switch state {
    case .done: status = .cached
    case .blocked(let port): status = .run(.blocked(by: port))
    case .missing(let action, let reason):
      status = .run(reason)
      downloads = try action.sources.values.joined().filter { try !$0.urls.isEmpty && !store.hasDownload($0.digest) }
    }
    return PlannedAction(id: id, stage: stage, status: status, downloads: downloads)
  }
}

extension PlannedStage {
  /// Where the stage stands in the recipe's sweeps: `{"steps": 40}`.
  package var axesJSON: JSON { .object(axes.map { JSON.Member($0.name, $0.value.json) }) }
}
