import ArtifactStore
import Diffusion
import Networks
import StageKit
import Tensors

/// `finetune`: the heart of the method (paper Sec. 3.1).
struct Finetune: Stage {
  static let name = "finetune"
  static let summary =
    "Fine-tunes a diffusion model so that what it generates from latents follows a text (paper Sec. 3.1)."
  static let revision = 1
  static let usesDevice = true
  static let memoryAdvice = "set 'activation_memory_mb', or lower it, or learn from smaller pictures ('size' of `load`)"
  // The model, its gradient, two moments of Adam, and the activations of one network evaluation.
  static let memory = MemoryNeed(megabytes: 256, perInputByte: 12)

  @Input(help: "The model that the latents were inverted with.") var model: Whole<DiffusionModels>
  @Input(help: "Latents with their images: the training data.") var latents: Whole<Latents>
  @Input(
    help: "Where the images are to change, a mask of each one's name: elsewhere the losses see the image as it was.")
  var mask: Whole<Masks>?
  let objective = ObjectiveOptions(of: Finetune.name)
  @Parameter(1...200, help: "S_gen while training: network evaluations per image.") var steps = 6
  let timing = SpacingOptions()
  @Parameter(
    help:
      "model: optimize the model. latent: optimize each latent, and leave the model as it is (officially at a learning rate of 0.02 with the global CLIP loss)."
  )
  var method = Method.model
  let differentiation = GradientOptions()
  let adaptation = AdapterOptions()
  @Parameter(
    1...1000, isChained: true,
    help:
      "Epochs over the images; for the method `latent`, updates of each latent (official --n_iter). More of them go on from those that are done."
  )
  var epochs = 5
  @Parameter(
    isSemantic: false,
    help:
      "Whether the models of all epochs are kept, so that `stage[epoch=3]` and fewer `epochs` need no computing. The method `latent` keeps the last alone."
  )
  var keepEpochs = true
  @Parameter(1e-9...1, help: "Adam's learning rate in the first epoch.") var learningRate = 4e-6
  @Parameter(
    0.1...10, help: "lr = learning_rate · lr_gamma^⌊iteration / lr_step_size⌋, as in PyTorch's StepLR.")
  var lrGamma = 1.3
  @Parameter(
    1...1_000_000,
    help: "Iterations between two changes of the learning rate; those of an epoch unless given (paper: 1.2 every 50).")
  var lrStepSize: Int?
  @Parameter(
    0...Int.max,
    help: "Seed of the images' order, which is the same in every epoch, and of lora's first values.")
  var seed = 0
  @Parameter(
    0...1_000_000, name: "activation_memory_mb", isSemantic: false,
    help:
      "MB of activations that a step may keep for its gradient; it computes the rest twice, with the same result. Unlimited unless given."
  )
  var activationMemory: Int?
  let saving = SavingOptions()
  let previews = PreviewOptions()

  let tuned = Output<DiffusionModels>(name: "model")
  let optimized = Output<Latents>(name: "latents")
  let losses = Output<Tables>()

  enum Method: String, Choice { case model, latent }

  var made: [OutputPort]? { [method == .latent ? optimized.port : tuned.port, losses.port] }

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    let issues = objective.check(draft)
    guard method == .latent else { return issues + differentiation.issues(steps: steps) }
    let given: [StageProperty] = differentiation.given + (adaptation.adapter == .lora ? [adaptation.$adapter] : [])
    return issues
      + given.map { property in
        ValidationIssue(about: property, "the method latent changes no model: leave '\(property.name)' out")
      }
  }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    let images = (input[$latents]?.items ?? 0) * epochs
    return input.estimate(
      work: input.flop(of: $model, on: $latents).map { work(of: images, each: $0) },
      bytes: (method == .latent ? input[$latents] : input[$model])?.bytes,
      flopPerEvaluation: input[$model]?.flopPerEvaluation
    ).keeping(chainBytes(of: input[$model]?.weights)).reporting(
      input.issues(aboutSizesAt: $latents, takenBy: input.all(at: $model))
        + objective.issues(input))
  }

  func run(_ context: any StageContext) throws {
    switch method {
    case .model: try tuneModel(context)
    case .latent: try optimizeLatents(context)
    }
  }

  /// What all epochs take that are kept, of a model with so many weights, and what they go on from: the weights, and two
  /// moments of each. Low-rank changes and latents take little.
  private func chainBytes(of weights: Int?) -> ChainBytes? {
    guard method == .model, adaptation.adapter == .none, let weights else { return nil }
    let each = weights * MemoryLayout<Float>.size
    return ChainBytes(links: keepEpochs ? epochs : 1, each: each, state: 3 * each)
  }

  /// To generate so many pictures and learn from them, by a network whose evaluation takes `flop`.
  private func work(of pictures: Int, each flop: Double) -> Work {
    let evaluations = differentiation.chosen.evaluations(steps: steps)
    return .forward(pictures * evaluations.plain, of: flop)
      + .learning(pictures * evaluations.differentiated, of: flop)
  }
}

