import Diffusion
import Networks
import StageKit

/// `invert`: deterministic DDIM from pictures to latents.
let invert = StageKind(
  name: "invert",
  summary: "Finds the latent from which the model gives a picture back: deterministic DDIM inversion (paper eq. 12).",
  revision: 1,
  inputs: [
    Port("images", .images, help: "Pictures in the model's size."),
    Port("model", .diffusion, help: "The diffusion model, before any fine-tuning."),
  ],
  parameters: [
    returnStepParameter,
    Parameter(
      "steps", .int(2...1000), .defaulting(.int(40)),
      help: "S_for: times in the sequence from 0 to t₀; one network evaluation fewer (official flag --n_inv_step)."),
  ],
  outputs: { _ in [OutputPort("latents", .latents)] },
  mapping: .items(of: "images"),
  memory: MemoryNeed(megabytes: 256, perInputByte: 4),
  run: { context in
    let image = try context.picture("images")
    let parameters = context.parameters
    guard let model = try context.diffusionModel("model") else { return }
    try requireSize(image.shape, of: model, context)
    let steps = parameters.int("steps")
    let returnStep = parameters.int("return_step")
    let latent = try DDIM(schedule: noiseSchedule).invert(
      image, with: model.predictor, returnStep: returnStep, steps: steps
    ) { step in
      try context.checkCancellation()
      context.progress(step, of: steps - 1, unit: "step", values: [])
    }
    try context.write(
      Latent(latent: latent, image: image, returnStep: returnStep).data(), item: context.item ?? "", to: "latents")
  })

/// - Throws: where pictures [N, H, W, C] do not have the model's size.
func requireSize(_ shape: [Int], of model: any DiffusionModel, _ context: any StageContext) throws {
  guard shape[3] == model.pictureChannels else {
    throw InputError(
      "the diffusion model is for pictures of \(model.pictureChannels) channels, not of \(shape[3]): choose another")
  }
  let side = model.resolution
  guard shape[1] == side, shape[2] == side else {
    throw InputError(
      "picture '\(context.item ?? "")' is \(shape[2])×\(shape[1]), but the diffusion model takes \(side)×\(side): load it with `size: \(side)`"
    )
  }
}
