import ArtifactStore
import Checkpoints
import Foundation
import Networks
import StageKit
import Tensors

/// `train`: any of the networks, on Portraits or on a user's own pictures.
struct Train: Stage {
  static let name = "train"
  static let summary = "Trains a network on pictures and what is known about them."
  static let revision = 3
  static let usesDevice = true
  static let memoryAdvice = "lower 'batch_size'"
  // The largest networks of the built-in domain take 770 MB; the pictures are held as bytes, which were packed before.
  static let memory = MemoryNeed(megabytes: 1024, perInputByte: 8)

  @Input(help: "Square pictures, all of one size.") var images: Whole<Pictures>
  @Input(help: "A row for each picture, its name in the column `item`.") var table: Whole<Tables>?
  @Input(help: "A diffusion model or a CLIP to go on from, instead of random first values.")
  var model: Whole<DiffusionModelsOrCLIPs>?
  @Input(help: "Segmentation classes of each picture's pixels, as gray levels.") var labels: Whole<Pictures>?
  @Parameter(
    help:
      "What to train. clip needs captions, identity people, perceptual and classifier attributes in the table; segmenter labels."
  )
  var network: NetworkName
  @Parameter(1...100_000_000, help: "Updates.") var steps: Int
  @Parameter(1...4096, help: "Pictures per update.") var batchSize = 16
  @Parameter(1e-9...1, help: "The highest learning rate; it decays to a hundredth.") var learningRate = 5e-4
  @Parameter(0...1_000_000, help: "Updates over which the learning rate rises from 0.") var warmupSteps = 200
  @Parameter(0...0.99999, help: "Decay of the moving average that is kept.") var emaDecay = 0.998
  @Parameter(0...Int.max, help: "Seed of the first values, the order and the noise.") var seed = 1
  let clip = CLIPTraining()
  let unet = DiffusionTraining()
  @Parameter(0...48894, help: "Merges that CLIP's tokenizer learns from the captions; 512 unless given.")
  var merges: Int?
  @Parameter(help: "Columns of the table that perceptual or classifier tell apart.") var attributes: [String]?
  @Parameter(help: "Names of the segmenter's classes, by gray level.") var classes: [String]?
  let saving = SavingOptions()
  let previews = PreviewOptions()

  let trained = Output<DiffusionModels>(name: "model")
  let losses = Output<Tables>()

