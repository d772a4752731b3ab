import ArtifactStore
import Escaping
import Foundation
import Planning
import Runs
import StageKit

/// One run of a recipe, from its plan to the folder of its results.
public struct Run: Sendable {
  public let plan: Plan
  public let store: Store
  /// The folder that the recipe's runs are kept in.
  public var folder: String { results.path }
  package let results: ResultsFolder
  public let environment: RunEnvironment
  public let options: RunOptions
  /// What the user calls the run.
  public let labels: RunLabels
  public let formats: ArtifactFormats
  /// What the store lacks is asked of it before it is executed.
  package let cache: (any SharedCache)?

  /// - Parameter folder: where runs are kept, as ``ResultsFolder`` has it.
  package init(
    of plan: Plan, in store: Store, folder: String? = nil, environment: RunEnvironment,
    options: RunOptions = RunOptions(), labels: RunLabels = RunLabels(), formats: ArtifactFormats,
    cache: (any SharedCache)? = nil
  ) {
    self.plan = plan
    self.store = store
    self.environment = environment
    self.cache = cache
    self.options = options
    self.labels = labels
    self.formats = formats
    results = ResultsFolder(of: plan, in: folder)
  }

  /// Plans, executes what is not in the store, evaluates the expectations, and writes the results.
  ///
  /// An object that turns out damaged or missing on the way is made again by the action that made it, once.
  public func perform(
    interruption: Interruption = Interruption(), emit: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) async -> RunOutcome {
    do { return try await onOwnThread { performed(interruption, emit) } } catch { return RunOutcome(error: error) }
  }

  private func performed(
    _ interruption: Interruption, _ tell: @escaping @Sendable (RunEvent) -> Void
  ) -> RunOutcome {
    let log = EventLog()
    @Sendable func emit(_ event: RunEvent) {
      log.note(event)
      tell(event)
    }
    let clock = ContinuousClock()
    let start = clock.now
    var outcome = RunOutcome()
    var begun: OpenRun?
    var isRefused = true
    do {
      let history = History(of: store, recipe: plan.recipe)
      let dryRun = try DryRun(of: plan, in: store, history: history)
      if let problems = problemsAhead(dryRun) { throw problems }
      try requirePermission(for: dryRun)
      isRefused = false
      // Where that cannot be done now, it may be by the end: a full disk may have space again.
      begun = try? begin()
      if let begun { log.begin(in: begun) }
      let cached = dryRun.actions.count { $0.isCached && !options.forced.contains($0.stage.id) }
      emit(.planned(actions: dryRun.actions.count, cached: cached))
      let runner = ActionRunner(
        store: store, environment: environment, recipe: plan.recipe,
        failedWork: options.keepsFailedWork ? begun?.failedWork : nil, previews: begun?.previews,
        interruption: interruption, emit: emit)
      let scheduler = Scheduler(
        of: plan, in: store, missing: MissingPolicy(cache: cache, runner: runner, options: options),
        known: options.forced.isEmpty ? dryRun.known : [:], history: history, interruption: interruption, emit: emit)
      do {
        try repairing(emit) { isFirst in
          if !isFirst { scheduler.forget() }
          outcome.error = nil
          let artifacts = try scheduler.perform()
          outcome.expectations = try ExpectationResult.all(of: plan, artifacts: artifacts, in: store)
          outcome.take(actions: scheduler.results, skipped: scheduler.skipped)
          outcome.seconds = (clock.now - start).seconds
          let opened = try begun ?? begin()
          begun = opened
          try RunRecord(run: self, in: opened, outcome: outcome, artifacts: artifacts).write()
          outcome.folder = opened.place.path
          outcome.record = outcome.folder
        }
      } catch {
        outcome.error = error
        outcome.take(actions: scheduler.results, skipped: scheduler.skipped)
      }
      do {
        let isWhole = outcome.error == nil && options.only.isEmpty
        try store.register(RegisteredRun(of: plan, keys: outcome.actions.map(\.key), isWhole: isWhole))
      } catch { outcome.error = outcome.error ?? error }
      if let left = cache?.finish(interruption, say: { emit(.notice($0)) }), left > 0 {
        let made = "what \(Readable.count(left, "action")) made"
        emit(.notice("\(made) is not in the cache: `diffusionclip push` uploads it later"))
      }
    } catch { outcome.error = error }
    if outcome.error as? StoreError == .interrupted { outcome.error = Cancelled() }
    outcome.seconds = (clock.now - start).seconds
    // Where nothing began because the recipe or an input is wrong, there is nothing to remember.
    outcome.isRefused = isRefused && outcome.status == .wrongInput
    if outcome.folder == nil, !outcome.isRefused { (outcome.record, outcome.unnoted) = note(outcome, in: begun) }
    emit(.finished(outcome.summary))
    return outcome
  }

