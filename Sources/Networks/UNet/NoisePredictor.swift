import Tensors

/// ε_θ(x, t): what a diffusion model has learned, and all that inversion, generation and fine-tuning need of it.
public protocol NoisePredictor {
  /// The prediction for x [N, H, W, C] in [−1, 1], with one timestep for each item.
  func predict(_ x: Tensor, timesteps: [Int]) -> NoisePrediction
}

extension NoisePredictor {
  /// ε for x [N, H, W, C] with all items at time t.
  public func predictNoise(_ x: Tensor, at t: Int) -> Tensor {
    predict(x, timesteps: Array(repeating: t, count: x.shape[0])).noise
  }
}

/// What a model predicts for images at their timesteps.
public struct NoisePrediction {
  /// ε, [N, H, W, C].
  public let noise: Tensor
  /// Where the variance is learned, the second half of the network's channels as it is, [N, H, W, C]: v of improved
  /// DDPM (Nichol & Dhariwal 2021, eq. 15) before it is brought from [−1, 1] to [0, 1].
  public let variance: Tensor?

  public init(noise: Tensor, variance: Tensor? = nil) {
    self.noise = noise
    self.variance = variance
  }
}
