import Costing
import Engine
import OrderedCollections
import Planning

/// How the stages of a plan that have something to run are cut into pieces, and which of these wait for which.
public struct Partition: Sendable {
  /// A stage, or one of so many parts of its items (see ``StageExecution/Selection``).
  public struct Shard: Sendable, Hashable {
    public let stage: String
    /// From 1.
    public let part: Int
    public let parts: Int

    /// What `exec` selects by it.
    var selection: StageExecution.Selection { parts == 1 ? .all : .part(number: part, of: parts) }
  }

  /// What a piece waits for: one piece of a stage, or all of them.
  struct Need {
    let stage: String
    let piece: Shard?
  }

  private let plan: Plan
  /// In the order of the plan.
  let stages: OrderedDictionary<String, CostEstimate.Stage>
  /// For each stage, the one whose items it goes over: itself where it goes over no other's.
  private let families: [String: String]
  private var long: Set<String> = []
  /// Of stages that are more than one.
  private var counts: [String: Int] = [:]

  init(_ cost: CostEstimate, shape: Workflow.Shape) {
    plan = cost.plan
    stages = OrderedDictionary(uniqueKeysWithValues: cost.stages.filter { $0.runs > 0 }.map { ($0.stage.id, $0) })
    families = cost.plan.stages.reduce(into: [:]) { families, stage in
      families[stage.id] = stage.id
      guard case .items(let port) = stage.mapping, case .one(let reference) = stage.inputs[port] else { return }
      families[stage.id] = families[reference.stage]
    }
    // As many parts as the longest of those that go over the same items needs.
    var wanted: [String: Int] = [:]
    for (id, stage) in stages {
      if !shape.bundlesQuickStages || stage.totalSeconds > shape.taskSeconds / 4 { long.insert(id) }
      guard stage.stage.mapping != .whole, let family = families[id] else { continue }
      let parts = min(stage.totalSeconds / shape.taskSeconds, Double(min(stage.actions, shape.taskLimit)))
      wanted[family] = max(Int(parts.rounded(.up)), wanted[family] ?? 1)
    }
    for (id, stage) in stages where stage.stage.mapping != .whole && long.contains(id) {
      counts[id] = families[id].flatMap { wanted[$0] }
    }
  }

  /// Whether the stage is worth a job of its own.
  func isLong(_ stage: String) -> Bool { long.contains(stage) }

  func parts(of stage: String) -> Int { counts[stage] ?? 1 }

  /// The ids of the stages with something to run that a stage waits for.
  func awaited(by stage: PlannedStage) -> [String] { plan.awaited(by: stage).filter { stages[$0] != nil } }

  /// What `piece` waits for.
  func needs(of piece: Shard) -> [Need] {
    guard let stage = stages[piece.stage]?.stage else { return [] }
    let itemwise = Set(stage.itemwiseReferences)
    // All of a stage is needed where anything but its own items is.
    let entirely = Set(stage.references.filter { !itemwise.contains($0) }.map(\.stage))
    return awaited(by: stage).map { other in
      let parts = parts(of: other)
      let isOwn = !entirely.contains(other) && families[other] == families[piece.stage] && parts == piece.parts
      let piece = parts == 1 ? 1 : isOwn ? piece.part : nil
      return Need(stage: other, piece: piece.map { Shard(stage: other, part: $0, parts: parts) })
    }
  }
}
