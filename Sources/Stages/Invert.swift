import ArtifactStore
import Diffusion
import Foundation
import JSONSyntax
import Networks
import StageKit
import Tensors

/// `invert`: from pictures to latents that the model turns back into them.
let invert = StageKind(
  name: "invert",
  summary: "Finds the latent from which the model gives a picture back: deterministic DDIM inversion (paper eq. 12).",
  revision: 1,
  inputs: [
    Port("images", .images, help: "Pictures in the model's size."),
    Port("model", .diffusion, help: "The diffusion model, before any fine-tuning."),
    noisePort,
  ],
  parameters: [
    returnStepParameter,
    Parameter(
      "steps", .int(2...1000), .defaulting(.int(40)),
      help: "S_for: times in the sequence from 0 to t₀; one network evaluation fewer (official flag --n_inv_step)."),
    Parameter(
      "method", .choice(InversionMethod.allCases.map(\.rawValue)), .defaulting(.string("ddim")),
      help: InversionMethod.allCases.map { "\($0.rawValue): \($0.help)" }.joined(separator: " ")),
    Parameter(
      "iterations", .int(1...1000), .defaulting(.int(20)),
      help: "Network evaluations of a step of fixed_point, at most."),
    Parameter(
      "tolerance", .double(0...1), .defaulting(.double(1e-5)),
      help: "Of fixed_point: the root mean square by which a step may miss the state that it shall lead to."),
    Parameter("seed", .int(0...Int.max), .defaulting(.int(0)), help: "Of the noise of edit_friendly."),
  ],
  outputs: { parameters in
    let measures = parameters["method"]?.string == InversionMethod.fixedPoint.rawValue ? InversionStats.convergence : []
    return [
      OutputPort("latents", .latents), OutputPort("stats", .metrics, measures: [InversionStats.evaluations] + measures),
    ]
  },
  over: "images",
  memory: MemoryNeed(megabytes: 256, perInputByte: 4),
  estimate: { input in
    let parameters = input.parameters
    let method = InversionMethod(rawValue: parameters.string("method")) ?? .ddim
    return input.estimate(
      work: input.forward(method.evaluations(parameters)),
      bytes: input["images"].map { latentBytes(ofPicture: $0.bytes) }
    ).complaining(input.complaints(aboutSizesAt: "images", takenBy: "model"))
  },
  check: { draft in
    guard draft.parameters["method"]?.string == InversionMethod.belm.rawValue,
      let steps = draft.parameters["steps"]?.int, let returnStep = draft.parameters["return_step"]?.int
    else { return [] }
    do { _ = try CoupledTrajectory(schedule: noiseSchedule, returnStep: returnStep, steps: steps) } catch {
      return [ValidationIssue(about: "steps", "\(error)")]
    }
    return []
  },
  batching: Batching { data in
    batchSize(for: try Picture.tensor(data, name: "images").shape)
  } run: { contexts in
    guard let model = try contexts.common.diffusionModel("model") else { return }
    let images = try contexts.map { context in
      let image = try context.picture("images")
      try requireSize(image.shape, of: model, context)
      return image
    }
    let method = InversionMethod(rawValue: contexts.common.parameters.string("method")) ?? .ddim
    let inverted = try method.invert(images, with: model.predictor, contexts)
    for (context, (latent, stats)) in zip(contexts, inverted) {
      context.count(.forward(stats.evaluations, of: model.flopPerEvaluation))
      try context.write(latent.data(name: context.item ?? ""), item: context.item ?? "", to: "latents")
      try context.write(stats.data, item: context.item ?? "", to: "stats")
    }
  })

/// How `invert` does it.
private enum InversionMethod: String, CaseIterable {
  case ddim
  case fixedPoint = "fixed_point"
  case belm
  case editFriendly = "edit_friendly"

  var help: String {
    switch self {
    case .ddim: "DDIM backwards, approximately, as the paper."
    case .fixedPoint: "solves for the steps of a DDIM generation of as many `steps`, the last one included."
    case .belm: "two coupled states (O-BELM), exact; `sample` goes back in the same number of steps."
    case .editFriendly: "stochastic, exact: keeps the noise of each of `steps` steps, which `sample` adds again."
    }
  }

  /// How many network evaluations it takes for a picture; of `fixed_point`, which iterates as long as it has to, those
  /// of common models.
  func evaluations(_ parameters: Parameters) -> Int {
    let steps = parameters.int("steps")
    return switch self {
    case .ddim: steps - 1
    case .fixedPoint: steps * min(parameters.int("iterations"), 5)
    case .belm, .editFriendly: steps
    }
  }

