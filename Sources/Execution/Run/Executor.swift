import ArtifactStore
import Foundation
import OrderedCollections
import Planning
import StageKit

/// Brings a plan about: takes from the store what is there and executes the rest.
///
/// The actor owns what is known so far. A stage opens once all that it depends on is settled; of the actions of open
/// stages, those that come first in the plan run first, on threads of their own, as many side by side as the options
/// and the memory that their kinds declare allow.
actor Executor {
  private let plan: Plan
  private let store: Store
  private let runner: ActionRunner
  private let options: RunOptions
  private let interruption: Interruption
  private let history: History
  private let emit: @Sendable (RunEvent) -> Void
  /// Records and steps found while planning, so that they are not worked out twice.
  private var known: [Digest: FinishedAction]
  private var knownSteps: [String: [Step]]

  /// What has become of each action, in the order they were met.
  private(set) var results: OrderedDictionary<ActionID, ActionResult> = [:]
  /// Actions that could not run because what they need failed.
  private(set) var skipped: [ActionID] = []
  private var walk: Walk
  private var agenda: Agenda

  init(
    plan: Plan, store: Store, forecast: Forecast, options: RunOptions, runner: ActionRunner,
    history: History, interruption: Interruption, emit: @escaping @Sendable (RunEvent) -> Void
  ) {
    (self.plan, self.store, self.options) = (plan, store, options)
    (known, knownSteps) = (forecast.records, options.forced.isEmpty ? forecast.steps : [:])
    (self.runner, self.history, self.interruption, self.emit) = (runner, history, interruption, emit)
    (walk, agenda) = (Walk(plan: plan, store: store), Agenda(plan))
  }

  /// Makes every artifact of the plan. May be called again when the store turned out to have lost something.
  /// - Throws: ``ActionFailure``, ``ExecutionError``, `StoreError` or `Cancelled`; what was finished is kept. Where the
  ///   options have it go on after failures, these are in ``results`` instead.
  func run() async throws -> [OutputReference: Artifact] {
    (walk, agenda, skipped) = (Walk(plan: plan, store: store), Agenda(plan), [])
    try openStages()
    try await withThrowingTaskGroup(of: Finish.self) { group in
      var running = (count: 0, bytes: 0)
      while true {
        while running.count < options.jobs, let next = agenda.next {
          let bytes = next.action.memory
          guard running.count == 0 || running.bytes + bytes <= options.memory else { break }
          agenda.removeNext()
          running = (running.count + 1, running.bytes + bytes)
          group.addTask { [runner] in
            let result = await offloaded {
              try runner.perform(next.action, reason: next.reason.description, isForced: next.reason == .forced)
            }
            return Finish(task: next, result: result)
          }
        }
        guard let finish = try await group.next() else { return }
        running = (running.count - 1, running.bytes - finish.task.action.memory)
        do { try take(finish) } catch {
          // What runs beside a failed action would be thrown away in the end: it stops at its next step.
          if error is ActionFailure { interruption.request() }
          throw error
        }
        try openStages()
      }
    }
    store.saveCaches()
    return walk.artifacts
  }

  /// Forgets what was found in the store, so that it is looked up again.
  func forget() { (known, knownSteps) = ([:], [:]) }

  // MARK: Stages

  /// Opens every stage that is ready, as well as those that become so because all of it is in the store.
  private func openStages() throws {
    while let number = agenda.nextReady() {
      let stage = plan.stages[number]
      let steps = try knownSteps[stage.id] ?? walk.steps(of: stage)
      emit(.stage(stage.id, actions: steps.count))
      var records: [FinishedAction?] = []
      var tasks: [Agenda.Task] = []
      for (place, step) in steps.enumerated() {
        switch step.prospect {
        case .blocked:
          skipped.append(step.id)
          records.append(nil)
        case .ready(let action):
          try interruption.check()
          let (record, reason) = try look(for: action)
          records.append(record)
          if let reason {
            tasks.append(.init(stage: number, place: place, action: action, reason: reason))
          }
        }
      }
      agenda.open(number, steps: steps, records: records, tasks: tasks)
      settleIfDone(number)
    }
  }

  private func look(for action: Action) throws -> (FinishedAction?, Reason?) {
    if options.forced.contains(action.stage.id), results[action.id] == nil { return (nil, .forced) }
    if let record = known[action.key] { return (cached(action, record), nil) }
    switch try store.lookup(action.key) {
    case .hit(let record): return (cached(action, record), nil)
    case .miss(let miss): return (nil, try history.reason(for: action, miss))
    }
  }

  private func settleIfDone(_ number: Int) {
    guard let made = agenda.settled(number) else { return }
    walk.settle(plan.stages[number], made)
    emit(.stageDone(plan.stages[number].id))
  }

  // MARK: Actions

  /// What came of a task.
  private struct Finish: Sendable {
    let task: Agenda.Task
    let result: Result<ActionRunner.Outcome, any Error>
  }

  private func take(_ finish: Finish) throws {
    let action = finish.task.action
    switch finish.result {
    case .success(.cached(let record)): agenda.finish(finish.task, cached(action, record))
    case .success(.ran(let record)):
      results[action.id] = ActionResult(action, .ran(reason: finish.task.reason.description), record)
      agenda.finish(finish.task, record)
    case .failure(let failure as ActionFailure):
      results[action.id] = ActionResult(action, .failed(failure), nil)
      guard options.keepsGoing else { throw failure }
      agenda.finish(finish.task, nil)
    case .failure(let error): throw error
    }
    settleIfDone(finish.task.stage)
  }

  private func cached(_ action: Action, _ record: FinishedAction) -> FinishedAction {
    if results[action.id] == nil {
      results[action.id] = ActionResult(action, .cached, record)
      emit(.cached(action.id))
    }
    return record
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

  public init(jobs: Int = 1, memory: Int = .max, keepsGoing: Bool = false, forced: Set<String> = []) {
    (self.jobs, self.memory, self.keepsGoing, self.forced) = (jobs, memory, keepsGoing, forced)
  }
}

/// What became of one action in a run.
public struct ActionResult: Sendable {
  public enum Status: Sendable {
    case cached
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

/// Does blocking work on a thread of its own, not on the few that serve tasks.
private func offloaded<Made: Sendable>(_ work: @escaping @Sendable () throws -> Made) async -> Result<Made, any Error> {
  await withCheckedContinuation { continuation in
    DispatchQueue.global().async { continuation.resume(returning: Result { try work() }) }
  }
}
