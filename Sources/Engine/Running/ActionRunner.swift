import ArtifactStore
import RecipeSyntax
import StageKit

/// Executes single actions, synchronously, on the thread that asks.
struct ActionRunner: Sendable {
  let store: Store
  let environment: RunEnvironment
  /// The name of the recipe.
  let recipe: String
  /// Where the folders of programs that fail are kept; nil for nowhere.
  let failedWork: Place?
  /// Where actions show how they stand; nil for nowhere.
  let previews: Place?
  let interruption: Interruption
  let emit: @Sendable (RunEvent) -> Void
  private let memo = LRUCache()
  private let meter = MemoryMeter()

  init(
    store: Store, environment: RunEnvironment, recipe: String, failedWork: Place? = nil, previews: Place? = nil,
    interruption: Interruption,
    emit: @escaping @Sendable (RunEvent) -> Void
  ) {
    self.store = store
    self.environment = environment
    self.recipe = recipe
    self.failedWork = failedWork
    self.previews = previews
    self.interruption = interruption
    self.emit = emit
  }

  enum Outcome: Sendable {
    case ran(FinishedAction)
    /// Another process did it before this one had the lease.
    case cached(FinishedAction)
    /// Another process is running it: whoever wants it has to ask for it alone, and waits then.
    case taken
  }

  /// How many actions of a stage are worth executing at once, by what its kind says of one of them.
  func batchSize(like action: Action) -> Int {
    guard let batching = action.stage.kind.batching else { return 1 }
    if case .numbers = action.stage.mapping { return batching.numberedSize(action.stage.parameters) }
    guard let item = action.mappedItem else { return 1 }
    // What cannot be read fails where it is used.
    return (try? batching.size(store.read(item.object))) ?? 1
  }

  /// Executes the actions of a batch and publishes what they made. One alone waits while another process is running it, and
  /// takes what that made.
  /// - Parameter device: the graphics card to compute on; nil for the processor.
  /// - Returns: an outcome for each.
  /// - Throws: ``ActionFailure`` of one alone, ``BatchFailure`` of several; `Cancelled`; or `StoreError` where an input
  ///   has been lost.
  func perform(_ batch: ReadyQueue.Batch, on device: Device?) throws -> [Outcome] {
    var outcomes = Array(repeating: Outcome.taken, count: batch.count)
    var leases: [FileLock] = []
    var open: [Int] = []
    for (place, task) in batch.enumerated() {
      // Nobody waits who has leases: two processes would wait for each other.
      guard let lease = try batch.count == 1 ? lease(for: task.action) : store.lease(for: task.action.leased) else {
        continue
      }
      if task.reason != .forced, case .hit(let record) = try store.lookup(task.action.key) {
        outcomes[place] = .cached(record)
      } else {
        leases.append(lease)
        open.append(place)
      }
    }
    defer { withExtendedLifetime(leases) {} }
    guard !open.isEmpty else { return outcomes }
    for (place, record) in zip(open, try execute(open.map { batch[$0] }, on: device)) { outcomes[place] = .ran(record) }
    return outcomes
  }

  private func execute(_ tasks: [ReadyQueue.Task], on device: Device?) throws -> [FinishedAction] {
    for task in tasks where !task.isRestarted { emit(.started(task.action.id, reason: task.reason.description)) }
    let isForced = tasks.contains { $0.reason == .forced }
    var log: [String] = []
    do {
      return try execute(tasks.map(\.action), on: device, replacing: isForced, log: &log)
    } catch let error as Cancelled {
      throw error
    } catch let error as StoreError where error.lostObject != nil {
      throw error
    } catch {
      guard tasks.count == 1 else { throw BatchFailure() }
      let action = tasks[0].action
      let cause = (error as? DeviceFailure).map { $0.explained(for: action.stage.kind) } ?? error
      let failure = ActionFailure(action: action.id, location: action.stage.location, cause: cause, log: log)
      emit(.failed(action.id, message: failure.message))
      throw failure
    }
  }

  /// - Parameters:
  ///   - isForced: whether what is made counts even where the store has it already.
  ///   - log: takes what was said where one action fails.
  private func execute(
    _ actions: [Action], on device: Device?, replacing isForced: Bool, log: inout [String]
  ) throws -> [FinishedAction] {
    let clock = ContinuousClock()
    let start = clock.now
    let work = try actions.map { action in
      try Downloader(store: store, interruption: interruption, patience: environment.patience, emit: emit)
        .fetch(for: action)
      let attempt = try store.attempt()
      let context = ActionContext(
        action, store: store, attempt: attempt, memo: memo, interruption: interruption,
        recipe: recipe, environment: environment, device: device, failedWork: failedWork, previews: previews,
        isForced: isForced,
        emit: emit)
      return (action: action, attempt: attempt, context: context)
    }
    let kind = actions[0].stage.kind
    let megabytes: Double?
    do {
      func run() throws {
        if let batching = kind.batching { try batching.run(work.map(\.context)) } else { try kind.run(work[0].context) }
      }
      megabytes = try meter.measure { if let device { try device.use(memo.forget, run) } else { try run() } }.megabytes
    } catch {
      for made in work {
        log += made.context.lines
        if error is Cancelled { made.context.removeWork() } else { made.context.tellOfWork() }
      }
      throw work.compactMap(\.context.lost).first ?? error
    }
    // Each has its share of the time.
    let seconds = (clock.now - start).seconds / Double(actions.count)
    return try work.map { action, attempt, context in
      let record = try context.record(seconds: seconds, megabytes: megabytes)
      let published = try attempt.publish(record, replacing: isForced)
      context.removeWork()
      emit(.done(action.id, seconds: seconds, key: action.key))
      return published
    }
  }

  /// The right to execute `action`, once nobody else has it.
  private func lease(for action: Action) throws -> FileLock {
    if let lease = try store.lease(for: action.leased) { return lease }
    emit(.waiting(action.id))
    return try interruption.waiting { try store.lease(for: action.leased) }
  }
}

extension DeviceFailure {
  /// With what helps.
  fileprivate func explained(for kind: StageKind) -> ResultError {
    ResultError(
      isOutOfMemory
        ? "\(self): \(kind.memoryAdvice), or compute on the processor with --device cpu"
        : "\(self); with --device cpu it is computed on the processor")
  }
}

/// One of several actions executed at once went wrong, which one is not known: they are to be executed one by one.
struct BatchFailure: Error {}

/// An action that went wrong.
public struct ActionFailure: Error, CustomStringConvertible {
  public let action: ActionID
  /// The stage's place in the recipe.
  public let location: SourceLocation
  public let cause: any Error
  /// What was said before.
  package let log: [String]

  /// What went wrong, without the place.
  package var message: String { String(describing: cause) }

  public var description: String {
    let item = action.item.map { " on '\($0)'" } ?? ""
    return "\(location): error: stage '\(action.stage)' failed\(item): \(message)"
  }
}

extension Duration {
  package var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
