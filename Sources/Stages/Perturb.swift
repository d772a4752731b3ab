import Diffusion
import StageKit

/// `perturb`: forward DDPM, noise added to pictures up to the return step.
struct Perturb: Stage {
  static let name = "perturb"
  static let summary =
    "Adds noise to pictures up to the return step: the stochastic forward process of DDPM (paper eq. 1)."
  static let revision = 1

  @Input(help: "Pictures in the model's size.") var images: Each<Pictures>
  let noise = NoiseOptions()
  let start = ReturnStepOptions()
  @Parameter(0...Int.max, help: "Seed of the noise.") var seed = 0
  @Parameter(
    help:
      "exact: the noise of time t₀, at which sampling starts. official: that of t₀ − 1, as the official code has it.")
  var level = Level.exact

  let latents = Output<Latents>()

  enum Level: String, Choice { case exact, official }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    input.estimate(bytes: input[$images].map { latentBytes(ofPicture: $0.bytes) })
  }

  func run(_ context: any StageContext) throws {
    let image = try context.picture(images)
    let epsilon = try noise.steps(image.shape, count: 1, seed: seed, for: images.item.object.hex, context)(0)
    let time = level == .official ? max(0, start.returnStep - 1) : start.returnStep
    let latent = DDPM(schedule: noiseSchedule).perturb(image, noise: epsilon, at: time)
    try context.write(
      Latent(latent: latent, image: image, returnStep: start.returnStep).data(name: images.item.name), to: latents)
  }
}

/// Where the times of steps lie, for every stage that goes through some.
final class SpacingOptions: StagePart {
  @Parameter(
    help:
      "Where the times of the steps lie. official, unless given: from t₀ to 0, as the official code. trailing: equal parts of the whole way to the clean picture, as diffusers' trailing; better with few steps."
  )
  var spacing: Step.Spacing?

  var chosen: Step.Spacing { spacing ?? .official }

  func sequence(returnStep: Int, steps: Int) -> [Step] {
    Step.sequence(returnStep: returnStep, steps: steps, spacing: chosen)
  }
}

extension Step.Spacing: Choice {}

/// t₀, for every stage that makes latents.
final class ReturnStepOptions: StagePart {
  @Parameter(
    1...999,
    help: "t₀: how far towards noise, of 1000. More lets an edit change more and keeps less (official flag --t_0).")
  var returnStep = 500
}
