import Tensors

/// ε_θ(x, t): what a diffusion model has learned, and all that this module needs of it.
public protocol NoisePredictor {
  /// The noise in x [N, H, W, C] at one time per item, of the same shape.
  func predictNoise(_ x: Tensor, timesteps: [Int]) -> Tensor
}

extension NoisePredictor {
  /// The noise in x [N, H, W, C] when every item is at time t.
  func predictNoise(_ x: Tensor, at t: Int) -> Tensor {
    predictNoise(x, timesteps: Array(repeating: t, count: x.shape[0]))
  }
}

/// ε = Σ γᵢ ε_θᵢ (paper eq. 14), with weights that may change along the way.
///
/// Several attributes in one sampling, or a degree of change when one of the models is the original. Models of weight
/// 0 are not evaluated.
public struct MixedPredictor: NoisePredictor {
  /// Weights that hold at times t ≥ `from`.
  public struct Segment {
    public let from: Int
    public let weights: [(model: any NoisePredictor, weight: Double)]
    public init(from: Int, weights: [(model: any NoisePredictor, weight: Double)]) {
      (self.from, self.weights) = (from, weights)
    }
  }

  /// In the order written; the first whose `from` is not above t holds, and the last one where none does.
  public let segments: [Segment]

  public init(segments: [Segment]) {
    precondition(!segments.isEmpty)
    self.segments = segments
  }

  public func predictNoise(_ x: Tensor, timesteps: [Int]) -> Tensor {
    guard let t = timesteps.first, timesteps.allSatisfy({ $0 == t }) else {
      preconditionFailure("a mixture is evaluated at one time")
    }
    let segment = segments.first { t >= $0.from } ?? segments[segments.count - 1]
    let active = segment.weights.filter { $0.weight != 0 }
    precondition(!active.isEmpty, "a mixture needs a weight that is not 0")
    if active.count == 1, active[0].weight == 1 { return active[0].model.predictNoise(x, timesteps: timesteps) }
    let parts = active.map { $0.model.predictNoise(x, timesteps: timesteps) * $0.weight }
    return parts.dropFirst().reduce(parts[0]) { $0 + $1 }
  }
}
