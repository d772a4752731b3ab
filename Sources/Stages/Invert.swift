import ArtifactStore
import Diffusion
import Foundation
import JSONSyntax
import Networks
import StageKit
import Tensors

/// `invert`: from pictures to latents that the model turns back into them.
struct Invert: BatchedStage {
  static let name = "invert"
  static let summary =
    "Finds the latent from which the model gives a picture back: deterministic DDIM inversion (paper eq. 12)."
  static let revision = 1
  static let usesDevice = true
  static let memory = MemoryNeed(megabytes: 256, perInputByte: 4)

  @Input(help: "Pictures, of sides that the model's levels can halve.") var images: Each<Pictures>
  @Input(help: "The diffusion model, before any fine-tuning.") var model: Whole<DiffusionModels>
  let noise = NoiseOptions()
  let start = ReturnStepOptions()
  @Parameter(
    2...1000,
    help:
      "S_for: times in the sequence from 0 to t₀; ddim takes one network evaluation fewer (official flag --n_inv_step)."
  )
  var steps = 40
  @Parameter(help: InversionMethod.allCases.map { "\($0.rawValue): \($0.help)" }.joined(separator: " "))
  var method = InversionMethod.ddim
  let timing = SpacingOptions()
  @Parameter(1...1000, help: "The most network evaluations for one step of fixed_point and dpm_solver.")
  var iterations = 20
  @Parameter(
    0...1,
    help:
      "For fixed_point and dpm_solver: the largest root mean square by which a step may miss the state that it leads to."
  )
  var tolerance = 1e-5
  @Parameter(0...Int.max, help: "Seed of edit_friendly's noise.") var seed = 0

  let latents = Output<Latents>()
  let stats = Output<Measurements>()

  var made: [OutputPort]? {
    let measures = [.fixedPoint, .dpmSolver].contains(method) ? InversionStats.convergence : []
    return [latents.port, stats.port(measures: [InversionStats.evaluations] + measures)]
  }

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    guard method == .belm else { return [] }
    let sequence = timing.sequence(returnStep: start.returnStep, steps: steps)
    do { _ = try CoupledTrajectory(schedule: noiseSchedule, steps: sequence) } catch {
      return [ValidationIssue(about: $steps, "\(error)")]
    }
    return []
  }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    input.estimate(
      work: input.flop(of: $model, on: $images).map { .forward(expectedEvaluations, of: $0) },
      bytes: input[$images].map { latentBytes(ofPicture: $0.bytes) }
    ).reporting(input.issues(aboutSizesAt: $images, takenBy: input.all(at: $model)))
  }

  /// Network evaluations for a picture; of `fixed_point`, which iterates as long as it has to, those of common models.
  private var expectedEvaluations: Int {
    switch method {
    case .ddim: timing.chosen == .official ? steps - 1 : steps
    case .fixedPoint: steps * min(iterations, 5)
    case .dpmSolver: steps * min(iterations, 10)
    case .belm, .editFriendly: steps
    }
  }

  static func batchSize(for item: Data) throws -> Int {
    Stages.batchSize(for: try Picture.tensor(item, name: "images").shape)
  }

  static func run(_ batch: [StageAction<Invert>]) throws {
    let model = try batch[0].context.network(batch[0].stage.model)
    let images = try batch.map { action in
      let image = try action.context.picture(action.stage.images)
      try requireSize(image.shape, of: model, action.context)
      return (action: action, image: image)
    }
    // Pictures may differ in their sizes.
    for alike in Dictionary(grouping: images, by: \.image.shape).values {
      let flop = model.flopPerEvaluation(on: alike[0].image.shape)
      let results = try inverted(alike.map(\.image), with: model, alike.map(\.action))
      for (action, (latent, stats)) in zip(alike.map(\.action), results) {
        action.context.count(.forward(stats.evaluations, of: flop))
        try action.context.write(latent.data(name: action.stage.images.item.name), to: action.stage.latents)
        try action.context.write(stats.data, to: action.stage.stats)
      }
    }
  }

  /// The latents of pictures of one size, one for each action, and what each of them took.
  private static func inverted(
    _ images: [Tensor], with model: any NoisePredictor, _ actions: [StageAction<Invert>]
  ) throws -> [(Latent, InversionStats)] {
    let stage = actions[0].stage
    let contexts = actions.map(\.context)
    let (steps, returnStep) = (stage.steps, stage.start.returnStep)
    let sequence = stage.timing.sequence(returnStep: returnStep, steps: steps)
    let course = Latent.Course(steps: steps, spacing: stage.timing.chosen)
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
    /// Each by itself, which takes as many iterations as it needs.
    func solved(
      scheme: Latent.Scheme = .free, by invert: (Tensor, any StageContext) throws -> (Tensor, InversionReport)
    ) throws -> [(Latent, InversionStats)] {
      try zip(images, contexts).map { image, context in
        let (x, report) = try invert(image, context)
        let stats = InversionStats(report)
        if report.unconverged > 0 {
          context.log(
            "\(report.unconverged) of \(steps) steps are not within the tolerance, the farthest by \(stats.residual)")
        }
        return (Latent(latent: x, image: image, returnStep: returnStep, scheme: scheme), stats)
      }
    }
    switch stage.method {
    case .ddim:
      let evaluations = stage.expectedEvaluations
      let x = try ddim.invert(batch, with: model, through: sequence) { try contexts.tell($0, of: evaluations) }
      return latents(x, evaluations: evaluations)
    case .fixedPoint:
      let inversion = FixedPointInversion(
        ddim: ddim, iterations: stage.iterations, tolerance: stage.tolerance)
      return try solved { image, context in
        try inversion.invert(image, with: model, through: sequence) {
          try [context].tell($0, of: steps, [ProgressValue("residual", $1)])
        }
      }
    case .dpmSolver:
      let solver = DPMSolver(schedule: noiseSchedule)
      return try solved(scheme: .multistep(course)) { image, context in
        try solver.invert(
          image, with: model, through: sequence, iterations: stage.iterations, tolerance: stage.tolerance
        ) {
          try [context].tell($0, of: stage.iterations, [ProgressValue("residual", $1)])
        }
      }
    case .belm:
      let trajectory = try CoupledTrajectory(schedule: noiseSchedule, steps: sequence)
      let states = try trajectory.invert(batch, with: model) { try contexts.tell($0, of: steps) }
      let seconds = states.second.each
      return latents(states.latent, evaluations: steps) { .coupled(second: seconds[$0], course) }
    case .editFriendly:
      let noise = try actions.together {
        try $0.stage.noise.steps(
          images[0].shape, count: steps, seed: stage.seed, for: $0.stage.images.item.object.hex,
          $0.context)
      }
      let inversion = StochasticInversion(ddim: ddim, steps: sequence)
      let (x, additions) = try inversion.invert(batch, with: model, noise: noise) { try contexts.tell($0, of: steps) }
      let kept = additions.map(\.each)
      return latents(x, evaluations: steps) { place in .stochastic(additions: kept.map { $0[place] }, course) }
    }
  }
}