  var made: [OutputPort]? { [trained.port(as: network.type), losses.port] }

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    let name = network.type.rawValue
    var issues = $attributes.emptiness + $classes.emptiness + unet.$multipliers.emptiness
    issues += network.sort.check(self, draft)
    if let type = draft.types(at: $model).first, type != network.type {
      let fits =
        DiffusionModelsOrCLIPs.types.contains(network.type) ? "give a \(name) network or leave it out" : "leave it out"
      issues.append(
        ValidationIssue(about: $model, "training \(name) cannot go on from a \(type.rawValue) network: \(fits)"))
    }
    if network.type == .diffusion { issues += unet.issues(goesOn: draft.has($model), isSound: issues.isEmpty) }
    return issues
  }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    guard network.type == .diffusion else { return input.estimate() }
    let new = input[$images]?.size.flatMap { size in
      size.width == size.height ? try? DDPMUNet(unet.configuration(side: size.width), .described) : nil
    }
    let flop = input[$model]?.flopPerEvaluation ?? new?.flopPerEvaluation
    return input.estimate(
      work: flop.map { .learning(steps * batchSize, of: $0) },
      bytes: input[$model]?.bytes ?? new.map { 4 * $0.parameters.count }, flopPerEvaluation: flop,
      taken: new.map(\.taken), weights: input[$model]?.weights ?? new?.parameters.count)
  }

  func run(_ context: any StageContext) throws {
    let task = try network.sort.task(self, Dataset(self, context), context)
    var run = TrainingRun(
      task.learned,
      settings: TrainingRun.Settings(
        steps: steps, rate: learningRate, warmup: warmupSteps, averageDecay: emaDecay, seed: UInt64(seed)))
    let restored = try restore(&run, context)
    var losses = restored?.losses ?? LossTable(counter: "step")
    var timer = SaveTimer(saving)
    var previewTimer = PreviewTimer(previews)
    // Of the losses since the last row.
    var (sum, counted) = (restored?.sum ?? 0, restored?.counted ?? 0)
    while !run.isFinished {
      try SavedState.checkCancellation(context) {
        if run.step > 0 { try save(run, losses, sum, counted, context) }
      }
      let rate = run.rate
      let progress = Double(run.step) / Double(run.settings.steps)
      do throws(Divergence) { sum += try run.advance { task.loss(&$0, progress) } } catch {
        if error.isIntact, run.step > 0 { try save(run, losses, sum, counted, context) }
        throw ResultError(
          "\(error.description(of: run.settings.steps)); lower 'learning_rate' (it is \(run.settings.rate)) or raise 'warmup_steps' (it is \(run.settings.warmup))"
        )
      }
      counted += 1
      // One row for every ten steps.
      guard run.step % 10 == 0 || run.isFinished else { continue }
      let loss = sum / Double(counted)
      losses.add(run.step, [("loss", loss), ("learning_rate", rate)])
      sum = 0
      counted = 0
      context.progress(run.step, of: run.settings.steps, unit: "step", values: [ProgressValue("loss", loss)])
      if timer.isDue(), !run.isFinished { try save(run, losses, sum, counted, context) }
      try previewTimer.showIfDue {
        context.preview("losses.csv", losses.data)
        if let pictures = task.pictures { context.preview("latest", rows: [try run.withAverage(pictures)]) }
      }
    }
    context.count(task.work.scaled(by: Double(run.settings.steps)))
    for (parameter, value) in zip(task.learned, run.average.values) { parameter.assign(value) }
    try context.write(Safetensors.data(of: task.checkpoint()), to: trained)
    try context.write(losses.data, to: self.losses)
  }
}

/// Which network a stage trains: a word for each sort of the ``NetworkTable``.
struct NetworkName: ParameterValue {
  let sort: any NetworkContent.Type

  var type: ArtifactType { sort.type }

  static func kind(_ bounds: Void) -> ParameterDeclaration.Kind { .choice(NetworkTable.types.map(\.rawValue)) }

  init?(_ value: Value) {
    guard let sort = NetworkTable.sorts.first(where: { $0.type.rawValue == value.string }) else { return nil }
    self.sort = sort
  }

  var value: Value { .string(type.rawValue) }
}

/// What a training may go on from.
enum DiffusionModelsOrCLIPs: ArtifactContent { static let types: [ArtifactType] = [.diffusion, .clip] }

private let (stepsDone, lossSum, lossCount) = ("step", "loss_sum", "loss_count")

/// - Parameters:
///   - sum: of the losses since the last row of the table, exactly.
///   - counted: how many these are.
private func save(
  _ run: TrainingRun, _ losses: LossTable, _ sum: Double, _ counted: Int, _ context: any StageContext
) throws {
  var state = SavedState(losses: losses)
  for (name, tensor) in run.state() { state.tensors[name] = tensor }
  state.numbers = [
    stepsDone: run.step, lossSum: Int(truncatingIfNeeded: sum.bitPattern), lossCount: counted,
  ]
  try state.save(context)
}

private func restore(
  _ run: inout TrainingRun, _ context: any StageContext
) throws -> (losses: LossTable, sum: Double, counted: Int)? {
  guard let state = try SavedState(context), let step = state.numbers[stepsDone], run.restore(state.tensors, step: step)
  else { return nil }
  context.log("goes on after \(step) steps")
  let sum = Double(bitPattern: UInt64(truncatingIfNeeded: state.numbers[lossSum] ?? 0))
  return (state.losses, sum, state.numbers[lossCount] ?? 0)
}
