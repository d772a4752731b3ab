import ArtifactStore
import Diffusion
import Networks
import StageKit
import Tensors

/// `sample`: pictures from latents, by one model or by several whose noise is combined.
let sample = StageKind(
  name: "sample",
  summary: "Generates pictures from latents by a model, or by several models mixed (paper eqs. 13 and 14).",
  revision: 1,
  inputs: [
    Port("latents", .latents, help: "From `invert` or `perturb`; they carry their return step."),
    Port("model", .diffusion, arity: .optional, help: "The model, usually a fine-tuned one."),
    Port(
      "models", .diffusion, arity: .mixture,
      help: "Several models with weights that sum to 1, constant or by time; instead of `model`."),
    noisePort,
  ],
  parameters: [
    Parameter(
      "steps", .int(1...1000), .defaulting(.int(40)), help: "S_gen: network evaluations (official --n_test_step)."),
    Parameter(
      "sampler", .choice(["ddim", "ddpm", "respaced"]), .defaulting(.string("ddim")),
      help:
        "ddim follows η. ddpm is ancestral sampling as the official code has it, right only for steps = return step + 1. respaced: the same with the variance of the step that is taken."
    ),
    Parameter(
      "variance", .choice(DDPM.Variance.allCases.map(\.rawValue)), .optional,
      help:
        "Of ddpm and respaced. small: the posterior's (official fixedsmall). large: β (fixedlarge). learned: the model's, as improved DDPM reads it; taken unless given, if the model has one, else small. official: the model's, read as a logarithm."
    ),
    Parameter(
      "eta", .double(0...1), .defaulting(.double(0)),
      help: "η: 0 is deterministic, 1 as noisy as DDPM (official --eta)."),
    Parameter(
      "seed", .int(0...Int.max), .defaulting(.int(0)), help: "Of the noise drawn on the way, where there is any."),
    Parameter(
      "normalize", .bool, .defaulting(.bool(false)), help: "Divide the weights by their sum, instead of insisting on 1."
    ),
  ],
  outputs: { _ in [OutputPort("images", .images)] },
  over: "latents",
  memory: MemoryNeed(megabytes: 256, perInputByte: 4),
  estimate: { input in
    let models = (input.inputs["model"] ?? []) + (input.inputs["models"] ?? [])
    let flop = models.reduce(0.0) { $0 + ($1.flopPerEvaluation ?? .nan) }
    let evaluations = input.parameters.int("steps") * models.count
    return input.estimate(
      work: flop.isNaN || models.isEmpty ? nil : .forward(evaluations, of: flop / Double(models.count)),
      bytes: input["latents"].map { $0.bytes / latentBytes(ofPicture: 1) }
    ).complaining(input.complaints(aboutSizesAt: "latents", takenBy: "model", "models"))
  },
  check: { draft in
    let given = ["model", "models"].filter { draft.inputs[$0] != nil }
    return given.count == 1 ? [] : [ValidationIssue(about: given.last, "sample takes either `model` or `models`")]
  },
  batching: Batching { data in
    batchSize(for: try Latent(data, name: "latents").latent.shape)
  } run: { contexts in
    let items = try contexts.map { context in (context: context, latent: try context.latent("latents")) }
    // Latents from outside may differ in their return steps.
    for alike in Dictionary(grouping: items, by: \.latent.way).values {
      let contexts = alike.map(\.context)
      let (model, members) = try predictor(contexts, shape: alike[0].latent.latent.shape)
      let images = try generated(Latent(together: alike.map(\.latent)), with: model, contexts)
      for (context, image) in zip(contexts, images.each) {
        let flop = members.reduce(0) { $0 + $1.flopPerEvaluation } / Double(members.count)
        context.count(.forward(context.parameters.int("steps") * members.count, of: flop))
        try context.write(Picture.data(image, name: context.item ?? ""), item: context.item ?? "", to: "images")
      }
    }
  })

/// The pictures, by the scheme that their latents were made for, where there is one, else by the sampler asked for.
private func generated(
  _ latent: Latent, with model: any NoisePredictor, _ contexts: [any StageContext]
) throws -> Tensor {
  let (context, parameters) = (contexts.common, contexts.common.parameters)
  let steps = parameters.int("steps")
  let afterEach = { (step: Int) throws in try contexts.tell(step, of: steps) }
  func require(_ taken: Int, _ scheme: String) throws {
    guard parameters.string("sampler") == "ddim", parameters.double("eta") == 0, context.input("noise") == nil else {
      throw InputError("the latents were made to be sampled \(scheme): leave `sampler`, `eta` and `noise` out")
    }
    guard steps == taken else {
      throw InputError("the latents were made to be sampled \(scheme) in \(taken) steps: set `steps: \(taken)`")
    }
  }
  let (x, returnStep) = (latent.latent, latent.returnStep)
  let sequence = Step.sequence(returnStep: returnStep, steps: steps)
  let ddim = DDIM(schedule: noiseSchedule)
  switch latent.scheme {
  case .coupled(let second, let taken):
    try require(taken, "by coupled states")
    let trajectory = try explained { try CoupledTrajectory(schedule: noiseSchedule, steps: sequence) }
    return try trajectory.generate(.init(latent: x, second: second), with: model, afterEach: afterEach)
  case .stochastic(let additions):
    try require(additions.count, "with the noise that was kept")
    return try StochasticInversion(ddim: ddim, steps: sequence)
      .generate(x, adding: additions, with: model, afterEach: afterEach)
  case .free:
    let noise = try contexts.noise([1] + x.shape.dropFirst(), steps: steps, for: "latents")
    let sampler = parameters.string("sampler")
    guard sampler != "ddim" else {
      return try ddim.generate(
        x, with: model, through: sequence, eta: parameters.double("eta"), noise: noise, afterEach: afterEach)
    }
    return try explained {
      try DDPM(schedule: noiseSchedule).generate(
        x, with: model, through: sequence,
        variance: parameters["variance"]?.string.flatMap(DDPM.Variance.init(rawValue:)),
        stride: sampler == "ddpm" ? .fullStep : .respaced, noise: noise, afterEach: afterEach)
    }
  }
}

/// What a diffusion process cannot do is the user's to mend.
private func explained<Result>(_ work: () throws -> Result) throws -> Result {
  do { return try work() } catch let error as DiffusionError { throw InputError("\(error)") }
}

/// What predicts the noise, in a stage that has latents of this shape, and the models that it asks.
private func predictor(
  _ contexts: [any StageContext], shape: [Int]
) throws -> (any NoisePredictor, [any DiffusionModel]) {
  let context = contexts.common
  if let model = try context.diffusionModel("model") {
    try requireSize(shape, of: model, context)
    return (model, [model])
  }
  guard let mixture = context.mixture("models") else { throw InputError("sample takes either `model` or `models`") }
  var models: [Artifact: any DiffusionModel] = [:]
  let predictor = MixedPredictor(
    segments: try mixture.segments.map { segment in
      MixedPredictor.Segment(
        from: segment.from,
        weights: try segment.weights.map { member in
          let model = try context.diffusionModel(artifact: member.member, name: member.label)
          try requireSize(shape, of: model, context)
          models[member.member] = model
          return (model, member.weight)
        })
    })
  return (predictor, Array(models.values))
}
