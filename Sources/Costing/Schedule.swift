import HeapModule
import Planning
import StageKit

/// How the actions of a plan that are to run depend on each other, and how long they would take on some workers.
///
/// An action of a stage that goes item by item waits for its own item of the stage that it goes over, where both have as
/// many actions to run, and for all of every other stage that it takes something from.
public struct Schedule: Sendable {
  /// The chain of stages that takes longest, of each one action: no number of workers is faster.
  public struct CriticalPath: Sendable {
    public let stages: [String]
    public let seconds: Double
  }

  private struct Node: Sendable {
    let id: String
    let runs: Int
    let seconds: Double
    /// Stages whose own item it waits for, and stages of which it waits for all.
    var itemwise: [Int] = []
    var entirely: [Int] = []
    var isNeededItemwise: [Int] = []
    var isNeededEntirely: [Int] = []
    /// From the start of an action to the end of all that depends on it.
    var tail = 0.0
  }

  /// A stage of which some actions can start.
  private struct Ready: Comparable {
    let tail: Double
    let stage: Int

    static func < (a: Ready, b: Ready) -> Bool { (a.tail, b.stage) < (b.tail, a.stage) }
  }

  private struct Running: Comparable {
    let end: Double
    let stage: Int
    let action: Int

    static func < (a: Running, b: Running) -> Bool { (a.end, a.stage, a.action) < (b.end, b.stage, b.action) }
  }

  private let nodes: [Node]
  public let criticalPath: CriticalPath

  public init(_ cost: CostEstimate) {
    let nodes = Self.nodes(cost.stages.filter { $0.runs > 0 }, of: cost.plan)
    func after(_ node: Node) -> [Int] { node.isNeededItemwise + node.isNeededEntirely }
    func longest(_ places: some Sequence<Int>) -> Int? { places.max { nodes[$0].tail < nodes[$1].tail } }
    let first = longest(nodes.indices)
    let path = sequence(first: first) { place in place.map { longest(after(nodes[$0])) } ?? nil }
    criticalPath = CriticalPath(
      stages: path.prefix { $0 != nil }.compactMap { $0.map { nodes[$0].id } },
      seconds: first.map { nodes[$0].tail } ?? 0)
    self.nodes = nodes
  }

  private static func nodes(_ stages: [CostEstimate.Stage], of plan: Plan) -> [Node] {
    let places = Dictionary(stages.enumerated().map { ($1.stage.id, $0) }) { first, _ in first }
    var nodes = stages.map { Node(id: $0.stage.id, runs: $0.runs, seconds: $0.seconds) }
    for (place, stage) in stages.enumerated() {
      let own = Set(stage.stage.itemwiseReferences.map(\.stage))
      for other in plan.awaited(by: stage.stage) {
        guard let before = places[other] else { continue }
        if own.contains(other), stages[before].runs == stage.runs, stages[before].stage.mapping != .whole {
          nodes[place].itemwise.append(before)
          nodes[before].isNeededItemwise.append(place)
        } else {
          nodes[place].entirely.append(before)
          nodes[before].isNeededEntirely.append(place)
        }
      }
    }
    for place in nodes.indices.reversed() {
      let after = nodes[place].isNeededItemwise + nodes[place].isNeededEntirely
      nodes[place].tail = nodes[place].seconds + (after.map { nodes[$0].tail }.max() ?? 0)
    }
    return nodes
  }

  /// Seconds until all is done, where as many actions run side by side as there are workers, of those that are ready the
  /// one with the longest way to the end first. O(actions · log(workers + stages)).
  public func seconds(workers: Int) -> Double {
    precondition(workers > 0)
    /// For each stage, how many of the stages that it needs entirely are not done, and how many of its actions are not.
    var waits = nodes.map(\.entirely.count)
    var undone = nodes.map(\.runs)
    /// For each action of a stage that goes by its own item of others: how many of these are not done.
    var itemWaits = nodes.map { $0.itemwise.count > 0 ? [Int](repeating: $0.itemwise.count, count: $0.runs) : [] }
    var ready = nodes.map { _ in [Int]() }
    var stages: Heap<Ready> = []
    var running: Heap<Running> = []

    func enlist(_ stage: Int, _ actions: some Sequence<Int>) {
      let wasEmpty = ready[stage].isEmpty
      ready[stage].append(contentsOf: actions)
      if wasEmpty, !ready[stage].isEmpty { stages.insert(Ready(tail: nodes[stage].tail, stage: stage)) }
    }
    func open(_ stage: Int) {
      enlist(stage, (0..<nodes[stage].runs).filter { itemWaits[stage].isEmpty || itemWaits[stage][$0] == 0 })
    }
    for stage in nodes.indices where waits[stage] == 0 { open(stage) }

    var now = 0.0
    var busy = 0
    while true {
      while busy < workers, let stage = stages.max?.stage, let action = ready[stage].popLast() {
        if ready[stage].isEmpty { stages.removeMax() }
        running.insert(Running(end: now + nodes[stage].seconds, stage: stage, action: action))
        busy += 1
      }
      guard let done = running.popMin() else { return now }
      now = done.end
      busy = busy - 1
      for stage in nodes[done.stage].isNeededItemwise {
        itemWaits[stage][done.action] -= 1
        if itemWaits[stage][done.action] == 0, waits[stage] == 0 { enlist(stage, CollectionOfOne(done.action)) }
      }
      undone[done.stage] -= 1
      guard undone[done.stage] == 0 else { continue }
      for stage in nodes[done.stage].isNeededEntirely {
        waits[stage] -= 1
        if waits[stage] == 0 { open(stage) }
      }
    }
  }
}

extension PlannedStage {
  /// What an action for an item sees only its own item of.
  package var itemwiseReferences: [OutputReference] {
    ports.filter(goesItemByItem).flatMap { inputs[$0.name]?.references ?? [] }.filter(\.type.isItemSet)
  }

  /// Whether an action for an item sees only its own item of the sets at a port.
  package func goesItemByItem(at port: Port) -> Bool {
    mapping == .items(of: port.name) || port.role == .matching && mapping != .whole
  }
}
