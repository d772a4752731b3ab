import Diffusion
import StageKit

/// `perturb`: forward DDPM, noise added to pictures up to the return step.
let perturb = StageKind(
  name: "perturb",
  summary: "Adds noise to pictures up to the return step: the stochastic forward process of DDPM (paper eq. 1).",
  revision: 1,
  inputs: [Port("images", .images, help: "Pictures in the model's size."), noisePort],
  parameters: [
    returnStepParameter,
    Parameter("seed", .int(0...Int.max), .defaulting(.int(0)), help: "Other seeds give other noise."),
    Parameter(
      "level", .choice(["exact", "official"]), .defaulting(.string("exact")),
      help:
        "exact: the noise of time t₀, at which sampling starts. official: that of t₀ − 1, as the official code has it."),
  ],
  outputs: { _ in [OutputPort("latents", .latents)] },
  mapping: .items(of: "images"),
  estimate: { $0.estimate(bytes: $0["images"].map { latentBytes(ofPicture: $0.bytes) }) },
  run: { context in
    let image = try context.picture("images")
    let returnStep = context.parameters.int("return_step")
    let noise = try context.noise(image.shape, steps: 1, for: "images")(0)
    let level = context.parameters.string("level") == "official" ? max(0, returnStep - 1) : returnStep
    let latent = DDPM(schedule: noiseSchedule).perturb(image, noise: noise, at: level)
    let name = context.item ?? ""
    try context.write(
      Latent(latent: latent, image: image, returnStep: returnStep).data(name: name), item: name, to: "latents")
  })

/// t₀, for every stage that makes latents.
let returnStepParameter = Parameter(
  "return_step", .int(1...999), .defaulting(.int(500)),
  help: "t₀: how far towards noise, of 1000. More lets an edit change more and keeps less (official flag --t_0).")
