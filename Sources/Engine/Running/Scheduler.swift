import ArtifactStore
import Foundation
import Planning
import StageKit

/// Goes through a plan, and has done what its policy says of the actions that are not in the store. Used by one thread,
/// which waits while others work.
///
/// A stage opens once all that it depends on is settled. What it lacks is first asked of a cache, if there is one, while
/// others go on; what is to be executed then runs on threads of its own: of the actions of open stages, those that come
/// first in the plan first, as many side by side as the options and the memory that their kinds declare allow. Where
/// nothing is to be done about what is missing, the stages open in the order of the plan.
package final class Scheduler {
  private let plan: Plan
  private let store: Store
  private let policy: MissingPolicy
  private let history: History?
  private let interruption: Interruption
  private let emit: @Sendable (RunEvent) -> Void
  /// What was found before, by stage id, so that it is not worked out twice.
  private var known: [String: ResolvedStage]

  private var resolver: PlanResolver
  private var queue: ReadyQueue
  /// What became of each action that is done or failed, by stage, and by place among its actions.
  private var outcomes: [[ActionResult?]]
  /// Actions that could not run because what they need failed.
  package private(set) var skipped: [ActionID] = []
  /// Where nothing is done about what is missing: the stages, in the order of the plan.
  package private(set) var stages: [ResolvedStage] = []
  /// The ids of the stages that are settled though something of them is missing.
  private var incomplete: [String] = []
  /// How many batches run, and what memory they were given.
  private var running = (count: 0, bytes: 0)
  /// The numbers of the graphics cards that compute one of them.
  private var busyDevices: Set<Int> = []
  /// The stages that were left to the processor.
  private var leftToProcessor: Set<String> = []
  /// These, and questions to the cache.
  private var underWay = 0
  /// Takes note of what came of what was under way.
  private let arrivals = Mailbox<@Sendable (Scheduler) throws -> Void>()

  /// - Parameters:
  ///   - known: stages as they were found before.
  ///   - history: tells why actions are missing; without it, just what the store says is told.
  package init(
    of plan: Plan, in store: Store, missing policy: MissingPolicy, known: [String: ResolvedStage] = [:],
    history: History? = nil, interruption: Interruption = Interruption(),
    emit: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) {
    self.plan = plan
    self.store = store
    self.policy = policy
    self.history = history
    self.interruption = interruption
    self.emit = emit
    self.known = known
    resolver = PlanResolver(in: store)
    queue = ReadyQueue(plan)
    outcomes = Array(repeating: [], count: plan.stages.count)
  }

  /// What has become of each action that was met, in the order of the plan, where something is done about those that are
  /// missing.
  package var results: [ActionResult] { outcomes.joined().compactMap(\.self) }

  /// How many actions are not done then.
  package var missing: Int { outcomes.joined().count { $0?.record == nil } }

  /// Goes all the way. May be done again when the store turned out to have lost something: see ``forget()``.
  /// - Returns: the artifacts that are complete.
  /// - Throws: ``ActionFailure``, ``ExecutionError``, `StoreError` or `Cancelled`; what was finished is kept. Where the
  ///   options have it go on after failures, these are in ``results`` instead.
  package func perform() throws -> [OutputReference: Artifact] {
    resolver = PlanResolver(in: store)
    queue = ReadyQueue(plan)
    stages = []
    skipped = []
    incomplete = []
    running = (0, 0)
    busyDevices = []
    underWay = 0
    do {
      try openStages()
      while true {
        try startBatches()
        guard underWay > 0 else { break }
        underWay -= 1
        try arrivals.take()(self)
        try openStages()
      }
    } catch {
      // What runs beside a failed action would be thrown away in the end: it stops at its next step.
      if error is ActionFailure { interruption.request() }
      for _ in 0..<underWay { _ = arrivals.take() }
      throw error
    }
    store.saveCaches()
    return resolver.artifacts
  }

  /// Forgets what was found in the store, so that it is looked up again.
  func forget() { known = [:] }

  // MARK: Stages

  /// Opens every stage that is ready, as well as those that become so because nothing is to be done about them.
  private func openStages() throws {
    while let number = queue.nextReady() {
      let stage = try resolved(plan.stages[number])
      if policy.part == nil { emit(.stage(stage.stage.id, actions: stage.actions.count)) }
      let tasks = policy.acts(on: stage.stage.id) ? tasks(of: stage, number) : []
      guard !tasks.isEmpty else {
        queue.pass(number)
        settle(number, stage)
        continue
      }
      queue.open(number, stage.actions, unfinished: tasks.count)
      if let cache = policy.cache, !cache.isAway, tasks[0].reason != .forced {
        ask(cache, for: tasks)
      } else {
        try execute(tasks, of: number)
      }
    }
  }

  private func resolved(_ stage: PlannedStage) throws -> ResolvedStage {
    if let known = known[stage.id] { return known }
    let part = policy.part?.stage == stage.id ? policy.part : nil
    let found = try resolver.look(
      at: stage, choosing: part?.choose, history: history, check: interruption.check)
    guard part == nil || !found.actions.contains(where: \.isBlocked) else {
      throw MissingInputs(
        issue: InputError(
          "stage '\(stage.id)' needs what is not in the store \(store.folder) yet: execute these first: "
            + incomplete.joined(separator: ", ")))
    }
    return found
  }

  /// Takes note of what there is of a stage, and gives what something is to be done about.
  private func tasks(of stage: ResolvedStage, _ number: Int) -> [ReadyQueue.Task] {
    if outcomes[number].isEmpty { outcomes[number] = Array(repeating: nil, count: stage.actions.count) }
    let isForced = policy.options.forced.contains(stage.stage.id)
    var tasks: [ReadyQueue.Task] = []
    for (place, step) in stage.actions.enumerated() {
      let isNew = outcomes[number][place] == nil
      switch step.state {
      case .blocked: skipped.append(step.id)
      case .missing(let action, _) where isForced && isNew, .done(let action, _) where isForced && isNew:
        tasks.append(.init(stage: number, place: place, action: action, reason: .forced))
      case .missing(let action, let reason):
        tasks.append(.init(stage: number, place: place, action: action, reason: reason))
      case .done(let action, let record): if isNew { outcomes[number][place] = cached(action, record) }
      }
    }
    return tasks
  }

  private func cached(_ action: Action, _ record: FinishedAction) -> ActionResult {
    emit(.cached(action.id))
    return ActionResult(action, .cached, record)
  }

  private func settleIfDone(_ number: Int) {
    guard let actions = queue.settled(number) else { return }
    settle(number, ResolvedStage(plan.stages[number], actions))
  }

  private func settle(_ number: Int, _ stage: ResolvedStage) {
    resolver.settle(stage)
    if policy.isReport { stages.append(stage) }
    if policy.part != nil, !stage.isComplete { incomplete.append(stage.stage.id) }
    if policy.part == nil { emit(.stageDone(stage.stage.id)) }
  }

  // MARK: Actions

  /// Starts what may run now: on the processor as many as the options allow, on each graphics card one.
  private func startBatches() throws {
    while let runner = policy.runner, let (next, place) = nextBatch(runner.environment) {
      let bytes = memory(of: next)
      guard running.count == 0 || running.bytes + bytes <= policy.options.memory else { return }
      let device: Device? = if case .device(let device) = place { device } else { nil }
      if let device { busyDevices.insert(device.number) }
      try interruption.check()
      queue.remove(next)
      running = (running.count + 1, running.bytes + bytes)
      underWay += 1
      DispatchQueue.global().async { [arrivals] in
        let result = Result { try runner.perform(next, on: device) }
        arrivals.put { scheduler in
          scheduler.running = (scheduler.running.count - 1, scheduler.running.bytes - bytes)
          if let device { scheduler.busyDevices.remove(device.number) }
          try scheduler.take(next, result)
        }
      }
    }
  }

  /// Where a batch is computed.
  private enum BatchPlace {
    case processor
    case device(Device)
  }

  /// The batch that is first in the plan among those for which there is a place, with that.
  private func nextBatch(_ environment: RunEnvironment) -> (ReadyQueue.Batch, BatchPlace)? {
    guard let first = queue.next else { return nil }
    if let place = freePlace(for: first, environment) { return (first, place) }
    // What stands behind may have a place of the other sort.
    guard !environment.devices.isEmpty else { return nil }
    return queue.firsts.lazy.compactMap { batch in
      self.freePlace(for: batch, environment).map { (batch, $0) }
    }.first
  }

  /// Nil where all places for it are taken.
  private func freePlace(for batch: ReadyQueue.Batch, _ environment: RunEnvironment) -> BatchPlace? {
    let devices = devices(for: batch, environment)
    guard !devices.isEmpty else {
      return running.count - busyDevices.count < policy.options.jobs ? .processor : nil
    }
    return devices.first { !busyDevices.contains($0.number) }.map(BatchPlace.device)
  }

  /// The graphics cards that may compute a batch; none for the processor. They depend on its stage and what it is taken to need
  /// alone, so that the same work is always done in the same place.
  private func devices(for batch: ReadyQueue.Batch, _ environment: RunEnvironment) -> [Device] {
    let stage = batch[0].action.stage
    guard stage.kind.usesDevice, !environment.devices.isEmpty else { return [] }
    guard environment.device == .auto else { return environment.devices }
    let bytes = memory(of: batch)
    let fitting = environment.devices.filter { bytes <= $0.memory }
    guard fitting.isEmpty else { return fitting }
    if leftToProcessor.insert(stage.id).inserted {
      let largest = environment.devices.map(\.memory).max() ?? 0
      emit(
        .notice(
          "\(stage.id): computes on the processor: it is taken to need \(bytes >> 20) MB, the graphics card has \(largest >> 20) MB"
        ))
    }
    return []
  }

  /// How many bytes a batch may take: its kind's need for all that its actions take in, each object once.
  private func memory(of batch: ReadyQueue.Batch) -> Int {
    let items = batch.flatMap(\.action.inputItems)
    let sizes = Dictionary(items.map { ($0.object, $0.size) }) { first, _ in first }
    return batch[0].action.stage.memory.bytes(forInputs: sizes.values.reduce(0, +))
  }

  // MARK: The cache

  private func ask(_ cache: any SharedCache, for tasks: [ReadyQueue.Task]) {
    let news = Set(tasks.filter { outcomes[$0.stage][$0.place] == nil }.map(\.action.id))
    underWay += 1
    Task { [store, emit, arrivals] in
      do {
        let records = try await cache.fetch(tasks.map(\.action), into: store) { action in
          if news.contains(action.id) { emit(.cached(action.id)) }
        }
        arrivals.put { try $0.take(tasks, records) }
      } catch { arrivals.put { _ in throw error } }
    }
  }

  /// Takes note of what came from the cache; the rest is to be executed, or stays missing.
  private func take(_ tasks: [ReadyQueue.Task], _ records: [FinishedAction?]) throws {
    var left: [ReadyQueue.Task] = []
    for (task, record) in zip(tasks, records) {
      if let record {
        note(task, record) { ActionResult(task.action, .fetched, record) }
      } else {
        left.append(task)
      }
    }
    try execute(left, of: tasks[0].stage)
  }

  /// Has tasks of a stage executed, in batches that their kind can do at once; of one task each where it cannot, and small
  /// enough for all jobs to have some.
  private func execute(_ tasks: [ReadyQueue.Task], of stage: Int) throws {
    if let runner = policy.runner {
      if !tasks.isEmpty { try runner.environment.programs.require(for: [plan.stages[stage]]) }
      let share = (tasks.count + policy.options.jobs - 1) / policy.options.jobs
      // The size is told from an item's bytes: no use reading them where there is nothing to put together.
      let size = share > 1 ? min(runner.batchSize(like: tasks[0].action), share) : 1
      queue.add(tasks.parts(ofAtMost: max(1, size)), to: stage)
    } else {
      for task in tasks { queue.finish(task, nil) }
    }
    settleIfDone(stage)
  }

  private func take(_ batch: ReadyQueue.Batch, _ result: Result<[ActionRunner.Outcome], any Error>) throws {
    switch result {
    case .success(let made):
      for (task, made) in zip(batch, made) {
        switch made {
        case .cached(let record): note(task, record) { cached(task.action, record) }
        case .ran(let record):
          outcomes[task.stage][task.place] = ActionResult(task.action, .ran(reason: task.reason.description), record)
          queue.finish(task, record)
          policy.cache?.take(task.action.key, from: store)
        case .taken: queue.postpone(task, toTheEnd: true)
        }
      }
    case .failure(is BatchFailure):
      for var task in batch.reversed() {
        task.isRestarted = true
        queue.postpone(task, toTheEnd: false)
      }
    case .failure(let failure as ActionFailure):
      let task = batch[0]
      outcomes[task.stage][task.place] = ActionResult(task.action, .failed(failure), nil)
      guard policy.options.keepsGoing else { throw failure }
      queue.finish(task, nil)
    case .failure(let error): throw error
    }
    settleIfDone(batch[0].stage)
  }

  /// Takes note of what was made elsewhere. What became of the task in an earlier pass counts more.
  private func note(_ task: ReadyQueue.Task, _ record: FinishedAction, _ result: () -> ActionResult) {
    outcomes[task.stage][task.place] = outcomes[task.stage][task.place] ?? result()
    queue.finish(task, record)
  }
}

/// What a part of a stage needs is not made yet.
struct MissingInputs: Error {
  let issue: InputError
}
