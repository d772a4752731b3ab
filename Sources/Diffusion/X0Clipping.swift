import Networks
import Tensors

/// What is done to a predicted x₀ that leaves the range of pictures, [−1, 1].
public enum X0Clipping: Sendable, Hashable {
  /// Values are clamped to [−1, 1] (DDPM's official code).
  case clamp
  /// Dynamic thresholding (Saharia et al. 2022, "Photorealistic text-to-image diffusion models with deep language
  /// understanding", sec. 2.3): clamped to [−s, s] and divided by s, the larger of 1 and a percentile of the absolute
  /// values of a picture.
  case dynamic(percentile: Double)

  /// The predicted x₀ of each picture in its range, [N, H, W, C].
  public func callAsFunction(_ images: Tensor) -> Tensor {
    switch self {
    case .clamp: return images.clamped(to: -1...1)
    case .dynamic(let percentile):
      let each = (0..<images.shape[0]).map { place -> Tensor in
        let image = images.narrowed(0, place..<place + 1)
        let threshold = max(1, Self.quantile(percentile, of: image.doubleValues.map(abs)))
        return image.clamped(to: -threshold...threshold) / threshold
      }
      return .concatenated(each, axis: 0)
    }
  }

  /// By linear interpolation, as NumPy's and PyTorch's default. One value that is no number makes it none.
  static func quantile(_ fraction: Double, of values: [Double]) -> Double {
    guard !values.contains(where: \.isNaN) else { return .nan }
    let sorted = values.sorted()
    let place = fraction * Double(sorted.count - 1)
    let lower = min(sorted.count - 1, max(0, Int(place)))
    let upper = min(sorted.count - 1, lower + 1)
    return sorted[lower] + (sorted[upper] - sorted[lower]) * (place - Double(lower))
  }
}

/// A noise predictor whose predicted x₀ is in the range of pictures: the noise is what leads from that to x, so that any
/// way of sampling sees the same.
public struct ClippedPredictor: NoisePredictor {
  private let model: any NoisePredictor
  private let ddim: DDIM
  private let clipping: X0Clipping

  public init(_ model: any NoisePredictor, _ clipping: X0Clipping, schedule: NoiseSchedule) {
    self.model = model
    self.clipping = clipping
    ddim = DDIM(schedule: schedule)
  }

  public func predict(_ x: Tensor, timesteps: [Int]) -> NoisePrediction {
    let prediction = model.predict(x, timesteps: timesteps)
    guard let t = timesteps.first, timesteps.allSatisfy({ $0 == t }) else {
      preconditionFailure("a clipped prediction is of one time")
    }
    let image = clipping(ddim.predictedX0(x, predictedNoise: prediction.noise, at: t))
    return NoisePrediction(noise: ddim.noise(from: image, to: x, at: t), variance: prediction.variance)
  }
}
