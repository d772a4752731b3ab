import ArtifactStore
import Foundation
import Planning
import StageKit

/// Brings a plan about: takes from the store what is there and executes the rest.
///
/// The actor owns what is known so far. A stage opens once all that it depends on is settled; of the actions of open
/// stages, those that come first in the plan run first, on threads of their own, as many side by side as the options
/// and the memory that their kinds declare allow. What a stage lacks when it opens is first asked of a shared cache, if
/// there is one, while others go on.
actor Executor {
  private let plan: Plan
  private let store: Store
  private let runner: ActionRunner
  private let options: RunOptions
  private let interruption: Interruption
  private let cache: (any SharedCache)?
  /// Takes what is made; nil where that stays here.
  private let uploads: (any SharedCacheUploads)?
  private let history: History
  private let emit: @Sendable (RunEvent) -> Void
  /// What was found while planning, by stage id, so that it is not worked out twice.
  private var known: [String: LookedUpStage]

  /// What has become of each action that was met, in the order of the plan.
  var results: [ActionResult] { outcomes.joined().compactMap { $0 } }
  /// By stage, and by place among its steps.
  private var outcomes: [[ActionResult?]]
  /// Actions that could not run because what they need failed.
  private(set) var skipped: [ActionID] = []
  private var resolver: PlanResolver
  private var queue: ReadyQueue
  /// The tasks of opened stages that the cache is yet to be asked for.
  private var wanted: [[ReadyQueue.Task]] = []

  init(
    plan: Plan, store: Store, dryRun: DryRun, options: RunOptions, runner: ActionRunner, cache: (any SharedCache)?,
    uploads: (any SharedCacheUploads)?, history: History, interruption: Interruption,
    emit: @escaping @Sendable (RunEvent) -> Void
  ) {
    (self.plan, self.store, self.options) = (plan, store, options)
    (self.cache, self.uploads) = (cache, uploads)
    known = options.forced.isEmpty ? dryRun.known : [:]
    (self.runner, self.history, self.interruption, self.emit) = (runner, history, interruption, emit)
    (resolver, queue) = (PlanResolver(plan: plan, store: store), ReadyQueue(plan))
    outcomes = Array(repeating: [], count: plan.stages.count)
  }

  /// Makes every artifact of the plan. May be called again when the store turned out to have lost something.
  /// - Throws: ``ActionFailure``, ``ExecutionError``, `StoreError` or `Cancelled`; what was finished is kept. Where the
  ///   options have it go on after failures, these are in ``results`` instead.
  func run() async throws -> [OutputReference: Artifact] {
    (resolver, queue, skipped, wanted) = (PlanResolver(plan: plan, store: store), ReadyQueue(plan), [], [])
    try openStages()
    try await withThrowingTaskGroup(of: Arrival.self) { group in
      var running = (count: 0, bytes: 0)
      while true {
        for tasks in wanted { group.addTask { .fetched(tasks, try await self.fetched(tasks)) } }
        wanted = []
        while running.count < options.jobs, let next = queue.next {
          let bytes = memory(of: next)
          guard running.count == 0 || running.bytes + bytes <= options.memory else { break }
          queue.removeNext()
          running = (running.count + 1, running.bytes + bytes)
          group.addTask { [runner] in
            .finish(Finish(batch: next, bytes: bytes, result: await offloaded { try runner.perform(next) }))
          }
        }
        switch try await group.next() {
        case nil: return
        case .fetched(let tasks, let records): take(tasks, records)
        case .finish(let finish):
          running = (running.count - 1, running.bytes - finish.bytes)
          do { try take(finish) } catch {
            // What runs beside a failed action would be thrown away in the end: it stops at its next step.
            if error is ActionFailure { interruption.request() }
            throw error
          }
        }
        try openStages()
      }
    }
    store.saveCaches()
    return resolver.artifacts
  }

  /// Forgets what was found in the store, so that it is looked up again.
  func forget() { known = [:] }

  // MARK: Stages

  /// Opens every stage that is ready, as well as those that become so because all of it is in the store.
  private func openStages() throws {
    while let number = queue.nextReady() {
      let stage = plan.stages[number]
      let looked = known[stage.id]
      let steps = try looked?.steps ?? resolver.steps(of: stage)
      emit(.stage(stage.id, actions: steps.count))
      if outcomes[number].isEmpty { outcomes[number] = Array(repeating: nil, count: steps.count) }
      var records: [FinishedAction?] = []
      var tasks: [ReadyQueue.Task] = []
      for (place, step) in steps.enumerated() {
        switch step.readiness {
        case .blocked:
          skipped.append(step.id)
          records.append(nil)
        case .ready(let action):
          try interruption.check()
          let isNew = outcomes[number][place] == nil
          let (record, reason) = try looked?.records[place].map { ($0, nil) } ?? look(for: action, isNew: isNew)
          records.append(record)
          if let record, isNew { outcomes[number][place] = cached(action, record) }
          if let reason {
            tasks.append(.init(stage: number, place: place, action: action, reason: reason))
          }
        }
      }
      if let looked, looked.isComplete {
        queue.pass(number)
        settle(number, looked)
      } else {
        queue.open(number, steps: steps, records: records, unfinished: tasks.count)
        if let first = tasks.first, first.reason != .forced, let cache, !cache.isAway {
          wanted.append(tasks)
        } else {
          queue.add(batches(of: tasks), to: number)
          settleIfDone(number)
        }
      }
    }
  }

  private func look(for action: Action, isNew: Bool) throws -> (FinishedAction?, Reason?) {
    if isNew, options.forced.contains(action.stage.id) { return (nil, .forced) }
    switch try store.lookup(action.key) {
    case .hit(let record): return (record, nil)
    case .miss(let miss): return (nil, try history.reason(for: action, miss))
    }
  }

  private func settleIfDone(_ number: Int) {
    guard let made = queue.settled(number) else { return }
    settle(number, LookedUpStage(plan.stages[number], steps: made.steps, records: made.records))
  }

  private func settle(_ number: Int, _ stage: LookedUpStage) {
    resolver.settle(stage)
    emit(.stageDone(plan.stages[number].id))
  }

  // MARK: The cache

  /// What the cache has for the tasks of a stage.
  private func fetched(_ tasks: [ReadyQueue.Task]) async throws -> [FinishedAction?] {
    guard let cache else { return tasks.map { _ in nil } }
    let news = Set(tasks.filter { outcomes[$0.stage][$0.place] == nil }.map(\.action.id))
    return try await cache.fetch(tasks.map(\.action), into: store) { [emit] action in
      if news.contains(action.id) { emit(.cached(action.id)) }
    }
  }

  /// Takes note of what came from the cache; the rest is to be executed.
  private func take(_ tasks: [ReadyQueue.Task], _ records: [FinishedAction?]) {
    guard let stage = tasks.first?.stage else { return }
    var left: [ReadyQueue.Task] = []
    for (task, record) in zip(tasks, records) {
      if let record {
        outcomes[stage][task.place] = outcomes[stage][task.place] ?? ActionResult(task.action, .fetched, record)
        queue.finish(task, record)
      } else {
        left.append(task)
      }
    }
    queue.add(batches(of: left), to: stage)
    settleIfDone(stage)
  }

  // MARK: Batches

  /// A stage's tasks, in batches that their kind can do at once; of one task each where it cannot, and small enough for
  /// all jobs to have some.
  private func batches(of tasks: [ReadyQueue.Task]) -> [ReadyQueue.Batch] {
    let share = (tasks.count + options.jobs - 1) / options.jobs
    // The size is told from an item's bytes: no use reading them where there is nothing to put together.
    let size = share > 1 ? min(runner.batchSize(like: tasks[0].action), share) : 1
    return tasks.parts(ofAtMost: max(1, size))
  }

  /// How many bytes a batch may take: its kind's need for all that its actions take in, each object once.
  private func memory(of batch: ReadyQueue.Batch) -> Int {
    let items = batch.flatMap(\.action.inputItems)
    let sizes = Dictionary(items.map { ($0.object, $0.size) }) { first, _ in first }
    return batch[0].action.stage.kind.memory.bytes(forInputs: sizes.values.reduce(0, +))
  }

  // MARK: Actions

  /// What the actor waits for.
  private enum Arrival: Sendable {
    case finish(Finish)
    /// What the cache had for the tasks of a stage.
    case fetched([ReadyQueue.Task], [FinishedAction?])
  }

  /// What came of a batch.
  private struct Finish: Sendable {
    let batch: ReadyQueue.Batch
    /// What it was allowed.
    let bytes: Int
    let result: Result<[ActionRunner.Outcome], any Error>
  }

  private func take(_ finish: Finish) throws {
    switch finish.result {
    case .success(let outcomes): for (task, outcome) in zip(finish.batch, outcomes) { take(task, outcome) }
    case .failure(is BatchFailure):
      for var task in finish.batch.reversed() {
        task.isRestarted = true
        queue.postpone(task, toTheEnd: false)
      }
    case .failure(let failure as ActionFailure):
      let task = finish.batch[0]
      outcomes[task.stage][task.place] = ActionResult(task.action, .failed(failure), nil)
      guard options.keepsGoing else { throw failure }
      queue.finish(task, nil)
    case .failure(let error): throw error
    }
    settleIfDone(finish.batch[0].stage)
  }

  private func take(_ task: ReadyQueue.Task, _ outcome: ActionRunner.Outcome) {
    let (action, known) = (task.action, outcomes[task.stage][task.place])
    switch outcome {
    case .cached(let record):
      outcomes[task.stage][task.place] = known ?? cached(action, record)
      queue.finish(task, record)
    case .ran(let record):
      outcomes[task.stage][task.place] = ActionResult(action, .ran(reason: task.reason.description), record)
      queue.finish(task, record)
      uploads?.add(action.key)
    case .taken: queue.postpone(task, toTheEnd: true)
    }
  }

  private func cached(_ action: Action, _ record: FinishedAction) -> ActionResult {
    emit(.cached(action.id))
    return ActionResult(action, .cached, record)
  }
}

