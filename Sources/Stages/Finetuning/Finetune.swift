import ArtifactStore
import Diffusion
import Networks
import StageKit
import Tensors

/// `finetune`: the heart of the method (paper Sec. 3.1).
let finetune = StageKind(
  name: "finetune",
  summary: "Fine-tunes a diffusion model so that what it generates from latents follows a text (paper Sec. 3.1).",
  revision: 1,
  inputs: [
    Port("model", .diffusion, help: "The model that the latents were inverted with."),
    Port("latents", .latents, help: "Latents with their images: what it learns on."),
    Port("clip", .clip, help: "The CLIP that guides."),
    Port("identity", .identity, arity: .optional, help: "A face recognition network, for the identity loss."),
  ],
  parameters: [
    Parameter("source", .string, .defaulting(.string("face")), help: "What the images show (official --src_txts)."),
    Parameter("target", .string, .required, help: "What they shall show (official --trg_txts)."),
    Parameter(
      "steps", .int(1...200), .defaulting(.int(6)), help: "S_gen while training: network evaluations per image."),
    Parameter(
      "method", .choice(["model", "latent"]), .defaulting(.string("model")),
      help:
        "model: optimize the model. latent: optimize each latent, and leave the model as it is (officially at a learning rate of 0.02 with the global CLIP loss)."
    ),
    Parameter(
      "gradient", .choice(FineTuning.Gradient.allCases.map(\.rawValue)), .optional,
      help:
        "Of the method `model`. full, unless given: exact, through all steps. per_step: an update at every step, on the predicted x₀. per_step_official: the same without a gradient of the identity loss."
    ),
    Parameter(
      "adapter", .choice(["none", "lora"]), .defaulting(.string("none")),
      help: "none: all weights change. lora: low-rank changes to some weights are learned, and only these are stored."),
    Parameter(
      "lora_targets", .choice(LowRankTargets.allCases.map(\.rawValue)), .defaulting(.string("all")),
      help: "Which weights lora changes: those of attention, of convolutions, or of both."),
    Parameter("lora_rank", .int(1...1024), .defaulting(.int(4)), help: "Rank of lora's changes."),
    Parameter(
      "lora_alpha", .double(1e-6...1e6), .optional,
      help: "Lora's changes are multiplied by lora_alpha / lora_rank; by 1 unless given."),
    Parameter(
      "epochs", .int(1...1000), .defaulting(.int(5)),
      help:
        "Epochs, that is passes over the images; for the method `latent`, updates of each latent (official --n_iter)."),
    Parameter("learning_rate", .double(1e-9...1), .defaulting(.double(4e-6)), help: "Adam's, of the first epoch."),
    Parameter(
      "lr_gamma", .double(0.1...10), .defaulting(.double(1.3)),
      help: "lr = learning_rate · lr_gamma^⌊iteration / lr_step_size⌋, as in PyTorch's StepLR."),
    Parameter(
      "lr_step_size", .int(1...1_000_000), .optional,
      help: "Iterations; those of an epoch unless given (paper: 1.2 every 50)."),
    Parameter(
      "clip_loss", .choice(["directional", "global"]), .defaulting(.string("directional")),
      help: "Which CLIP loss: of directions (paper eq. 9), or of the image with the text (eq. 8)."),
    Parameter(
      "clip_loss_form", .choice(CLIPLoss.Form.allCases.map(\.rawValue)), .defaulting(.string("log")),
      help: "log: −log((2 − L)/2), as the official code. cosine: L itself, as the paper."),
    clipPreprocessingParameter,
    Parameter(
      "clip_weight", .double(0...1000), .defaulting(.double(3)), help: "Of the CLIP loss (official --clip_loss_w)."),
    Parameter(
      "l1_weight", .double(0...1000), .defaulting(.double(1)), help: "Of mean |x₀ − x̂₀| (official --l1_loss_w)."),
    Parameter(
      "identity_weight", .double(0...1000), .defaulting(.double(1)),
      help: "Of 1 − cos of the faces' embeddings; only where `identity` is given (official --id_loss_w)."),
    Parameter(
      "seed", .int(0...Int.max), .defaulting(.int(0)),
      help: "Of the order of the images, which is the same in every epoch, and of lora's first values."),
    Parameter(
      "activation_memory_mb", .int(0...1_000_000), .optional, isSemantic: false,
      help:
        "MB that a step may keep for its gradient; the rest is computed twice, to the same result. Left out: all."
    ),
    saveEveryParameter,
  ],
  outputs: { parameters in
    let losses = OutputPort("losses", .table)
    return parameters["method"]?.string == "latent"
      ? [OutputPort("latents", .latents), losses] : [OutputPort("model", .diffusion), losses]
  },
  // The model, its gradient, two moments of Adam, and the activations of one network evaluation.
  memory: MemoryNeed(megabytes: 256, perInputByte: 12),
  estimate: { input in
    let parameters = input.parameters
    let evaluations = (input["latents"]?.items ?? 0) * parameters.int("epochs") * parameters.int("steps")
    let flop = input["model"]?.flopPerEvaluation
    let isLatent = parameters.string("method") == "latent"
    return input.estimate(
      work: flop.map { .learning(evaluations, of: $0) }, bytes: input[isLatent ? "latents" : "model"]?.bytes,
      flopPerEvaluation: flop
    ).complaining(
      input.complaints(aboutSizesAt: "latents", takenBy: "model")
        + input.complaints(
          aboutTexts: parameters["clip_loss"]?.string == "global"
            ? [("target", ["a \(parameters.string("target"))"])] : input.directionPrompts))
  },
  check: { draft in
    guard draft.parameters["method"]?.string == "latent" else { return [] }
    let isLowRank = draft.parameters["adapter"]?.string == "lora"
    let unused: [String] = (isLowRank ? ["adapter"] : []) + (draft.parameters["gradient"] == nil ? [] : ["gradient"])
    return unused.map { ValidationIssue(about: $0, "the method latent changes no model: leave '\($0)' out") }
  },
  run: { context in
    if context.parameters.string("method") == "latent" { try optimizeLatents(context) } else { try tuneModel(context) }
  })

