import ArtifactStore
import Diffusion
import Foundation
import Networks
import StageKit
import Tensors

/// `sample`: pictures from latents, by one model or by several whose noise is combined.
struct Sample: BatchedStage {
  static let name = "sample"
  static let summary =
    "Generates pictures from latents, or from noise, by a model or by several models mixed (paper eqs. 13 and 14)."
  static let revision = 1
  static let usesDevice = true
  static let memory = MemoryNeed(megabytes: 256, perInputByte: 4)

  @Input(help: "From `invert` or `perturb`; they carry their return step. Or give `count`.") var latents: Each<Latents>?
  @Input(help: "The model, usually a fine-tuned one.") var model: Whole<DiffusionModels>?
  @Input(help: "Where to edit, for each of the latents; the rest stays as it was. It needs `original`.")
  var mask: Matching<Masks>?
  @Input(help: "With `mask`: the model that the latents were inverted with.") var original: Whole<DiffusionModels>?
  @Parameter(
    0...999,
    help:
      "With `mask`: the time, of 1000, below which the whole picture is the model's, so that no seam shows; 0 unless given."
  )
  var maskUntil: Int?
  @Input(help: "Several models with weights that sum to 1, constant or by time; instead of `model`.")
  var models: Mixture<Whole<DiffusionModels>>?
  let noise = NoiseOptions()
  @Parameter(
    1...100_000, isSemantic: false, isMapped: true,
    help: "Instead of `latents`: how many pictures to generate from noise, called 0001, 0002 and so on.")
  var count: Int?
  @Parameter(
    8...8192,
    help:
      "With `count`: side of the pictures in pixels, or [width, height]; a model knows best the size of its training."
  )
  var size: PictureSize?
  @Parameter(
    1...999, help: "With `count`: the time that the noise stands for, of 1000; the last, 999, unless given.")
  var returnStep: Int?
  @Parameter(1...1000, help: "S_gen: network evaluations (official --n_test_step).") var steps = 40
  let timing = SpacingOptions()
  @Parameter(
    help:
      "ddim follows η. dpm_solver: DPM-Solver++(2M), deterministic, of second order, for few steps. ddpm is ancestral sampling as the official code has it, right only for steps = return step + 1. respaced: the same with the variance of the step that is taken."
  )
  var sampler = Sampler.ddim
  @Parameter(
    help:
      "Variance for ddpm and respaced. small: the posterior's (official fixedsmall). large: β (fixedlarge). learned: the model's, as improved DDPM reads it; taken unless given, if the model has one, else small. official: the model's, read as a logarithm."
  )
  var variance: DDPM.Variance?
  @Parameter(0...1, help: "η: 0 is deterministic, 1 as noisy as DDPM (official --eta).") var eta = 0.0
  @Parameter(
    0...Int.max, help: "Seed of the noise that the sampler draws, where it draws any, and of that to begin with.")
  var seed = 0
  let clipping = ClippingOptions()
  let previews = PreviewOptions()
  @Parameter(help: "Divide the weights by their sum, instead of requiring that they sum to 1.") var normalize = false

  let images = Output<Pictures>()