/// How a run goes about its work. No result depends on it.
public struct RunOptions: Sendable {
  /// How many actions may run side by side.
  public var jobs: Int
  /// How many bytes the actions that run side by side may take together, by what their kinds declare. One alone may
  /// always run.
  public var memory: Int
  /// Whether to finish what a failure does not touch.
  public var keepsGoing: Bool
  /// The ids of stages to execute although the store has what they make.
  public var forced: Set<String>
  /// What the plan was reduced to, as the user said it; empty for all that the recipe asks for.
  public var only: [String]

  public init(
    jobs: Int = 1, memory: Int = .max, keepsGoing: Bool = false, forced: Set<String> = [], only: [String] = []
  ) {
    (self.jobs, self.memory, self.keepsGoing) = (jobs, memory, keepsGoing)
    (self.forced, self.only) = (forced, only)
  }
}

/// What became of one action in a run.
public final class ActionResult: Sendable {
  public enum Status: Sendable {
    case cached
    /// It was in a shared cache, from which it is in the store now.
    case fetched
    case ran(reason: String)
    case failed(ActionFailure)
  }

  public let id: ActionID
  public let stage: PlannedStage
  public let key: Digest
  public let status: Status
  /// How it went when it was executed, now or earlier; nil for one that failed.
  public let provenance: Provenance?

  init(_ action: Action, _ status: Status, _ record: FinishedAction?) {
    (id, stage, key) = (action.id, action.stage, action.key)
    (self.status, provenance) = (status, record?.provenance)
  }
}

extension Array {
  /// The elements in consecutive parts, as few as can be of at most `size`, all about as long.
  package func parts(ofAtMost size: Int) -> [[Element]] {
    let parts = (count + size - 1) / size
    return (0..<parts).map { Array(self[$0 * count / parts..<($0 + 1) * count / parts]) }
  }
}

/// Does blocking work on a thread of its own, not on the few that serve tasks.
private func offloaded<Made: Sendable>(_ work: @escaping @Sendable () throws -> Made) async -> Result<Made, any Error> {
  await withCheckedContinuation { continuation in
    DispatchQueue.global().async { continuation.resume(returning: Result { try work() }) }
  }
}
