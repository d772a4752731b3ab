import ArtifactStore
import Engine
import Planning
import StageKit

/// What a plan will take, before it runs: by what kinds declare, what the store's records tell, and how fast the machine
/// is.
public struct CostEstimate: Sendable {
  /// Where the time of an action is from.
  public enum Basis: String, Sendable {
    /// Earlier actions of the kind.
    case records
    /// What `bench` measured.
    case bench
    /// The peak of the matrix product of this machine or its graphics card, or nothing at all.
    case assumed
  }

  /// One stage, all of whose actions take about the same.
  public struct Stage: Sendable {
    public let stage: PlannedStage
    /// How many actions it has, and how many of them are to run.
    public let actions: Int
    public let runs: Int
    /// Of one action; nil where it cannot be told.
    public let work: Work?
    /// Wall time of one action.
    public let seconds: Double
    public let basis: Basis
    /// Of one action.
    public let megabytes: Double

    /// Of all that is to run, one after the other.
    public var totalSeconds: Double { seconds * Double(runs) }
    /// Whether a graphics card computes it.
    public let usesCard: Bool
    /// Whether it needs as many threads as there are.
    package var isParallel: Bool { (work?.evaluations ?? 0) > 0 }
  }

  public let plan: Plan
  /// In the order of the plan; those with nothing to run as well.
  public let stages: [Stage]
  /// How many threads an action has.
  public let threads: Int

  /// What nothing is known of takes as long.
  private static let assumedSeconds = 0.1
  /// The fraction of the machine's peak that networks are taken to reach where nobody has measured it.
  private static let assumedRatio = 0.8

  /// - Parameters:
  ///   - threads: of an action.
  ///   - usesCards: whether graphics cards compute what they can.
  ///   - bench: what is known of the machine that it will run on.
  ///   - peak: measures this machine's, in FLOP/s with so many threads, or its graphics card's; asked where neither records nor
  ///     `bench` tell.
  /// - Throws: `StoreError`.
  public init(
    of dryRun: DryRun, for plan: Plan, threads: Int, usesCards: Bool = false, bench: BenchFigures? = nil,
    peak: (_ ofCard: Bool) -> Double
  ) throws {
    // Where there is nothing to run, nothing has to be known.
    let records = dryRun.cached < dryRun.actions.count ? try dryRun.history.all() : []
    let (onProcessor, onCards) = (TimingModel(records, onCards: false), TimingModel(records, onCards: true))
    let actions = Dictionary(grouping: dryRun.actions) { $0.id.stage }
    var outputs: [OutputReference: OutputEstimate] = [:]
    var measured: [Bool: Double] = [:]
    // By stage: how many links of its chain there are once it is done.
    var links: [String: Int] = [:]
    stages = plan.stages.map { stage in
      let inputs = stage.inputs.mapValues { input in input.references.uniqued.compactMap { outputs[$0] } }
      let (count, runs) = Self.counts(stage, actions[stage.id] ?? [], inputs)
      let estimate = stage.estimate(inputs: outputs, actions: max(1, count))
      outputs.merge(Self.outputs(of: stage, estimate, dryRun)) { $1 }
      let before = plan.linked(before: stage).flatMap { links[$0.id] } ?? 0
      let share = Self.share(of: stage, after: before, actions[stage.id]?.first)
      links[stage.id] = stage.links.map { max($0, before) }
      let usesCard = usesCards && stage.kind.usesDevice
      let timing = usesCard ? onCards : onProcessor
      let fitting = bench.flatMap { $0.isOfCard == usesCard ? $0 : nil }
      let (seconds, basis) = Self.time(of: stage, estimate, usesCard ? 1 : threads, timing, fitting) {
        // Nobody waits for a measurement that nothing depends on.
        if runs > 0, measured[usesCard] == nil { measured[usesCard] = peak(usesCard) }
        return measured[usesCard] ?? 1e9
      }
      return Stage(
        stage: stage, actions: count, runs: runs, work: estimate.work?.scaled(by: share), seconds: seconds * share,
        basis: basis,
        megabytes: Self.megabytes(of: stage, estimate.work, inputs, timing), usesCard: usesCard)
    }
    self.plan = plan
    self.threads = threads
  }