/// Which weights a fine-tuning changes, and how.
final class AdapterOptions: StagePart {
  @Parameter(
    help: "none: all weights change. lora: low-rank changes to some weights are learned, and only these are stored.")
  var adapter = Adapter.none
  @Parameter(help: "Which weights lora changes: those of attention, of convolutions, or of both.")
  var loraTargets = LowRankTargets.all
  @Parameter(1...1024, help: "Rank of lora's changes.") var loraRank = 4
  @Parameter(1e-6...1e6, help: "Lora's changes are multiplied by lora_alpha / lora_rank; by 1 unless given.")
  var loraAlpha: Double?

  enum Adapter: String, Choice { case none, lora }
}

extension Finetune {
  private func tuneModel(_ context: any StageContext) throws {
    let (items, returnStep) = try trainingLatents(context)
    let original = try context.network(model)
    let model = try original.copy()
    let change = try LowRankChange(to: model, adaptation, seed: seed)
    model.parameters.setRequiresGradient(change == nil)
    for layer in change?.adapter.layers ?? [] { layer.weight.setRequiresGradient(true) }
    let settings = FineTuning.Settings(
      gradient: differentiation.chosen, batchSize: differentiation.batchSize ?? 1, learningRate: learningRate,
      schedule: lrStepSize.map { .perIterations(lrGamma, every: $0) } ?? .perEpoch(lrGamma), seed: UInt64(seed))
    let perEpoch = settings.iterations(perEpochOf: items.count)
    let total = epochs * perEpoch
    var (state, staysAsItIs) = SavedState.resumed(from: try SavedTuning(context), context) { $0.iteration > total }
    if let state { context.log("goes on after \(Readable.count(state.iteration, "iteration"))") }
    var tuning = FineTuning(
      model, parameters: model.parameters.tensors, adaptation: change?.adapter,
      trajectory: Trajectory(
        ddim: DDIM(schedule: noiseSchedule), steps: timing.sequence(returnStep: returnStep, steps: steps)),
      settings: settings,
      objective: try objective(context, for: items[0].example.image, sources: items.map(\.example.image)),
      iteration: state?.iteration ?? 0,
      optimizer: state?.optimizer ?? Adam())
    var losses = state?.losses ?? LossTable()
    for (tensor, saved) in zip(tuning.learned, state?.learned ?? []) { tensor.assign(saved) }
    change?.adapter.apply()
    state = nil

    var random = RandomSource(seed: UInt64(seed), name: "order of the images")
    let examples = items.shuffled(using: &random).map(\.example)
    for item in items { try requireSize(item.example.image.shape, of: model, context, item: item.name) }
    func save() throws { if !staysAsItIs, tuning.iteration > 0 { try SavedTuning.save(tuning, losses, context) } }
    let flop = model.flopPerEvaluation(on: examples[0].image.shape)
    func write() throws {
      context.count(work(of: settings.images(in: tuning.iteration, of: examples.count), each: flop))
      try self.write(model, change, losses, context)
    }
    var timer = SaveTimer(saving)
    var previewTimer = PreviewTimer(previews)
    var recent = RecentPictures()
    while tuning.iteration < total {
      try SavedState.checkCancellation(context, save: save)
      let report: FineTuning.Report
      do { report = try limited { try tuning.iterate(over: examples) } } catch let divergence as Divergence {
        // What was learned before is kept, but where an update has spoiled it.
        if divergence.isIntact { try save() }
        throw ResultError(
          "\(divergence.description(of: total)); \(ratesToLower), or see whether the model and the CLIP are right")
      }
      losses.add(report.iteration, report.terms + [("learning_rate", report.rate)])
      context.progress(
        settings.images(in: report.iteration, of: examples.count), of: epochs * examples.count, unit: "image",
        values: report.terms.map { ProgressValue($0.name, $0.value) })
      recent.take(before: report.images, after: report.generated)
      let isEpoch = report.iteration % perEpoch == 0
      previewTimer.showIfDue(after: isEpoch ? 0.1 : 1) {
        context.preview(isEpoch ? "epoch-\(report.iteration / perEpoch)" : "latest", rows: recent.rows)
        context.preview("losses.csv", losses.data)
      }
      guard report.iteration < total else { break }
      // At the end of an epoch sooner, so that it can be gone on from.
      if timer.isDue(after: isEpoch ? 0.1 : 1) { try save() }
      if keepEpochs, isEpoch {
        try write()
        try context.publish(link: report.iteration / perEpoch)
      }
    }
    try save()
    try write()
  }

