import Planning
import StageKit

/// Where the stages of a plan are drawn: a column for each level, left to right, with passages for what flows past a
/// level, so that no line runs behind a stage.
struct GraphLayout {
  /// A place in a column: a stage, or the passage of what the stage makes to levels further on.
  struct Slot: Hashable {
    /// The id of the stage.
    let stage: String
    let level: Int
  }
  struct Box {
    let x: Int
    let y: Int
    let height: Int
    var middle: Int { y + height / 2 }
  }

  static let width = 138
  private static let height = (stage: 50, passage: 8)
  private static let gap = (across: 40, down: 18)

  let size: (width: Int, height: Int)
  /// Level by stage id.
  let levels: [String: Int]
  private let boxes: [Slot: Box]

  init(_ plan: Plan) {
    let levels = Self.levels(of: plan)
    let columns = Self.columns(of: plan, levels: levels)
    func height(_ slot: Slot) -> Int { levels[slot.stage] == slot.level ? Self.height.stage : Self.height.passage }
    func height(_ column: [Slot]) -> Int { column.map { height($0) + Self.gap.down }.reduce(-Self.gap.down, +) }

    let tallest = columns.map(height).max() ?? 0
    var boxes: [Slot: Box] = [:]
    for (level, column) in columns.enumerated() {
      var y = 2 + (tallest - height(column)) / 2
      for slot in column {
        boxes[slot] = Box(x: 2 + level * (Self.width + Self.gap.across), y: y, height: height(slot))
        y += height(slot) + Self.gap.down
      }
    }
    self.levels = levels
    self.boxes = boxes
    size = (columns.count * (Self.width + Self.gap.across) - Self.gap.across + 4, tallest + 4)
  }

  /// The box of a stage.
  subscript(stage: String) -> Box? { levels[stage].flatMap { boxes[Slot(stage: stage, level: $0)] } }

  /// The boxes on the way from one stage to another, both included.
  func way(from source: String, to target: String) -> [Box] {
    guard let first = levels[source], let last = levels[target], first < last else { return [] }
    return (first..<last).compactMap { boxes[Slot(stage: source, level: $0)] } + [self[target]].compactMap(\.self)
  }

  /// The stages whose outputs a stage takes, each once.
  static func predecessors(of stage: PlannedStage) -> [String] {
    stage.ports.compactMap { stage.inputs[$0.name] }.flatMap { $0.references.map(\.stage) }.uniqued
  }

  /// The length of the longest way to each stage.
  private static func levels(of plan: Plan) -> [String: Int] {
    plan.stages.reduce(into: [:]) { levels, stage in
      levels[stage.id] = (predecessors(of: stage).compactMap { levels[$0] }.max() ?? -1) + 1
    }
  }

  /// The slots of each level, ordered so that lines cross little: by the mean row of what leads to them.
  private static func columns(of plan: Plan, levels: [String: Int]) -> [[Slot]] {
    var columns: [[Slot]] = Array(repeating: [], count: (levels.values.max() ?? -1) + 1)
    var sources: [Slot: [Slot]] = [:]
    for stage in plan.stages {
      guard let level = levels[stage.id] else { continue }
      columns[level].append(Slot(stage: stage.id, level: level))
      for source in predecessors(of: stage) {
        guard let start = levels[source] else { continue }
        for passed in start + 1..<level {
          let passage = Slot(stage: source, level: passed)
          if sources.updateValue([Slot(stage: source, level: passed - 1)], forKey: passage) == nil {
            columns[passed].append(passage)
          }
        }
        sources[Slot(stage: stage.id, level: level), default: []].append(Slot(stage: source, level: level - 1))
      }
    }
    var rows: [Slot: Double] = [:]
    for index in columns.indices {
      let keyed = columns[index].enumerated().map { place, slot in
        let before = (sources[slot] ?? []).compactMap { rows[$0] }
        return (key: before.isEmpty ? Double(place) : before.reduce(0, +) / Double(before.count), place, slot)
      }
      columns[index] = keyed.sorted { ($0.key, $0.1) < ($1.key, $1.1) }.map(\.2)
      let middle = Double(columns[index].count - 1) / 2
      for (place, slot) in columns[index].enumerated() { rows[slot] = Double(place) - middle }
    }
    return columns
  }
}