  enum Sampler: String, Choice {
    case ddim
    case dpmSolver = "dpm_solver"
    case ddpm, respaced
  }

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    let given = ([$model, $models] as [StageProperty]).filter(draft.has).map(\.name)
    let choice =
      given.count == 1 ? [] : [ValidationIssue(about: given.last, "sample takes either `model` or `models`")]
    let isNoisy: [(StageProperty, isGiven: Bool)] = [($eta, eta != 0), (noise.$noise, draft.has(noise.$noise))]
    let unused = sampler == .dpmSolver ? isNoisy.filter(\.isGiven).map(\.0) : []
    return choice + maskIssues(draft)
      + beginningIssues(hasLatents: draft.has($latents), hasNoise: draft.has(noise.$noise))
      + unused.map { ValidationIssue(about: $0, "dpm_solver draws no noise: leave '\($0.name)' out") } + clipping.issues
  }

  /// What is wrong with what is said of a mask.
  private func maskIssues(_ draft: StageDraft) -> [ValidationIssue] {
    guard draft.has($mask) else {
      let unused: [(StageProperty, isGiven: Bool)] = [
        ($original, draft.has($original)), ($maskUntil, maskUntil != nil),
      ]
      return unused.filter(\.isGiven).map { ValidationIssue(about: $0.0, "'\($0.0.name)' is for `mask`: leave it out") }
    }
    if count != nil { return [ValidationIssue(about: $mask, "a mask is for `latents`, which have a picture to keep")] }
    return draft.has($original)
      ? [] : [ValidationIssue(about: $mask, "`mask` needs `original`: the model that the latents were inverted with")]
  }

  /// What is wrong with what it generates from: latents, or noise for so many pictures of a size.
  private func beginningIssues(hasLatents: Bool, hasNoise: Bool) -> [ValidationIssue] {
    guard count != nil else {
      guard hasLatents else { return [ValidationIssue("sample takes either `latents` or `count`")] }
      let unused: [(StageProperty, isGiven: Bool)] = [($size, size != nil), ($returnStep, returnStep != nil)]
      return unused.filter(\.isGiven).map { property, _ in
        ValidationIssue(about: property, "latents have a '\(property.name)' of their own: leave it out")
      }
    }
    if hasLatents { return [ValidationIssue(about: $count, "sample takes either `latents` or `count`")] }
    if hasNoise {
      return [ValidationIssue(about: noise.$noise, "`noise` is for `latents`: leave it out, or give `seed`")]
    }
    return size == nil
      ? [ValidationIssue(about: $count, "`count` needs `size`: the side of the model's pictures in pixels")] : []
  }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    let models = input.all(at: $model) + input.all(at: $models) + input.all(at: $original)
    let flop = models.reduce(0.0) { $0 + (input.flop(of: $1, on: $latents, size: size) ?? .nan) }
    let work: Work? =
      flop.isNaN || models.isEmpty ? nil : .forward(steps * models.count, of: flop / Double(models.count))
    guard let count, let size else {
      return input.estimate(work: work, bytes: input[$latents].map { $0.bytes / latentBytes(ofPicture: 1) })
        .reporting(input.issues(aboutSizesAt: $latents, takenBy: models))
    }
    let misfit = models.lazy.compactMap(\.taken).first { !$0.contains(size) }.map { taken in
      ValidationIssue(about: $size, "the pictures would be \(size), \(taken.requirement)")
    }
    return input.estimate(work: work, items: count, bytes: 4 * pictureBytes(size), size: size)
      .reporting(misfit.map { [$0] } ?? [])
  }

  var batchSize: Int { size.map { Stages.batchSize(for: [1, $0.height, $0.width, 3]) } ?? 1 }

  static func batchSize(for item: Data) throws -> Int {
    Stages.batchSize(for: try Latent(item, name: "latents").latent.shape)
  }

  static func run(_ batch: [StageAction<Sample>]) throws {
    let items = try batch.map { action in (action: action, latent: try action.stage.beginning(action.context)) }
    // Latents from outside may differ in their return steps.
    for alike in Dictionary(grouping: items, by: \.latent.way).values {
      let actions = alike.map(\.action)
      let stage = actions[0].stage
      var (plain, members) = try stage.predictor(actions[0].context, shape: alike[0].latent.latent.shape)
      let clipped = stage.clipping.chosen.map { ClippedPredictor(plain, $0, schedule: noiseSchedule) } ?? plain
      let model = PreviewedPredictor(clipped, stage.previews) { images in
        for (action, image) in zip(actions, images.each) { action.context.preview("latest", rows: [image]) }
      }
      let latents = alike.map(\.latent)
      let images: Tensor
      if let masked = try stage.masked(model, latents, actions, &members) {
        // The originals go along.
        let states = try stage.generated(Latent(together: latents + latents), with: masked, actions + actions)
        images = masked.finished(states, from: Latent(together: latents).image)
      } else {
        images = try stage.generated(Latent(together: latents), with: model, actions)
      }
      let flop =
        members.reduce(0) { $0 + $1.flopPerEvaluation(on: alike[0].latent.latent.shape) } / Double(members.count)
      for (action, image) in zip(actions, images.each) {
        action.context.count(.forward(stage.steps * members.count, of: flop))
        try action.context.write(Picture.data(image, name: action.context.item ?? ""), to: action.stage.images)
      }
    }
  }

  /// What predicts the noise where there is a mask; nil where there is none.
  /// - Parameter members: gets the model of the originals.
  private func masked(
    _ model: any NoisePredictor, _ latents: [Latent], _ actions: [StageAction<Sample>],
    _ members: inout [any DiffusionModel]
  ) throws -> MaskedPredictor? {
    guard let original, mask != nil else { return nil }
    if let maskUntil, let latent = latents.first(where: { maskUntil >= $0.returnStep }) {
      throw InputError(
        "no step would obey the mask: the latents begin at time \(latent.returnStep), and 'mask_until' is \(maskUntil): lower it"
      )
    }
    let before = try actions[0].context.network(original)
    try requireSize(latents[0].latent.shape, of: before, actions[0].context)
    members.append(before)
    let masks = try zip(latents, actions).map { latent, action in
      guard let input = action.stage.mask else {
        throw InputError("there is no mask for '\(action.context.item ?? "")'")
      }
      return try action.context.mask(input.item, for: latent.image).tensor
    }
    return MaskedPredictor(
      editing: model, original: before, mask: .concatenated(masks, axis: 0), until: maskUntil ?? 0)
  }

  /// What the picture is generated from: its latent, or noise drawn for its number.
  private func beginning(_ context: any StageContext) throws -> Latent {
    if let latents { return try context.latent(latents) }
    guard let size else { throw InputError("sample takes either `latents`, or `count` and `size`") }
    var random = RandomSource(seed: UInt64(seed), name: "latent \(context.item ?? "")")
    let x = random.normal([1, size.height, size.width, 3])
    // There is no picture that it belongs to.
    return Latent(latent: x, image: x, returnStep: returnStep ?? noiseSchedule.count - 1)
  }

  /// By what the noise that a sampler draws for a picture is known besides the seed.
  private func subject(_ context: any StageContext) -> String {
    latents?.item.object.hex ?? "picture \(context.item ?? "")"
  }

  /// The pictures, by the scheme that their latents were made for, where there is one, else by the sampler asked for.
  private func generated(
    _ latent: Latent, with model: any NoisePredictor, _ actions: [StageAction<Sample>]
  ) throws -> Tensor {
    let contexts = actions.map(\.context)
    let afterEach = { (step: Int) throws in try contexts.tell(step, of: steps) }
    func require(_ taken: Latent.Course, _ scheme: String, _ allowed: Sampler = .ddim) throws {
      guard [.ddim, allowed].contains(sampler), eta == 0, noise.noise == nil else {
        throw InputError("the latents were made to be sampled \(scheme): leave `sampler`, `eta` and `noise` out")
      }
      guard steps == taken.steps else {
        throw InputError(
          "the latents were made to be sampled \(scheme) in \(taken.steps) steps: set `steps: \(taken.steps)`")
      }
      guard timing.chosen == taken.spacing else {
        throw InputError(
          "the latents were made to be sampled \(scheme) in \(taken.spacing.rawValue) steps: set `spacing: \(taken.spacing.rawValue)`"
        )
      }
    }
    let (x, returnStep) = (latent.latent, latent.returnStep)
    let ddim = DDIM(schedule: noiseSchedule)
    let sequence = timing.sequence(returnStep: returnStep, steps: steps)
    func solved() throws -> Tensor {
      try DPMSolver(schedule: noiseSchedule).generate(x, with: model, through: sequence, afterEach: afterEach)
    }
    switch latent.scheme {
    case .coupled(let second, let taken):
      try require(taken, "by coupled states")
      let trajectory = try explained { try CoupledTrajectory(schedule: noiseSchedule, steps: sequence) }
      return try trajectory.generate(.init(latent: x, second: second), with: model, afterEach: afterEach)
    case .stochastic(let additions, let taken):
      try require(taken, "with the noise that was kept")
      return try StochasticInversion(ddim: ddim, steps: sequence)
        .generate(x, adding: additions, with: model, afterEach: afterEach)
    case .multistep(let taken):
      try require(taken, "by dpm_solver", .dpmSolver)
      return try solved()
    case .free where sampler == .dpmSolver: return try solved()
    case .free:
      let noise = try actions.together {
        try $0.stage.noise.steps(
          [1] + x.shape.dropFirst(), count: steps, seed: seed, for: $0.stage.subject($0.context), $0.context)
      }
      guard sampler != .ddim else {
        return try ddim.generate(
          x, with: model, through: sequence, eta: eta, noise: noise, afterEach: afterEach)
      }
      return try explained {
        try DDPM(schedule: noiseSchedule).generate(
          x, with: model, through: sequence, variance: variance,
          stride: sampler == .ddpm ? .fullStep : .respaced, noise: noise, afterEach: afterEach)
      }
    }
  }

  /// What predicts the noise for latents of this shape, and the models that it asks.
  private func predictor(
    _ context: any StageContext, shape: [Int]
  ) throws -> (any NoisePredictor, [any DiffusionModel]) {
    func fitting(_ input: Whole<DiffusionModels>) throws -> any DiffusionModel {
      let model = try context.network(input)
      try requireSize(shape, of: model, context)
      return model
    }
    if let model {
      let model = try fitting(model)
      return (model, [model])
    }
    guard let models else { throw InputError("sample takes either `model` or `models`") }
    var members: [Artifact: any DiffusionModel] = [:]
    let predictor = MixedPredictor(
      segments: try models.segments.map { segment in
        MixedPredictor.Segment(
          from: segment.from,
          weights: try segment.weights.map { weight in
            let model = try fitting(weight.member)
            members[weight.member.artifact] = model
            return (model, weight.weight)
          })
      })
    return (predictor, Array(members.values))
  }
}