  /// The latents of pictures of one size, one for each of `contexts`, and what each of them took.
  func invert(
    _ images: [Tensor], with model: any NoisePredictor, _ contexts: [any StageContext]
  ) throws -> [(Latent, InversionStats)] {
    let parameters = contexts.common.parameters
    let (steps, returnStep) = (parameters.int("steps"), parameters.int("return_step"))
    let ddim = DDIM(schedule: noiseSchedule)
    let batch = Tensor.concatenated(images, axis: 0)
    func latents(
      _ x: Tensor, evaluations: Int, scheme: (_ place: Int) -> Latent.Scheme = { _ in .free }
    ) -> [(Latent, InversionStats)] {
      zip(images, x.each).enumerated().map { place, pair in
        let latent = Latent(latent: pair.1, image: pair.0, returnStep: returnStep, scheme: scheme(place))
        return (latent, InversionStats(evaluations: evaluations))
      }
    }
    switch self {
    case .ddim:
      let x = try ddim.invert(batch, with: model, returnStep: returnStep, steps: steps) {
        try contexts.tell($0, of: steps - 1)
      }
      return latents(x, evaluations: steps - 1)
    case .fixedPoint:
      let inversion = FixedPointInversion(
        ddim: ddim, iterations: parameters.int("iterations"), tolerance: parameters.double("tolerance"))
      // Each takes as many iterations as it needs.
      return try zip(images, contexts).map { image, context in
        let (x, report) = try inversion.invert(image, with: model, returnStep: returnStep, steps: steps) {
          try [context].tell($0, of: steps, [ProgressValue("residual", $1)])
        }
        let stats = InversionStats(report)
        if report.unconverged > 0 {
          context.log(
            "\(report.unconverged) of \(steps) steps are not within the tolerance, the farthest by \(stats.residual)")
        }
        return (Latent(latent: x, image: image, returnStep: returnStep), stats)
      }
    case .belm:
      let trajectory = try CoupledTrajectory(schedule: noiseSchedule, returnStep: returnStep, steps: steps)
      let states = try trajectory.invert(batch, with: model) { try contexts.tell($0, of: steps) }
      let seconds = states.second.each
      return latents(states.latent, evaluations: steps) { .coupled(second: seconds[$0], steps: steps) }
    case .editFriendly:
      let fresh = try contexts.freshNoise(images[0].shape, steps: steps, for: "images")
      let inversion = StochasticInversion(ddim: ddim, returnStep: returnStep, steps: steps)
      let (x, additions) = try inversion.invert(batch, with: model, fresh: fresh) { try contexts.tell($0, of: steps) }
      let kept = additions.map(\.each)
      return latents(x, evaluations: steps) { place in .stochastic(additions: kept.map { $0[place] }) }
    }
  }
}

/// What an inversion took, as metrics.
private struct InversionStats {
  static let evaluations = "evaluations"
  static let convergence = ["residual", "unconverged"]

  let data: Data
  let evaluations: Int
  /// The largest of all steps'; 0 where there is none.
  let residual: Double

  init(evaluations: Int) {
    data = Data("{\"\(Self.evaluations)\":\(evaluations)}".utf8)
    (self.evaluations, residual) = (evaluations, 0)
  }

  init(_ report: FixedPointInversion.Report) {
    (evaluations, residual) = (report.evaluations, report.residuals.max() ?? 0)
    let values: [JSON] = [.int(report.evaluations), .double(residual), .int(report.unconverged)]
    let names = [Self.evaluations] + Self.convergence
    data = Data(JSON.object(zip(names, values).map { JSON.Member($0, $1) }).bytes)
  }
}

/// - Throws: where pictures [N, H, W, C] do not have the model's size.
func requireSize(
  _ shape: [Int], of model: any DiffusionModel, _ context: any StageContext, item: String? = nil
) throws {
  guard shape[3] == model.pictureChannels else {
    throw InputError(
      "the diffusion model is for pictures of \(model.pictureChannels) channels, not of \(shape[3]): choose another")
  }
  let side = model.resolution
  guard shape[1] == side, shape[2] == side else {
    throw InputError(
      "\((item ?? context.item).map { "picture '\($0)' is" } ?? "the pictures are") \(shape[2])×\(shape[1]), but the diffusion model takes \(side)×\(side): load it with `size: \(side)`"
    )
  }
}
