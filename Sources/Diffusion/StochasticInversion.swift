import Tensors

/// Edit-friendly inversion (Huberman-Spiegelglas et al. 2024, "An edit friendly DDPM noise space"): the noise of a
/// stochastic trajectory that ends in a given picture.
///
/// The states x_t = √ᾱ_t x₀ + √(1 − ᾱ_t) w_t have independent noise w_t. What lies between the state that a step of
/// DDIM with η = 1 expects and the one that comes next is kept: the noise of that step, c₁ z of ``DDIM``, and at the
/// end what the network has missed of the picture. A generation that adds the same again gives the picture back, by any
/// network; one with another model changes what that model changes.
public struct StochasticInversion: Sendable {
  public let ddim: DDIM
  private let pairs: [(t: Int, next: Int)]

  public init(ddim: DDIM, returnStep: Int, steps: Int) {
    (self.ddim, pairs) = (ddim, DDIM.generationPairs(steps: steps, returnStep: returnStep))
  }

  /// x_{t₀} of an image [N, H, W, C], and what each step of its generation adds; `steps` evaluations.
  /// - Parameter fresh: w for each state, that of time t₀ first.
  public func invert(
    _ image: Tensor, with model: any NoisePredictor, fresh: (_ state: Int) throws -> Tensor,
    afterEach progress: (Int) throws -> Void = { _ in }
  ) rethrows -> (latent: Tensor, additions: [Tensor]) {
    let process = DDPM(schedule: ddim.schedule)
    let latent = process.perturb(image, noise: try fresh(0), at: pairs[0].t)
    var (x, additions) = (latent, [Tensor]())
    for (index, pair) in pairs.enumerated() {
      let target = pair.next < 0 ? image : process.perturb(image, noise: try fresh(index + 1), at: pair.next)
      let expected = self.expected(x, pair, model)
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
    precondition(additions.count == pairs.count, "\(additions.count) additions for \(pairs.count) steps")
    var x = latent
    for (index, pair) in pairs.enumerated() {
      x = expected(x, pair, model) + additions[index]
      try progress(index + 1)
    }
    return x
  }

  /// The mean of a step with η = 1.
  private func expected(_ x: Tensor, _ pair: (t: Int, next: Int), _ model: any NoisePredictor) -> Tensor {
    let noise = Gradients.off { model.predictNoise(x, at: pair.t) }
    let none = Tensor.zeros(x.shape, type: x.type)
    return ddim.step(x, noise: noise, from: pair.t, to: pair.next, eta: 1, fresh: none)
  }
}