private func tuneModel(_ context: any StageContext) throws {
  let parameters = context.parameters
  let (items, returnStep) = try trainingLatents(context)
  guard let original = try context.diffusionModel("model") else { return }
  let model = try original.copy()
  let change = try LowRankChange(to: model, parameters)
  model.parameters.setRequiresGradient(change == nil)
  for layer in change?.adapter.layers ?? [] { layer.weight.setRequiresGradient(true) }
  var state = try SavedTuning(context)

  let schedule: RateSchedule =
    parameters["lr_step_size"]?.int.map { .perIterations(parameters.double("lr_gamma"), every: $0) }
    ?? .perEpoch(parameters.double("lr_gamma"))
  var tuning = FineTuning(
    model, parameters: model.parameters.tensors, adaptation: change?.adapter,
    trajectory: Trajectory(
      ddim: DDIM(schedule: noiseSchedule),
      steps: Step.sequence(returnStep: returnStep, steps: parameters.int("steps"))),
    settings: FineTuning.Settings(
      gradient: parameters["gradient"]?.string.flatMap(FineTuning.Gradient.init(rawValue:)) ?? .full,
      learningRate: parameters.double("learning_rate"), schedule: schedule),
    objective: try tuningObjective(context, for: items[0].image), iteration: state?.iteration ?? 0,
    optimizer: state?.optimizer ?? Adam())
  var losses = state?.losses ?? LossTable()
  for (tensor, saved) in zip(tuning.learned, state?.learned ?? []) { tensor.assign(saved) }
  change?.adapter.apply()
  state = nil

  var random = RandomSource(seed: UInt64(parameters.int("seed")), name: "order of the images")
  let examples = items.shuffled(using: &random).map { FineTuning.Example(latent: $0.latent, image: $0.image) }
  for item in items { try requireSize(item.image.shape, of: model, context, item: item.name) }
  let total = parameters.int("epochs") * examples.count
  let evaluations = (total - tuning.iteration) * parameters.int("steps")
  var timer = SaveTimer(parameters)
  while tuning.iteration < total {
    try SavedState.checkCancellation(context) {
      if tuning.iteration > 0 { try SavedTuning.save(tuning, losses, context) }
    }
    let report: FineTuning.Report
    do { report = try limited(parameters) { try tuning.iterate(over: examples) } } catch let divergence as Divergence {
      // What was learned before is kept, but where an update has spoiled it.
      if divergence.isIntact, tuning.iteration > 0 { try SavedTuning.save(tuning, losses, context) }
      throw ResultError(
        "\(divergence.description(of: total)); \(ratesToLower(parameters)), or see whether the model and the CLIP are right"
      )
    }
    losses.add(report.iteration, report.terms + [("learning_rate", report.rate)])
    context.progress(
      report.iteration, of: total, unit: "image", values: report.terms.map { ProgressValue($0.name, $0.value) })
    if timer.isDue, report.iteration < total { try SavedTuning.save(tuning, losses, context) }
  }
  context.count(.learning(evaluations, of: model.flopPerEvaluation))
  let note = "fine-tuned from '\(parameters.string("source"))' to '\(parameters.string("target"))'"
  if let change, let base = context.input("model") {
    let data = try change.data(to: model, base: base.items[0].object, description: note)
    try context.write(data, item: "", to: "model")
    for item in base.items { try context.attach(item, to: "model") }
  } else {
    try context.write(Model.data(model, metadata: ["description": note]), item: "", to: "model")
  }
  try context.write(losses.data, item: "", to: "losses")
}

/// What to lower where a fine-tuning diverges.
private func ratesToLower(_ parameters: Parameters) -> String {
  let (rate, factor) = (parameters.double("learning_rate"), parameters.double("lr_gamma"))
  return "lower 'learning_rate' (it is \(rate))" + (factor > 1 ? " or 'lr_gamma' (it is \(factor))" : "")
}

extension Divergence {
  /// `iteration 4 of 20: the loss is not finite`
  func description(of total: Int) -> String { "iteration \(iteration) of \(total): \(finding)" }
}

/// Runs `body` in the memory that the parameter `activation_memory_mb` allows.
func limited<Result>(_ parameters: Parameters, _ body: () throws -> Result) rethrows -> Result {
  guard let megabytes = parameters["activation_memory_mb"]?.int else { return try body() }
  return try Recomputation.limited(to: megabytes << 20, body)
}

typealias NamedLatent = (name: String, latent: Tensor, image: Tensor)

/// The latents of a fine-tuning, which must all be at one time.
func trainingLatents(_ context: any StageContext) throws -> (items: [NamedLatent], returnStep: Int) {
  var items: [NamedLatent] = []
  var steps: Set<Int> = []
  for item in context.input("latents")?.items ?? [] {
    let latent = try Latent(context.read(item), name: item.name)
    items.append((item.name, latent.latent, latent.image))
    steps.insert(latent.returnStep)
  }
  guard let returnStep = steps.first else { throw InputError("finetune needs at least one latent") }
  guard steps.count == 1 else {
    throw InputError("the latents have return steps \(steps.sorted()): fine-tune on latents of one return step")
  }
  return (items, returnStep)
}
