import ArtifactStore
import Planning

/// Which stages of a plan are ready, open or settled, and which actions wait to be executed.
struct ReadyQueue {
  /// An action to execute, and the place of its record among those of its stage.
  struct Task: Sendable {
    let stage: Int
    let place: Int
    let action: Action
    let reason: Reason
    /// Whether its batch was begun and failed.
    var isRestarted = false
  }

  /// Tasks of one stage, at least one, to be executed at once.
  typealias Batch = [Task]

  private struct OpenStage {
    var actions: [ResolvedAction]
    var unfinished: Int
    /// Those not started, the first of them last.
    var batches: [Batch]
  }

  /// For each stage, those that wait for it, and how many it waits for itself.
  private var dependents: [[Int]]
  private var waitsFor: [Int]
  /// Stages whose predecessors are settled, the first in the plan last.
  private var ready: [Int]
  private var opened: [Int: OpenStage] = [:]
  /// The open stages that have batches.
  private var busy: Set<Int> = []

  init(_ plan: Plan) {
    let numbers = Dictionary(plan.stages.enumerated().map { ($1.id, $0) }) { first, _ in first }
    dependents = Array(repeating: [], count: plan.stages.count)
    waitsFor = Array(repeating: 0, count: plan.stages.count)
    for (number, stage) in plan.stages.enumerated() {
      for predecessor in Set(plan.awaited(by: stage).compactMap { numbers[$0] }) {
        dependents[predecessor].append(number)
        waitsFor[number] += 1
      }
    }
    ready = plan.stages.indices.reversed().filter { [waitsFor] in waitsFor[$0] == 0 }
  }

  /// The next stage to open.
  mutating func nextReady() -> Int? { ready.popLast() }

  /// Takes note of a stage's actions, and of how many of them something is to be done about, batches of which may follow.
  mutating func open(_ stage: Int, _ actions: [ResolvedAction], unfinished: Int) {
    opened[stage] = OpenStage(actions: actions, unfinished: unfinished, batches: [])
  }

  /// Takes note of what is to be executed of an open stage.
  mutating func add(_ batches: [Batch], to stage: Int) {
    opened[stage]?.batches = batches.reversed()
    if !batches.isEmpty { busy.insert(stage) }
  }

  /// The batch that is first in the plan. O(open stages).
  var next: Batch? { busy.min().flatMap { opened[$0]?.batches.last } }

  /// The first batch of each open stage, in the order of the plan.
  var firsts: [Batch] { busy.sorted().compactMap { opened[$0]?.batches.last } }

  /// Removes a batch that is the first of its stage.
  mutating func remove(_ first: Batch) {
    let stage = first[0].stage
    opened[stage]?.batches.removeLast()
    if opened[stage]?.batches.isEmpty ?? true { busy.remove(stage) }
  }

  /// Takes back a task that was not done with its batch: to be done alone, before its stage's others or after them.
  mutating func postpone(_ task: Task, toTheEnd: Bool) {
    let place = toTheEnd ? 0 : opened[task.stage]?.batches.count ?? 0
    opened[task.stage]?.batches.insert([task], at: place)
    busy.insert(task.stage)
  }

  /// Takes note of what a task made; nil where it failed or stays missing.
  mutating func finish(_ task: Task, _ record: FinishedAction?) {
    opened[task.stage]?.actions[task.place].state =
      record.map { .done(task.action, $0) } ?? .missing(task.action, task.reason)
    opened[task.stage]?.unfinished -= 1
  }

  /// What a stage made, once all its actions are finished: it is settled then, and those that waited for it may be
  /// ready.
  mutating func settled(_ stage: Int) -> [ResolvedAction]? {
    guard let done = opened[stage], done.unfinished == 0 else { return nil }
    opened[stage] = nil
    pass(stage)
    return done.actions
  }

  /// Takes note that a stage is settled.
  mutating func pass(_ stage: Int) {
    for dependent in dependents[stage] {
      waitsFor[dependent] -= 1
      guard waitsFor[dependent] == 0 else { continue }
      ready.insert(dependent, at: ready.firstIndex { $0 < dependent } ?? ready.endIndex)
    }
  }
}