  /// Writes what was learned so far.
  /// - Parameter change: what is learned instead of the model's own weights.
  private func write(
    _ model: any DiffusionModel, _ change: LowRankChange?, _ losses: LossTable, _ context: any StageContext
  ) throws {
    let note = "fine-tuned from '\(objective.source)' to '\(objective.targetText)'"
    if let change {
      let base = self.model.artifact.items
      try context.write(change.data(to: model, base: base[0].object, description: note), to: tuned)
      for item in base { try context.attach(item, to: tuned) }
    } else {
      try context.write(Model.data(model, metadata: ["description": note]), to: tuned)
    }
    try context.write(losses.data, to: self.losses)
  }

  /// What to lower where a fine-tuning diverges.
  private var ratesToLower: String {
    "lower 'learning_rate' (it is \(learningRate))" + (lrGamma > 1 ? " or 'lr_gamma' (it is \(lrGamma))" : "")
  }

  /// Runs `body` in the memory that the stage allows.
  func limited<Result>(_ body: () throws -> Result) rethrows -> Result {
    guard let activationMemory else { return try body() }
    return try Recomputation.limited(to: activationMemory << 20, body)
  }

  typealias NamedExample = (name: String, example: FineTuning.Example)

  /// What it learns on, which must all be at one time.
  func trainingLatents(_ context: any StageContext) throws -> (items: [NamedExample], returnStep: Int) {
    var items: [NamedExample] = []
    var steps: Set<Int> = []
    for item in latents.artifact.items {
      let latent = try Latent(context.read(item), name: item.name)
      let mask = try mask.map { try tensor(of: $0, for: latent.image, name: item.name, context) }
      items.append((item.name, FineTuning.Example(latent: latent.latent, image: latent.image, mask: mask)))
      steps.insert(latent.returnStep)
    }
    guard let returnStep = steps.first else { throw InputError("finetune needs at least one latent") }
    let size = items[0].example.image.shape
    if let other = items.first(where: { $0.example.image.shape != size }) {
      let (width, height) = (other.example.image.shape[2], other.example.image.shape[1])
      throw InputError(
        "picture '\(other.name)' is \(width)×\(height), '\(items[0].name)' \(size[2])×\(size[1]): fine-tune on pictures of one size"
      )
    }
    guard steps.count == 1 else {
      throw InputError("the latents have return steps \(steps.sorted()): fine-tune on latents of one return step")
    }
    return (items, returnStep)
  }

  /// The mask of an image among those that are given.
  private func tensor(
    of masks: Whole<Masks>, for image: Tensor, name: String, _ context: any StageContext
  ) throws -> Tensor {
    guard let item = masks.artifact[name] else {
      throw InputError("'mask' has none for '\(name)': make the masks of the same pictures")
    }
    return try context.mask(item, for: image).tensor
  }
}

extension Divergence {
  /// `iteration 4 of 20: the loss is not finite`
  func description(of total: Int) -> String { "iteration \(iteration) of \(total): \(finding)" }
}