  /// How much of an action is left to do, where links of the chain that it makes are there, or will be then.
  private static func share(of stage: PlannedStage, after before: Int, _ action: PlannedAction?) -> Double {
    guard let links = stage.links else { return 1 }
    let done = if case .run(.goesOn(let done, _, _)) = action?.status { done } else { 0 }
    return Double(max(0, links - max(done, before))) / Double(links)
  }

  /// How many actions a stage has, and how many of them are to run. Items whose names are not known yet stand as one.
  private static func counts(
    _ stage: PlannedStage, _ known: [PlannedAction], _ inputs: [String: [OutputEstimate]]
  ) -> (all: Int, runs: Int) {
    let runs = known.count { !$0.isCached }
    guard known.count == 1, known[0].id.item == nil, case .items(let port) = stage.mapping else {
      return (known.count, runs)
    }
    let count = inputs[port]?.first?.items ?? 1
    return (count, runs * count)
  }

  /// What is known of each output: what there is, where it is there already.
  private static func outputs(
    of stage: PlannedStage, _ estimate: StageEstimate, _ dryRun: DryRun
  ) -> [OutputReference: OutputEstimate] {
    let known = stage.outputs.compactMap { output -> (OutputReference, OutputEstimate)? in
      let reference = OutputReference(stage: stage.id, port: output.name, type: output.type)
      guard var known = estimate.outputs[output.name] else { return nil }
      if let artifact = dryRun.artifacts[reference] {
        known.items = artifact.type.isItemSet ? artifact.items.count : 1
        known.bytes = artifact.items.map(\.size).reduce(0, +) / max(1, known.items)
      }
      return (reference, known)
    }
    return Dictionary(known) { first, _ in first }
  }

  /// Of one action.
  private static func time(
    of stage: PlannedStage, _ estimate: StageEstimate, _ threads: Int, _ timing: TimingModel, _ bench: BenchFigures?,
    peak: () -> Double
  ) -> (seconds: Double, basis: Basis) {
    let kind = stage.kind.name
    guard let work = estimate.work, let each = work.flopPerEvaluation else {
      // What has a limit of its own is like no other stage of its kind.
      return timing.seconds(of: kind, stage: stage.name, isAlone: estimate.longest != nil).map { ($0, .records) }
        ?? (estimate.longest ?? assumedSeconds, .assumed)
    }
    if let speed = timing.speed(of: kind, flopPerEvaluation: each) {
      return (work.flop / speed / Double(threads), .records)
    }
    if let speed = bench?.speed(of: kind, flopPerEvaluation: each, threads: threads) {
      return (work.flop / speed, .bench)
    }
    return (work.flop / peak() / assumedRatio, .assumed)
  }

  /// What an action takes: what such actions with such networks took, with something to spare, else what the kind
  /// declares.
  private static func megabytes(
    of stage: PlannedStage, _ work: Work?, _ inputs: [String: [OutputEstimate]], _ timing: TimingModel
  ) -> Double {
    let sizes = stage.ports.map { port in
      let isItem = stage.goesItemByItem(at: port)
      return (inputs[port.name] ?? []).reduce(0) { $0 + $1.bytes * (isItem ? 1 : $1.items) }
    }
    let declared = Double(stage.memory.bytes(forInputs: sizes.reduce(0, +))) / 1_048_576
    let known = timing.megabytes(
      of: stage.kind.name, stage: stage.name, flopPerEvaluation: work?.flopPerEvaluation)
    guard let known else { return declared }
    // Of what no network tells the size, the inputs may have grown.
    return work?.flopPerEvaluation == nil ? max(declared, 1.25 * known) : 1.25 * known
  }

  // MARK: Sums

  public var runs: Int { stages.reduce(0) { $0 + $1.runs } }
  public var evaluations: Int { stages.reduce(0) { $0 + $1.runs * ($1.work?.evaluations ?? 0) } }
  public var flop: Double { stages.reduce(0) { $0 + Double($1.runs) * ($1.work?.flop ?? 0) } }
  /// By one worker.
  public var seconds: Double { stages.reduce(0) { $0 + $1.totalSeconds } }
  /// Of the action that takes most.
  public var megabytes: Double { stages.filter { $0.runs > 0 }.map(\.megabytes).max() ?? 0 }
}
