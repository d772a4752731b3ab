import Tensors

/// Deterministic and stochastic steps of DDIM (Song et al. 2021), and the two trajectories made of them.
///
/// Images and latents are [N, H, W, C]; images are in [−1, 1] and never clipped on the way.
public struct DDIM: Sendable {
  public let schedule: NoiseSchedule

  public init(schedule: NoiseSchedule) { self.schedule = schedule }

  /// f_θ(x, t) = (x − √(1 − ᾱ_t) ε) / √ᾱ_t: predicted x₀ from time t (paper eq. 6).
  public func predictedImage(_ x: Tensor, noise epsilon: Tensor, at t: Int) -> Tensor {
    let alpha = schedule.alphaCumprod(t)
    return (x - epsilon * (1 - alpha).squareRoot()) * (1 / alpha.squareRoot())
  }

  /// From time t to `next` with η = 0: √ᾱ' f + √(1 − ᾱ') ε (paper eqs. 12 and 13). `next` is earlier when sampling,
  /// later when inverting, −1 for the clean image.
  public func step(_ x: Tensor, noise epsilon: Tensor, from t: Int, to next: Int) -> Tensor {
    let (scale, shift) = coefficients(from: t, to: next)
    return x * scale + epsilon * shift
  }

  /// The step from time t to `next` as one expression in x and ε: scale·x + shift·ε.
  func coefficients(from t: Int, to next: Int) -> (scale: Double, shift: Double) {
    let (alpha, target) = (schedule.alphaCumprod(t), schedule.alphaCumprod(next))
    let scale = (target / alpha).squareRoot()
    return (scale, (1 - target).squareRoot() - scale * (1 - alpha).squareRoot())
  }

  /// The step with η > 0 (paper eq. 5; Song et al. 2021, eqs. 12 and 16): c₁ = η √((1 − ᾱ/ᾱ')(1 − ᾱ')/(1 − ᾱ)) of
  /// `fresh` noise, √(1 − ᾱ' − c₁²) of the predicted. `next` may be t, as in sequences of more steps than times:
  /// x stays.
  public func step(
    _ x: Tensor, noise epsilon: Tensor, from t: Int, to next: Int, eta: Double, fresh: Tensor
  ) -> Tensor {
    precondition(next <= t, "η is for sampling")
    let (alpha, target) = (schedule.alphaCumprod(t), schedule.alphaCumprod(next))
    let c1 = eta * ((1 - alpha / target) * (1 - target) / (1 - alpha)).squareRoot()
    let c2 = max(0, 1 - target - c1 * c1).squareRoot()
    return predictedImage(x, noise: epsilon, at: t) * target.squareRoot() + epsilon * c2 + fresh * c1
  }

  /// The latent x_{t₀} that the model turns back into the image (paper eq. 12): steps − 1 evaluations, each at the
  /// source's time; the image counts as x at time 0.
  public func invert(
    _ image: Tensor, with model: any NoisePredictor, returnStep: Int, steps: Int,
    afterEach progress: (Int) throws -> Void = { _ in }
  ) rethrows -> Tensor {
    let times = NoiseSchedule.timesteps(steps: steps, returnStep: returnStep)
    var x = image
    for (index, (t, next)) in zip(times, times.dropFirst()).enumerated() {
      let noise = Gradients.off { model.predictNoise(x, at: t) }
      x = step(x, noise: noise, from: t, to: next)
      try progress(index + 1)
    }
    return x
  }

  /// The pairs of times (t, next) of a generation: the sequence of ``NoiseSchedule/timesteps(steps:returnStep:)``
  /// downwards, the last to −1.
  public static func generationPairs(steps: Int, returnStep: Int) -> [(t: Int, next: Int)] {
    let times = NoiseSchedule.timesteps(steps: steps, returnStep: returnStep)
    return times.indices.reversed().map { (times[$0], $0 == 0 ? -1 : times[$0 - 1]) }
  }

  /// The image from a latent at time t₀ (paper eq. 13): `steps` evaluations. With η > 0 `fresh` gives the noise of each
  /// step, counted from 0; it is asked in order, for the last step too, where the noise has no share.
  public func generate(
    _ latent: Tensor, with model: any NoisePredictor, returnStep: Int, steps: Int, eta: Double = 0,
    fresh: ((_ step: Int) throws -> Tensor)? = nil, afterEach progress: (Int) throws -> Void = { _ in }
  ) throws -> Tensor {
    var x = latent
    for (index, pair) in Self.generationPairs(steps: steps, returnStep: returnStep).enumerated() {
      let noise = Gradients.off { model.predictNoise(x, at: pair.t) }
      if eta == 0 {
        x = step(x, noise: noise, from: pair.t, to: pair.next)
      } else {
        guard let fresh = try fresh?(index) else { preconditionFailure("η > 0 needs noise") }
        x = step(x, noise: noise, from: pair.t, to: pair.next, eta: eta, fresh: fresh)
      }
      try progress(index + 1)
    }
    return x
  }
}
