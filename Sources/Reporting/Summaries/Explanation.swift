import ArtifactStore
import Engine
import JSONSyntax
import Planning
import RecipeSyntax
import StageKit

/// Why the actions of a stage have to be executed, down to what started it.
public struct Explanation: Sendable {
  private let dryRun: DryRun
  private let stages: [PlannedStage]
  private let inputs: [String: [String: PlannedInput]]

  /// - Throws: ``ExecutionError`` where the recipe has no such stage.
  public init(of name: String, in plan: Plan, by dryRun: DryRun) throws {
    self.dryRun = dryRun
    stages = try plan.stages(called: name)
    inputs = Dictionary(plan.stages.map { ($0.id, $0.inputs) }) { first, _ in first }
  }

  /// A paragraph for the stage, at each place of its sweeps, and one for each stage further up that makes it run.
  public var text: String {
    var told: Set<String> = []
    return stages.map { tell($0.id, &told) }.joined()
  }

  private func tell(_ stage: String, _ told: inout Set<String>) -> String {
    guard told.insert(stage).inserted else { return "" }
    let actions = dryRun.actions.filter { $0.id.stage == stage }
    guard !actions.isEmpty else { return "" }
    return Summary.text(of: actions) + causes(of: actions).map { tell($0, &told) }.joined()
  }

  /// The stages that have to run first and whose outputs these actions wait for.
  private func causes(of actions: [PlannedAction]) -> [String] {
    let ports = actions.compactMap { action -> (String, String)? in
      if case .run(.blocked(let port)) = action.status { (action.id.stage, port) } else { nil }
    }
    let needed = ports.flatMap { inputs[$0]?[$1]?.references.map(\.stage) ?? [] }.uniqued
    return needed.filter { stage in dryRun.actions.contains { $0.id.stage == stage && !$0.isCached } }
  }

  /// `[{"stage", "actions": […]}]`, the causes behind the stage itself.
  public var json: JSON {
    var told: [String] = []
    var next = stages.map(\.id)
    while let stage = next.first {
      next.removeFirst()
      guard !told.contains(stage) else { continue }
      told.append(stage)
      next += causes(of: dryRun.actions.filter { $0.id.stage == stage })
    }
    return .array(
      told.map { stage in
        ["stage": .string(stage), "actions": .array(dryRun.actions.filter { $0.id.stage == stage }.map(\.json))]
      })
  }
}
