import Tensors

/// The stochastic process of DDPM (Ho et al. 2020): forward to any time at once, backward step by step.
public struct DDPM: Sendable {
  public let schedule: NoiseSchedule

  public init(schedule: NoiseSchedule) { self.schedule = schedule }

  /// x_t = √ᾱ_t x₀ + √(1 − ᾱ_t) w (paper eq. 1, where the second root is missing in print).
  public func perturb(_ image: Tensor, noise: Tensor, at t: Int) -> Tensor {
    let alpha = schedule.alphaCumprod(t)
    return image * alpha.squareRoot() + noise * (1 - alpha).squareRoot()
  }

  /// The same with a time per item: x₀, w [N, H, W, C].
  public func perturb(_ images: Tensor, noise: Tensor, at times: [Int]) -> Tensor {
    let shape = [times.count] + Array(repeating: 1, count: images.rank - 1)
    let alphas = times.map(schedule.alphaCumprod)
    let signal = Tensor(alphas.map { Float($0.squareRoot()) }, shape: shape)
    let spread = Tensor(alphas.map { Float((1 - $0).squareRoot()) }, shape: shape)
    return images * signal + noise * spread
  }

  /// Ancestral sampling from time t₀ through the same times as DDIM's, with the posterior variance ("fixedsmall"):
  /// x' = (x − β_t/√(1 − ᾱ_t) ε)/√(1 − β_t) + √max(β̃_t, 1e−20) w, no noise at t = 0.
  ///
  /// As in the official code β_t is the full step's even where times are skipped, so that it is right only for
  /// steps = t₀ + 1.
  public func generate(
    _ latent: Tensor, with model: any NoisePredictor, returnStep: Int, steps: Int, random: inout RandomSource,
    afterEach progress: (Int) throws -> Void = { _ in }
  ) rethrows -> Tensor {
    var x = latent
    for (index, pair) in DDIM.generationPairs(steps: steps, returnStep: returnStep).enumerated() {
      let noise = Gradients.off { model.predictNoise(x, at: pair.t) }
      let beta = schedule.betas[pair.t]
      let alpha = schedule.alphaCumprod(pair.t)
      x = (x - noise * (beta / (1 - alpha).squareRoot())) * (1 / (1 - beta).squareRoot())
      if pair.t > 0 {
        let variance = max(beta * (1 - schedule.alphaCumprod(pair.t - 1)) / (1 - alpha), 1e-20)
        x = x + random.normal(x.shape) * variance.squareRoot()
      }
      try progress(index + 1)
    }
    return x
  }

  /// The training loss E ‖w − ε_θ(x_t, t)‖² (Ho et al. 2020, eq. 14), as a mean over elements, with a time and noise
  /// per image drawn from `random`.
  public func loss(_ images: Tensor, with model: any NoisePredictor, random: inout RandomSource) -> Tensor {
    let times = (0..<images.shape[0]).map { _ in Int(random.uniform() * Double(schedule.count)) }
    let noise = random.normal(images.shape)
    return (model.predictNoise(perturb(images, noise: noise, at: times), timesteps: times) - noise).square().mean()
  }
}