/// How `invert` does it.
enum InversionMethod: String, Choice {
  case ddim
  case fixedPoint = "fixed_point"
  case belm
  case editFriendly = "edit_friendly"
  case dpmSolver = "dpm_solver"

  var help: String {
    switch self {
    case .ddim: "DDIM backwards, approximately, as the paper."
    case .fixedPoint: "solves for the steps of a DDIM generation of as many `steps`, the last one included."
    case .belm: "two coupled states (O-BELM), exact; `sample` goes back in the same number of steps."
    case .dpmSolver:
      "solves for all steps of a generation by DPM-Solver++ of as many `steps` at once; `sample` goes back by it. Better with `spacing: trailing`."
    case .editFriendly: "stochastic, exact: keeps the noise of each of `steps` steps, which `sample` adds again."
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
    self.evaluations = evaluations
    residual = 0
  }

  init(_ report: InversionReport) {
    evaluations = report.evaluations
    residual = report.residuals.max() ?? 0
    let values: [JSON] = [.int(report.evaluations), .double(residual), .int(report.unconverged)]
    let names = [Self.evaluations] + Self.convergence
    data = Data(JSON.object(zip(names, values).map { JSON.Member($0, $1) }).bytes)
  }
}

extension DiffusionModel {
  /// Which pictures it takes.
  var taken: TakenSizes { TakenSizes(resolution: resolution, step: sizeStep) }

  /// FLOP of one evaluation on one picture of this shape, [N, H, W, C].
  func flopPerEvaluation(on shape: [Int]) -> Double { flopPerEvaluation(height: shape[1], width: shape[2]) }
}

/// Tells in the log where pictures are not of the size that the model was trained on, which it knows best.
/// - Throws: where the model does not take pictures [N, H, W, C] of this shape.
func requireSize(
  _ shape: [Int], of model: any DiffusionModel, _ context: any StageContext, item: String? = nil
) throws {
  guard shape[3] == model.pictureChannels else {
    throw InputError(
      "the diffusion model is for pictures of \(model.pictureChannels) channels, not of \(shape[3]): choose another")
  }
  let size = PictureSize(width: shape[2], height: shape[1])
  let picture = (item ?? context.item).map { "picture '\($0)' is" } ?? "the pictures are"
  guard model.taken.contains(size) else { throw InputError("\(picture) \(size), \(model.taken.requirement)") }
  if size != PictureSize(side: model.resolution) {
    context.log("\(picture) \(size), the model was trained on \(PictureSize(side: model.resolution))")
  }
}
