import ArtifactStore
import RecipeSyntax
import StageKit

/// Executes single actions, synchronously, on the thread that asks.
struct ActionRunner: Sendable {
  let store: Store
  let environment: RunEnvironment
  let interruption: Interruption
  let emit: @Sendable (RunEvent) -> Void
  private let memo = Memo()

  init(
    store: Store, environment: RunEnvironment, interruption: Interruption, emit: @escaping @Sendable (RunEvent) -> Void
  ) {
    (self.store, self.environment, self.interruption, self.emit) = (store, environment, interruption, emit)
  }

  enum Outcome: Sendable {
    case ran(FinishedAction)
    /// Another process did it while this one waited for the lease.
    case cached(FinishedAction)
  }

  /// Executes `action` and publishes what it made; or, where another process is at it, waits and takes that.
  /// - Throws: ``ActionFailure``; `Cancelled`; or `StoreError` where an input has been lost.
  func perform(_ action: Action, reason: String, isForced: Bool = false) throws -> Outcome {
    let lease = try lease(for: action)
    defer { withExtendedLifetime(lease) {} }
    if !isForced, case .hit(let record) = try store.lookup(action.key) { return .cached(record) }

    emit(.started(action.id, reason: reason))
    do { return .ran(try execute(action)) } catch let error as Cancelled { throw error } catch let error as StoreError
      where error.lostObject != nil
    { throw error } catch {
      let failure = ActionFailure(action: action.id, location: action.stage.location, cause: error)
      emit(.failed(action.id, message: failure.message))
      throw failure
    }
  }

  private func execute(_ action: Action) throws -> FinishedAction {
    let clock = ContinuousClock()
    let start = clock.now
    try Downloader(store: store, interruption: interruption, emit: emit).fetch(for: action)
    let attempt = try store.attempt()
    let context = ActionContext(
      action, store: store, attempt: attempt, memo: memo, interruption: interruption, threads: environment.threads,
      emit: emit)
    do { try action.stage.kind.run(context) } catch { throw context.lost ?? error }
    let seconds = (clock.now - start).seconds
    let record = ActionRecord(
      key: action.key, preimage: action.preimage.text, stage: action.stage.name, item: action.id.item,
      kind: action.stage.kind.name, revision: action.stage.kind.revision, inputs: action.preimage.sets,
      outputs: try context.outputs(),
      provenance: environment.provenance(seconds: seconds), log: context.lines)
    try attempt.publish(record)
    emit(.done(action.id, seconds: seconds))
    return record.finished
  }

  /// The right to execute `action`, once nobody else has it.
  private func lease(for action: Action) throws -> FileLock {
    if let lease = try store.lease(for: action.key) { return lease }
    emit(.waiting(action.id))
    return try interruption.waiting { try store.lease(for: action.key) }
  }
}

/// An action that went wrong.
public struct ActionFailure: Error, CustomStringConvertible {
  public let action: ActionID
  /// The stage's place in the recipe.
  public let location: SourceLocation
  public let cause: any Error

  /// What went wrong, without the place.
  var message: String { String(describing: cause) }

  public var description: String {
    let item = action.item.map { " on '\($0)'" } ?? ""
    return "\(location): error: stage '\(action.stage)' failed\(item): \(message)"
  }
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
