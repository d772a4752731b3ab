import Networks
import Tensors

/// ε = Σ γᵢ ε_θᵢ (paper eq. 14), with weights that may change along the way.
///
/// Several attributes in one sampling, or a degree of change when one of the models is the original. Models of weight
/// 0 are not evaluated. Learned variances are mixed with the same weights, as in the official code.
public struct MixedPredictor: NoisePredictor {
  /// Weights that hold at times t ≥ `from`.
  public struct Segment {
    public let from: Int
    public let weights: [(model: any NoisePredictor, weight: Double)]

    public init(from: Int, weights: [(model: any NoisePredictor, weight: Double)]) {
      self.from = from
      self.weights = weights
    }
  }

  /// In the order written; the first whose `from` is not above t holds, and the last one where none does.
  public let segments: [Segment]

  public init(segments: [Segment]) {
    precondition(!segments.isEmpty)
    self.segments = segments
  }

  public func predict(_ x: Tensor, timesteps: [Int]) -> NoisePrediction {
    guard let t = timesteps.first, timesteps.allSatisfy({ $0 == t }) else {
      preconditionFailure("a mixture is evaluated at one time")
    }
    let segment = segments.first { t >= $0.from } ?? segments[segments.count - 1]
    let active = segment.weights.filter { $0.weight != 0 }
    precondition(!active.isEmpty, "a mixture needs a weight that is not 0")
    let parts = active.map { (prediction: $0.model.predict(x, timesteps: timesteps), weight: $0.weight) }
    // A model that has all the weight is not scaled.
    if parts.count == 1, parts[0].weight == 1 { return parts[0].prediction }
    let noise = parts.map { $0.prediction.noise * $0.weight }
    let variances = parts.compactMap { part in part.prediction.variance.map { $0 * part.weight } }
    return NoisePrediction(
      noise: noise.dropFirst().reduce(noise[0], +),
      variance: variances.count == parts.count ? variances.dropFirst().reduce(variances[0], +) : nil)
  }
}