extension DDPM.Variance: Choice {}

/// What is done to predicted x₀ out of range.
final class ClippingOptions: StagePart {
  @Parameter(
    help:
      "What becomes of a predicted x₀ out of [−1, 1], at every step. none, unless given. clamp: it is clamped. dynamic: it is clamped to a percentile of its own and divided by it (Saharia et al. 2022)."
  )
  var clipX0: Choices?
  @Parameter(
    0...1, help: "For `clip_x0: dynamic`: which part of the absolute values stays as it is; 0.995 unless given.")
  var clipPercentile: Double?

  enum Choices: String, Choice { case none, clamp, dynamic }

  var chosen: X0Clipping? {
    switch clipX0 {
    case nil, .some(.none): nil
    case .clamp: .clamp
    case .dynamic: .dynamic(percentile: clipPercentile ?? 0.995)
    }
  }

  var issues: [ValidationIssue] {
    guard clipPercentile != nil, clipX0 != .dynamic else { return [] }
    return [ValidationIssue(about: $clipPercentile, "`clip_percentile` is for `clip_x0: dynamic`: leave it out")]
  }
}

/// What a diffusion process cannot do is the user's to mend.
private func explained<Result>(_ work: () throws -> Result) throws -> Result {
  do { return try work() } catch let error as DiffusionError { throw InputError("\(error)") }
}
