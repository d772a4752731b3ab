import Networks
import Tensors

/// What a diffusion model is trained to minimize (Ho et al. 2020, algorithm 1).
public struct DenoisingLoss: Sendable {
  /// How much the error at a time counts.
  public enum Weighting: String, Sendable, CaseIterable {
    /// The same at all times (paper eq. 2).
    case uniform
    /// 1/ᾱ_t, as the error of the velocity counts (Salimans & Ho 2022, "Progressive distillation for fast sampling of
    /// diffusion models", sec. 4), but at most ``DenoisingLoss/largestWeight``.
    ///
    /// An error of the noise moves predicted x₀ by √(1 − ᾱ_t)/√ᾱ_t times as much, which near the last time is 150; there
    /// the noise is nearly the state itself, so that without weights nothing makes a model learn the little that is not.
    /// It is what pictures that are generated from noise alone get their brightness and color from.
    case velocity

    func weight(alphaCumprod alpha: Double) -> Double {
      switch self {
      case .uniform: 1
      case .velocity: min(1 / alpha, DenoisingLoss.largestWeight)
      }
    }
  }

  /// Bounds the share of the last times, whose errors are the noisiest.
  public static let largestWeight = 100.0

  public let process: DDPM
  public let weighting: Weighting

  public init(process: DDPM, weighting: Weighting) {
    self.process = process
    self.weighting = weighting
  }

  /// E w_t ‖w − ε_θ(x_t, t)‖² as a mean over elements, of shape [], for images [N, H, W, C]; a time and noise for each are
  /// drawn from `random`.
  public func callAsFunction(_ images: Tensor, with model: any NoisePredictor, random: inout RandomSource) -> Tensor {
    let times = (0..<images.shape[0]).map { _ in Int(random.uniform() * Double(process.schedule.count)) }
    let noise = random.normal(images.shape).placed(on: images.gpu)
    let error = model.predict(process.perturb(images, noise: noise, at: times), timesteps: times).noise - noise
    guard weighting != .uniform else { return error.square().mean() }
    let weights = times.map { weighting.weight(alphaCumprod: process.schedule.alphaCumprod($0)) }
    let shape = [times.count] + Array(repeating: 1, count: images.rank - 1)
    return (error.square() * .constant(weights, shape: shape, like: images)).mean()
  }
}
