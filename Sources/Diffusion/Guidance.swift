import Networks
import Tensors

/// A generation that an objective steers, with a model as it is: manifold preserving guided diffusion (He et al. 2024,
/// MPGD without a learned projection).
///
/// At a step the predicted x₀ is moved against the gradient of the objective with respect to it; the noise stays. There is
/// no gradient of the diffusion model: what does not look like one of its pictures, the evaluations that follow take out
/// again. So a state whose prediction was moved is looked at again at the same time, `rounds` times a step, and the last
/// steps are left to the model.
public struct Guidance {
  public struct Settings: Sendable {
    /// The root mean square by which a prediction moves at a time, where it may, of pixels in [−1, 1].
    public var stepSize: Double
    /// Evaluations for each step that is guided.
    public var rounds: Int
    /// The time below which a step is not guided.
    public var until: Int

    public init(stepSize: Double, rounds: Int, until: Int) {
      self.stepSize = stepSize
      self.rounds = rounds
      self.until = until
    }
  }

  public let ddim: DDIM
  public let settings: Settings

  public init(ddim: DDIM, settings: Settings) {
    precondition(settings.rounds > 0)
    self.ddim = ddim
    self.settings = settings
  }

  /// How often the model is evaluated on the way.
  public func evaluations(through steps: [Step]) -> Int { steps.reduce(0) { $0 + rounds(of: $1) } }

  /// How many of the steps are guided.
  public func guidedSteps(of steps: [Step]) -> Int { steps.count(where: isGuided) }

  private func rounds(of step: Step) -> Int { isGuided(step) ? settings.rounds : 1 }

  /// The step to the clean image is never guided: nothing would come after it.
  private func isGuided(_ step: Step) -> Bool { step.t >= settings.until && step.next >= 0 }

  /// The image that a latent [N, H, W, C] leads to.
  /// - Parameters:
  ///   - images: those that the latents belong to, [N, H, W, C].
  ///   - mask: where the images are edited, [N, H, W, 1] in [0, 1]; nil for everywhere.
  ///   - objectives: one for each item, so that it does not depend on the others of its batch.
  ///   - progress: told the steps done, and each item's terms of the objective where it was guided.
  /// - Throws: ``Divergence`` where an objective or a gradient is not finite, and what `progress` throws.
  public func generate(
    _ latent: Tensor, from images: Tensor, under mask: Tensor? = nil, following objectives: [Objective],
    with model: any NoisePredictor, through steps: [Step],
    afterEach progress: (_ step: Int, _ terms: [[(name: String, value: Double)]]) throws -> Void = { _, _ in }
  ) throws -> Tensor {
    guard let mask else {
      return try states(latent, images, nil, objectives, model, steps, progress)
    }
    // The originals go along behind.
    let masked = MaskedPredictor(editing: model, original: model, mask: mask)
    let both = Tensor.concatenated([latent, latent], axis: 0)
    return masked.finished(try states(both, images, mask, objectives, masked, steps, progress), from: images)
  }

  /// The last states: those that are edited, and behind them any that go along.
  private func states(
    _ latent: Tensor, _ images: Tensor, _ mask: Tensor?, _ objectives: [Objective], _ model: any NoisePredictor,
    _ steps: [Step], _ progress: (_ step: Int, _ terms: [[(name: String, value: Double)]]) throws -> Void
  ) throws -> Tensor {
    var x = latent
    for (index, step) in steps.enumerated() {
      var terms: [[(name: String, value: Double)]] = []
      for round in 1...rounds(of: step) {
        let epsilon = Gradients.off { model.predictNoise(x, at: step.t) }
        var predicted = ddim.predictedX0(x, predictedNoise: epsilon, at: step.t)
        if isGuided(step) {
          // Random views are others each time.
          let draw = index * settings.rounds + round - 1
          (predicted, terms) = try moved(predicted, images, mask, objectives, step: index + 1, draw: draw)
        }
        let time = round < rounds(of: step) ? step.t : step.next
        let alpha = ddim.schedule.alphaCumprod(time)
        x = predicted * alpha.squareRoot() + epsilon * (1 - alpha).squareRoot()
      }
      try progress(index + 1, terms)
    }
    return x
  }

  /// Each prediction moved by itself, where its mask lets it; those without an objective stay.
  private func moved(
    _ predictions: Tensor, _ images: Tensor, _ mask: Tensor?, _ objectives: [Objective], step: Int, draw: Int
  ) throws(Divergence) -> (Tensor, [[(name: String, value: Double)]]) {
    var results: [Tensor] = []
    var terms: [[(name: String, value: Double)]] = []
    for (place, objective) in objectives.enumerated() {
      let range = place..<place + 1
      let (x, image) = (predictions.narrowed(0, range).parameterCopy(), images.narrowed(0, range))
      let inside = mask?.narrowed(0, range)
      let seen = inside.map { x.blended(over: image, by: $0) } ?? x
      let loss = objective(seen, image, seen, draw)
      loss.total.backward()
      let values = loss.values()
      if let problem = LossValue.problem(values) { throw Divergence(iteration: step, problem, isIntact: true) }
      let gradient = x.gradient ?? Tensor(repeating: 0, shape: x.shape, like: x)
      if let problem = Adam.problem(ofGradientsOf: [x]) { throw Divergence(iteration: step, problem, isIntact: true) }
      let sizes = Tensor.items(of: [gradient.square().mean()] + (inside.map { [$0.mean()] } ?? []))
      let size = (sizes[0] / (inside == nil ? 1 : sizes[1])).squareRoot()
      results.append(size > 0 ? x.detached - gradient * (settings.stepSize / size) : x.detached)
      terms.append(values)
    }
    if objectives.count < predictions.shape[0] {
      results.append(predictions.narrowed(0, objectives.count..<predictions.shape[0]))
    }
    return (.concatenated(results, axis: 0), terms)
  }
}
