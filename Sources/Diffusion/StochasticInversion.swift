import Networks
import Tensors

/// Edit-friendly inversion (Huberman-Spiegelglas et al. 2024, "An edit friendly DDPM noise space"): the noise of a
/// stochastic trajectory that ends in a given picture.
///
/// The states x_t = √ᾱ_t x₀ + √(1 − ᾱ_t) w_t have independent noise w_t. Kept is the difference between the
/// state that comes next and the one that a step of DDIM with η = 1 expects: the noise of that step, c₁ z of ``DDIM``,
/// and at the end what the network has missed of the picture. A generation that adds the same again gives the picture back, by any
/// network; one with another model changes what that model changes.
public struct StochasticInversion: Sendable {
  public let ddim: DDIM
  private let steps: [Step]

  public init(ddim: DDIM, steps: [Step]) {
    self.ddim = ddim
    self.steps = steps
  }

  /// x_{t₀} of an image [N, H, W, C], and what each step of its generation adds; one evaluation for each step.
  /// - Parameter noise: w for each state, that of time t₀ first.
  public func invert(
    _ image: Tensor, with model: any NoisePredictor, noise: (_ state: Int) throws -> Tensor,
    afterEach progress: (Int) throws -> Void = { _ in }
  ) rethrows -> (latent: Tensor, additions: [Tensor]) {
    let process = DDPM(schedule: ddim.schedule)
    let latent = process.perturb(image, noise: try noise(0), at: steps[0].t)
    var (x, additions) = (latent, [Tensor]())
    for (index, step) in steps.enumerated() {
      let target = step.next < 0 ? image : process.perturb(image, noise: try noise(index + 1), at: step.next)
      let expected = self.expected(x, step, model)
      additions.append(target - expected)
      // What a generation will find here, to the last bit.
      x = expected + additions[index]
      try progress(index + 1)
    }
    return (latent, additions)
  }

  /// The image from a latent, with what is added at each step.
  public func generate(
    _ latent: Tensor, adding additions: [Tensor], with model: any NoisePredictor,
    afterEach progress: (Int) throws -> Void = { _ in }
  ) rethrows -> Tensor {
    precondition(additions.count == steps.count, "\(additions.count) additions for \(steps.count) steps")
    var x = latent
    for (index, step) in steps.enumerated() {
      x = expected(x, step, model) + additions[index]
      try progress(index + 1)
    }
    return x
  }

  /// The mean of a step with η = 1.
  private func expected(_ x: Tensor, _ step: Step, _ model: any NoisePredictor) -> Tensor {
    let epsilon = Gradients.off { model.predictNoise(x, at: step.t) }
    return ddim.step(
      x, predictedNoise: epsilon, by: step, eta: 1, noise: Tensor(repeating: 0, shape: x.shape, like: x))
  }
}
