import Diffusion
import Networks
import StageKit
import Tensors

/// `sample`: pictures from latents, by one model or by several whose noise is combined.
let sample = StageKind(
  name: "sample",
  summary: "Generates pictures from latents by a model, or by several models mixed (paper eqs. 4 and 14).",
  revision: 1,
  inputs: [
    Port("latents", .latents, help: "From `invert` or `perturb`; they carry their return step."),
    Port("model", .diffusion, arity: .optional, help: "The model, usually a fine-tuned one."),
    Port(
      "models", .diffusion, arity: .mixture,
      help: "Several models with weights that sum to 1, constant or by time; instead of `model`."),
  ],
  parameters: [
    Parameter(
      "steps", .int(1...1000), .defaulting(.int(40)), help: "S_gen: network evaluations (official --n_test_step)."),
    Parameter(
      "sampler", .choice(["ddim", "ddpm"]), .defaulting(.string("ddim")),
      help: "ddim follows η. ddpm is ancestral sampling, right only for steps = return step + 1."),
    Parameter(
      "eta", .double(0...1), .defaulting(.double(0)),
      help: "η: 0 is deterministic, 1 as noisy as DDPM (official --eta)."),
    Parameter(
      "seed", .int(0...Int.max), .defaulting(.int(0)), help: "Of the noise drawn on the way, where there is any."),
    Parameter(
      "normalise", .bool, .defaulting(.bool(false)), help: "Divide the weights by their sum, instead of insisting on 1."
    ),
  ],
  outputs: { _ in [OutputPort("images", .images)] },
  mapping: .items(of: "latents"),
  memory: MemoryNeed(megabytes: 256, perInputByte: 4),
  check: { draft in
    let given = ["model", "models"].filter { draft.inputs[$0] != nil }
    return given.count == 1 ? [] : [Complaint(about: given.last, "sample takes either `model` or `models`")]
  },
  run: { context in
    let latent = try context.latent("latents")
    let parameters = context.parameters
    let steps = parameters.int("steps")
    let model = try predictor(context, shape: latent.latent.shape)
    var random = RandomSource(
      seed: UInt64(parameters.int("seed")), name: try context.onlyItem("latents").object.hex)
    let afterEach = { (step: Int) throws in
      try context.checkCancellation()
      context.progress(step, of: steps, unit: "step", values: [])
    }
    let image =
      if parameters.string("sampler") == "ddpm" {
        try DDPM(schedule: noiseSchedule).generate(
          latent.latent, with: model, returnStep: latent.returnStep, steps: steps, random: &random, afterEach: afterEach
        )
      } else {
        try DDIM(schedule: noiseSchedule).generate(
          latent.latent, with: model, returnStep: latent.returnStep, steps: steps, eta: parameters.double("eta"),
          random: &random, afterEach: afterEach)
      }
    try context.write(Picture.data(image), item: context.item ?? "", to: "images")
  })

private func predictor(_ context: any StageContext, shape: [Int]) throws -> any NoisePredictor {
  if let model = try context.diffusionModel("model") {
    try requireSize(shape, of: model, context)
    return model.predictor
  }
  guard let mixture = context.mixture("models") else { throw InputError("sample takes either `model` or `models`") }
  return MixedPredictor(
    segments: try mixture.segments.map { segment in
      MixedPredictor.Segment(
        from: segment.from,
        weights: try segment.weights.map { member in
          let model = try context.diffusionModel(artifact: member.member, name: member.label)
          try requireSize(shape, of: model, context)
          return (model.predictor, member.weight)
        })
    })
}
