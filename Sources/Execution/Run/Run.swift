import ArtifactStore
import Foundation
import Planning
import StageKit

/// One run of a recipe, from its plan to the folder of its results.
public struct Run: Sendable {
  public let plan: Plan
  public let store: Store
  /// The folder that the results go to.
  public var folder: String { "\(runs.root)/\(runs.name)" }
  /// Below `root` no link is followed.
  private let runs: (root: String, name: String)
  public let environment: RunEnvironment
  public let options: RunOptions
  public let formats: ArtifactFormats
  /// What the store lacks is asked of it before it is executed.
  let cache: RemoteCache?

  /// - Parameter folder: where runs are kept; the results go to a folder in it that is called like the recipe. Nil for
  ///   `runs` in the recipe's repository.
  public init(
    of plan: Plan, in store: Store, folder: String? = nil, environment: RunEnvironment,
    options: RunOptions = RunOptions(), formats: ArtifactFormats, cache: RemoteCache? = nil
  ) {
    (self.plan, self.store, self.environment, self.cache) = (plan, store, environment, cache)
    (self.options, self.formats) = (options, formats)
    // A folder that somebody names may be a link; what lies in a repository may have come with it.
    let name = FileName.safe(plan.recipe)
    runs = folder.map { ($0, name) } ?? (Store.repository(around: plan.file), "runs/\(name)")
  }

  /// Plans, executes what is not in the store, judges the expectations, and writes the results.
  ///
  /// An object that turns out damaged or missing on the way is made again by the action that made it, once.
  public func perform(
    interruption: Interruption = Interruption(), emit: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) async -> RunOutcome {
    let clock = ContinuousClock()
    let start = clock.now
    var outcome = RunOutcome()
    do {
      let history = History(of: store)
      let forecast = try Forecast(of: plan, in: store, history: history)
      store.saveCaches()
      emit(.planned(actions: forecast.actions.count, cached: forecast.cached))
      let uploads = cache.flatMap { $0.takesUploads ? CacheUploads(to: $0, from: store) : nil }
      let executor = Executor(
        plan: plan, store: store, forecast: forecast, options: options,
        runner: ActionRunner(store: store, environment: environment, interruption: interruption, emit: emit),
        cache: cache, uploads: uploads, history: history, interruption: interruption, emit: emit)
      do {
        try await repairing(emit) { isFirst in
          if !isFirst { await executor.forget() }
          let artifacts = try await executor.run()
          outcome.expectations = try ExpectationResult.all(of: plan, artifacts: artifacts, in: store)
          let record = RunRecord(
            run: self, actions: await executor.results, artifacts: artifacts,
            expectations: outcome.expectations, seconds: (clock.now - start).seconds)
          try record.write(to: Folder(making: runs.root)[runs.name])
          outcome.folder = folder
        }
      } catch { outcome.error = error }
      outcome.actions = await executor.results
      do { try register(outcome.actions) } catch { outcome.error = outcome.error ?? error }
      outcome.skipped = await executor.skipped
      let failed = outcome.actions.compactMap { if case .failed(let failure) = $0.status { failure } else { nil } }
      if outcome.error == nil { outcome.error = RunFailures(failed) }
      await finish(uploads, interruption, emit)
    } catch { outcome.error = error }
    if outcome.error as? StoreError == .interrupted { outcome.error = Cancelled() }
    outcome.seconds = (clock.now - start).seconds
    emit(.finished(outcome.summary))
    return outcome
  }

  /// Waits for uploads, and says what is left of them.
  private func finish(
    _ uploads: CacheUploads?, _ interruption: Interruption, _ emit: @Sendable (RunEvent) -> Void
  ) async {
    guard let left = await uploads?.finish(interruption, say: { emit(.notice($0)) }), left > 0 else { return }
    emit(
      .notice("what \(Readable.count(left, "action")) made is not in the cache: `diffusionclip push` uploads it later"))
  }

  /// Tells the store what the run used, so that it is not taken for garbage.
  private func register(_ actions: [ActionResult]) throws {
    let overlays = plan.overlays.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.text)" }
    try store.register(RegisteredRun(recipe: plan.file, overlays: overlays, keys: actions.map(\.key)))
  }

  /// Does `work` again for as long as it comes upon objects that the store has lost, each for the first time.
  private func repairing(
    _ emit: @Sendable (RunEvent) -> Void, _ work: (_ isFirst: Bool) async throws -> Void
  ) async throws {
    var lost: Set<Digest> = []
    while true {
      do { return try await work(lost.isEmpty) } catch let error as StoreError {
        guard let digest = error.lostObject, lost.insert(digest).inserted else { throw error }
        emit(.repairing(error))
      }
    }
  }
}

/// What went wrong where the rest was done all the same.
public struct RunFailures: Error, CustomStringConvertible {
  /// At least one, in the order of the plan.
  public let failures: [ActionFailure]

  /// Nil where nothing failed.
  init?(_ failures: [ActionFailure]) {
    self.failures = failures
    if failures.isEmpty { return nil }
  }

  public var description: String { failures.map(\.description).joined(separator: "\n") }
}

/// How a run went.
public struct RunOutcome: Sendable {
  /// Every action that the run came to.
  public var actions: [ActionResult] = []
  public var expectations: [ExpectationResult] = []
  /// Actions that could not run because what they need failed.
  public var skipped: [ActionID] = []
  /// Where the results are; nil where the run stopped before it had any.
  public var folder: String?
  /// What stopped the run.
  public var error: (any Error)?
  public var seconds = 0.0

  public var status: ExitStatus {
    if let error { return ExitStatus(of: error) }
    if expectations.contains(where: { if case .unknown = $0.verdict { true } else { false } }) { return .wrongInput }
    return expectations.allSatisfy(\.held) ? .done : .expectationNotMet
  }

  public var summary: RunSummary {
    var (cached, fetched, ran, failed) = (0, 0, 0, 0)
    for action in actions {
      switch action.status {
      case .cached: cached += 1
      case .fetched: fetched += 1
      case .ran: ran += 1
      case .failed: failed += 1
      }
    }
    return RunSummary(
      cached: cached + fetched, fetched: fetched, ran: ran, failed: failed, skipped: skipped.count, seconds: seconds,
      run: folder,
      expectations: expectations)
  }

  /// What a person has to know at the end, beyond the summary: why the run stopped, and what was not met.
  public var complaints: [String] {
    switch error {
    case nil: expectations.compactMap(\.complaint)
    case is Cancelled:
      [
        "interrupted; the same command goes on from here: what is finished is kept, and a training or fine-tuning "
          + "continues where it last saved its state"
      ]
    case let error?: ["\(error)"]
    }
  }
}
