import Tensors

/// ε_θ(x, t): what a diffusion model has learned, and all that this module needs of it.
public protocol NoisePredictor {
  /// The noise in x [N, H, W, C] at one time per item, of the same shape.
  func predictNoise(_ x: Tensor, timesteps: [Int]) -> Tensor

  /// The same, and v, of the shape of x, where the model has learned how large the noise of a step is
  /// (``DDPM/Variance/learned``).
  func predict(_ x: Tensor, timesteps: [Int]) -> (noise: Tensor, variance: Tensor?)
}

extension NoisePredictor {
  /// What a model of fixed variance predicts.
  public func predict(_ x: Tensor, timesteps: [Int]) -> (noise: Tensor, variance: Tensor?) {
    (predictNoise(x, timesteps: timesteps), nil)
  }

  /// The noise in x [N, H, W, C] when every item is at time t.
  func predictNoise(_ x: Tensor, at t: Int) -> Tensor {
    predictNoise(x, timesteps: Array(repeating: t, count: x.shape[0]))
  }
}

/// ε = Σ γᵢ ε_θᵢ (paper eq. 14), with weights that may change along the way.
///
/// Several attributes in one sampling, or a degree of change when one of the models is the original. Models of weight
/// 0 are not evaluated. What the models have learned of the variance is mixed with the same weights, as in the official
/// code.
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
    combined(timesteps) {
      $0.predictNoise(x, timesteps: timesteps)
    } by: {
      $0 * $1
    } adding: {
      $0 + $1
    }
  }

  public func predict(_ x: Tensor, timesteps: [Int]) -> (noise: Tensor, variance: Tensor?) {
    combined(timesteps) {
      $0.predict(x, timesteps: timesteps)
    } by: { part, weight in
      (part.noise * weight, part.variance.map { $0 * weight })
    } adding: { sum, part in
      (sum.noise + part.noise, sum.variance.flatMap { sum in part.variance.map { sum + $0 } })
    }
  }

  /// What the models of weight ≠ 0 say, weighted and added up; a model that has all the weight speaks for itself.
  private func combined<Part>(
    _ timesteps: [Int], _ part: (any NoisePredictor) -> Part, by scaled: (Part, Double) -> Part,
    adding sum: (Part, Part) -> Part
  ) -> Part {
    guard let t = timesteps.first, timesteps.allSatisfy({ $0 == t }) else {
      preconditionFailure("a mixture is evaluated at one time")
    }
    let segment = segments.first { t >= $0.from } ?? segments[segments.count - 1]
    let active = segment.weights.filter { $0.weight != 0 }
    precondition(!active.isEmpty, "a mixture needs a weight that is not 0")
    if active.count == 1, active[0].weight == 1 { return part(active[0].model) }
    let parts = active.map { scaled(part($0.model), $0.weight) }
    return parts.dropFirst().reduce(parts[0], sum)
  }
}
