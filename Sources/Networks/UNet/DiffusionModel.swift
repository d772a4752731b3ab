import Tensors

/// A network ε_θ(x, t) of any architecture that was trained to see the noise in pictures.
public protocol DiffusionModel: Network {
  /// Height and width of the pictures it is trained on, in pixels.
  var resolution: Int { get }
  /// Channels of those pictures.
  var pictureChannels: Int { get }
  /// Floating-point operations of one evaluation on one picture, convolutions counted as direct ones.
  var flopPerEvaluation: Double { get }

  /// What it sees in x [N, H, W, C] in [−1, 1], one timestep each.
  func prediction(_ x: Tensor, timesteps: [Double]) -> DiffusionPrediction
}

/// What a diffusion model says about pictures at their times.
public struct DiffusionPrediction {
  /// ε, [N, H, W, C].
  public let noise: Tensor
  /// Where the variance is learned, the second half of the network's channels as it is, [N, H, W, C]: v of improved
  /// DDPM (Nichol & Dhariwal 2021, eq. 15) before it is brought from [−1, 1] to [0, 1].
  public let variance: Tensor?

  public init(noise: Tensor, variance: Tensor? = nil) { (self.noise, self.variance) = (noise, variance) }
}
