import Networks
import Tensors

/// Deterministic and stochastic steps of DDIM (Song et al. 2021), and the two trajectories made of them.
///
/// Images and latents are [N, H, W, C]; images are in [−1, 1] and never clipped on the way.
public struct DDIM: Sendable {
  public let schedule: NoiseSchedule

  public init(schedule: NoiseSchedule) { self.schedule = schedule }

  /// f_θ(x, t) = (x − √(1 − ᾱ_t) ε) / √ᾱ_t: predicted x₀ from time t (paper eq. 6).
  public func predictedX0(_ x: Tensor, predictedNoise epsilon: Tensor, at t: Int) -> Tensor {
    let alpha = schedule.alphaCumprod(t)
    return (x - epsilon * (1 - alpha).squareRoot()) * (1 / alpha.squareRoot())
  }

  /// ε = (x − √ᾱ_t x₀) / √(1 − ᾱ_t): the noise by which an image becomes x, for t ≥ 0.
  func noise(from image: Tensor, to x: Tensor, at t: Int) -> Tensor {
    let alpha = schedule.alphaCumprod(t)
    return (x - image * alpha.squareRoot()) * (1 / (1 - alpha).squareRoot())
  }

  /// A step with η = 0: √ᾱ' f + √(1 − ᾱ') ε (paper eqs. 12 and 13). `next` is earlier than t when sampling, later when
  /// inverting.
  public func step(_ x: Tensor, predictedNoise epsilon: Tensor, by step: Step) -> Tensor {
    let (scale, shift) = coefficients(of: step)
    return x * scale + epsilon * shift
  }

  /// A step with η = 0 as one expression in x and ε: scale·x + shift·ε.
  func coefficients(of step: Step) -> (scale: Double, shift: Double) {
    let (alpha, target) = (schedule.alphaCumprod(step.t), schedule.alphaCumprod(step.next))
    let scale = (target / alpha).squareRoot()
    return (scale, (1 - target).squareRoot() - scale * (1 - alpha).squareRoot())
  }

  /// A step with η > 0 (paper eq. 5; Song et al. 2021, eqs. 12 and 16): c₁ = η √((1 − ᾱ/ᾱ')(1 − ᾱ')/(1 − ᾱ)) of
  /// `noise`, √(1 − ᾱ' − c₁²) of the predicted noise. Where `next` is t, x stays.
  public func step(
    _ x: Tensor, predictedNoise epsilon: Tensor, by step: Step, eta: Double, noise: Tensor
  ) -> Tensor {
    precondition(step.next <= step.t, "η is for sampling")
    let (alpha, target) = (schedule.alphaCumprod(step.t), schedule.alphaCumprod(step.next))
    let c1 = eta * ((1 - alpha / target) * (1 - target) / (1 - alpha)).squareRoot()
    let c2 = max(0, 1 - target - c1 * c1).squareRoot()
    return predictedX0(x, predictedNoise: epsilon, at: step.t) * target.squareRoot() + epsilon * c2 + noise * c1
  }

  /// The latent x_{t₀} that the model turns back into the image (paper eq. 12): the steps of generation upwards, each
  /// evaluated at the time it comes from. The image counts as x at time 0, so that a step from there to it is left out, and
  /// one from a later time is evaluated at time 0.
  public func invert(
    _ image: Tensor, with model: any NoisePredictor, through steps: [Step],
    afterEach progress: (Int) throws -> Void = { _ in }
  ) rethrows -> Tensor {
    var x = image
    let upwards = (steps.last?.t == 0 ? steps.dropLast() : steps).reversed().map(\.reversed)
    for (index, step) in upwards.enumerated() {
      let epsilon = Gradients.off { model.predictNoise(x, at: max(0, step.t)) }
      x = self.step(x, predictedNoise: epsilon, by: step)
      try progress(index + 1)
    }
    return x
  }

  /// The image from a latent at time t₀ (paper eq. 13). With η > 0 `noise` gives that of each step, counted from 0; it
  /// is asked in order, for the last step too, where the noise has no share.
  public func generate(
    _ latent: Tensor, with model: any NoisePredictor, through steps: [Step], eta: Double = 0,
    noise: ((_ step: Int) throws -> Tensor)? = nil, afterEach progress: (Int) throws -> Void = { _ in }
  ) throws -> Tensor {
    var x = latent
    for (index, step) in steps.enumerated() {
      let epsilon = Gradients.off { model.predictNoise(x, at: step.t) }
      if eta == 0 {
        x = self.step(x, predictedNoise: epsilon, by: step)
      } else {
        guard let noise = try noise?(index) else { preconditionFailure("η > 0 needs noise") }
        x = self.step(x, predictedNoise: epsilon, by: step, eta: eta, noise: noise)
      }
      try progress(index + 1)
    }
    return x
  }
}
