import ArtifactStore
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
    /// The peak of this machine's matrix product, or nothing at all.
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
    /// Whether it needs as many threads as there are.
    var isParallel: Bool { (work?.evaluations ?? 0) > 0 }
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
  ///   - bench: what is known of the machine that it will run on.
  ///   - peak: measures this machine's, in FLOP/s with so many threads; asked where neither records nor `bench` tell.
  /// - Throws: `StoreError`.
  public init(
    of forecast: Forecast, for plan: Plan, in store: Store, threads: Int, bench: BenchFigures? = nil,
    peak: () -> Double
  ) throws {
    let experience = Experience(try store.records())
    let actions = Dictionary(grouping: forecast.actions) { $0.id.stage }
    var outputs: [OutputReference: OutputEstimate] = [:]
    var stages: [Stage] = []
    var measured: Double?
    for stage in plan.stages {
      let inputs = stage.inputs.mapValues { input in input.references.uniqued.compactMap { outputs[$0] } }
      let known = actions[stage.id] ?? []
      var (count, runs) = (known.count, known.count { !$0.isCached })
      // Items whose names are not known yet stand as one.
      if known.count == 1, known[0].id.item == nil, case .items(let port) = stage.mapping {
        count = inputs[port]?.first?.items ?? 1
        runs = runs > 0 ? count : 0
      }
      let foresight = Foresight(
        parameters: stage.parameters, inputs: inputs,
        files: stage.sources.mapValues { $0.files.compactMap(\.path) }, actions: max(1, count), outputs: stage.outputs)
      let estimate = stage.kind.estimate(foresight)
      for output in stage.outputs {
        let reference = OutputReference(stage: stage.id, port: output.name, type: output.type)
        var known = estimate.outputs[output.name]
        if let artifact = forecast.artifacts[reference] {
          let items = artifact.type.isItemSet ? artifact.items.count : 1
          known?.items = items
          known?.bytes = artifact.items.map(\.size).reduce(0, +) / max(1, items)
        }
        outputs[reference] = known
      }
      let kind = stage.kind.name
      let (seconds, basis): (Double, Basis)
      if let work = estimate.work, work.evaluations > 0 {
        let each = work.flop / Double(work.evaluations)
        if let speed = experience.speed(of: kind, flopPerEvaluation: each) {
          (seconds, basis) = (work.flop / speed / Double(threads), .records)
        } else if let speed = bench?.speed(of: kind, flopPerEvaluation: each) {
          (seconds, basis) = (work.flop / speed / Double(threads), .bench)
        } else {
          let speed = runs == 0 ? 1e9 : measured ?? peak()
          if runs > 0 { measured = speed }
          (seconds, basis) = (work.flop / speed / Self.assumedRatio, .assumed)
        }
      } else if let known = experience.seconds(of: kind, stage: stage.name) {
        (seconds, basis) = (known, .records)
      } else {
        (seconds, basis) = (Self.assumedSeconds, .assumed)
      }
      stages.append(
        Stage(
          stage: stage, actions: count, runs: runs, work: estimate.work, seconds: seconds, basis: basis,
          megabytes: Self.megabytes(of: stage, inputs: inputs, experience)))
    }
    (self.plan, self.stages, self.threads) = (plan, stages, threads)
  }

  /// What an action takes: what such actions took, with something to spare, else what the kind declares.
  private static func megabytes(
    of stage: PlannedStage, inputs: [String: [OutputEstimate]], _ experience: Experience
  ) -> Double {
    if let known = experience.megabytes(of: stage.kind.name, stage: stage.name) { return 1.25 * known }
    let sizes = stage.kind.inputs.map { port in
      let isItem = stage.mapping == .items(of: port.name) || port.isAligned && stage.mapping != .whole
      return (inputs[port.name] ?? []).reduce(0) { $0 + $1.bytes * (isItem ? 1 : $1.items) }
    }
    return Double(stage.kind.memory.bytes(forInputs: sizes.reduce(0, +))) / 1_048_576
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