  /// Sees that the user allows the programs that the run would start, for several runs before the first of them begins.
  /// - Throws: what lists the programs; `StoreError`.
  package func requirePermission() throws {
    guard environment.programs == .denied, plan.stages.contains(where: { $0.kind.program($0.parameters) != nil }) else {
      return
    }
    try requirePermission(for: DryRun(of: plan, in: store))
  }

  /// What a shared cache has needs neither permission nor program, and what it has turns out on the way.
  private func requirePermission(for dryRun: DryRun) throws {
    guard cache == nil else { return }
    let stages = dryRun.actions.lazy.filter { !$0.isCached || options.forced.contains($0.stage.id) }.map(\.stage)
    try environment.programs.require(for: stages)
    guard !options.keepsGoing else { return }
    let missing = stages.compactMap { stage in
      stage.kind.programIssue(stage.parameters).map { "\(stage.location): error: stage '\(stage.name)': \($0)" }
    }.uniqued
    if !missing.isEmpty { throw InputError(missing.joined(separator: "\n")) }
  }

  /// What is sure to go wrong with stages that are to run. What a file brings in by itself is said of its item, once
  /// that is loaded; and who asks to go on after failures has what they do not touch done.
  private func problemsAhead(_ dryRun: DryRun) -> (any Error)? {
    guard !options.keepsGoing else { return nil }
    let stages = dryRun.unfinished
    return plan.problemsAhead { !$0.inputs.isEmpty && stages.contains($0.id) }
  }

  /// Makes the run's folder, with a record that says that it goes on.
  /// - Parameter isSound: whether the files of its programs may be shown, as what depends on them is to be or was made. A
  ///   plan from a file names whichever it likes.
  private func begin(isSound: Bool = true) throws -> OpenRun {
    let opened = try results.begin(texts(withPrograms: isSound))
    do { try RunRecord(run: self, in: opened).begin() } catch {
      opened.discardIfEmpty()
      throw error
    }
    return opened
  }

  /// Writes a run that has no results into a folder of its own, so that nobody takes an earlier run's page for its.
  /// - Returns: that folder, or what to say where that could not be done.
  package func note(_ outcome: RunOutcome, in begun: OpenRun? = nil) -> (record: String?, problem: String?) {
    do {
      let opened = try begun ?? begin(isSound: !plan.texts.isEmpty)
      try RunRecord(run: self, in: opened, outcome: outcome).write()
      return (opened.place.path, nil)
    } catch {
      let problem = "the record of this failed run could not be written (\(error))"
      let hasEarlier = (try? RecipeRuns(at: results.place).latest) != nil
      return (
        nil, hasEarlier ? "\(folder) has the results of an earlier run: \(problem)" : "\(folder): \(problem)"
      )
    }
  }

  /// Does `work` again for as long as it comes upon objects that the store has lost, each for the first time.
  private func repairing(
    _ emit: @Sendable (RunEvent) -> Void, _ work: (_ isFirst: Bool) throws -> Void
  ) throws {
    var lost: Set<Digest> = []
    while true {
      do { return try work(lost.isEmpty) } catch let error as StoreError {
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
  package init?(_ failures: [ActionFailure]) {
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
  /// Where its record and its page are, also where it has no results; nil where there are none.
  public var record: String?
  /// Whether nothing was begun, as the recipe or an input is wrong.
  public package(set) var isRefused = false
  /// What stopped the run.
  public var error: (any Error)?
  /// Why its folder does not tell that it failed, where that could not be written.
  package var unnoted: String?
  public var seconds = 0.0

  package init(error: (any Error)? = nil) { self.error = error }

  /// Takes note of what became of the actions; where some failed and nothing else is wrong, that is what is.
  package mutating func take(actions: [ActionResult], skipped: [ActionID]) {
    self.actions = actions
    self.skipped = skipped
    if error == nil { error = RunFailures(failures) }
  }

  /// The actions that failed, in the order of the plan.
  public var failures: [ActionFailure] {
    actions.compactMap(\.failure)
  }

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
      run: folder, record: record, expectations: expectations)
  }

  /// What a person has to know at the end, beyond the summary: why the run stopped, and what was not met.
  public var issues: [String] {
    switch error {
    case nil: expectations.compactMap(\.issue)
    case let error?: ["\(error)"] + (unnoted.map { [$0] } ?? [])
    }
  }
}

extension RegisteredRun {
  /// - Parameter isWhole: whether all that the recipe asks for is there.
  package init(of plan: Plan, keys: [Digest], isWhole: Bool) {
    let overlays = plan.overlays.sorted { $0.key < $1.key }.map { Overlay.value($0.key, $0.value).json }
    self.init(recipe: plan.file, overlays: overlays, keys: keys, isWhole: isWhole)
  }
}
