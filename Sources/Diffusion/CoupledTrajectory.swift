import Tensors

/// Inversion and generation that undo each other exactly, whatever the network: O-BELM (Wang et al. 2024, "BELM:
/// bidirectional explicit linear multi-step sampler for exact inversion in diffusion models").
///
/// With x̄ = x/√ᾱ and σ̄ = √(1 − ᾱ)/√ᾱ the probability flow is dx̄/dσ̄ = ε. Of three times p < i < n, with steps
/// h = σ̄_i − σ̄_p and h' = σ̄_n − σ̄_i, r = h/h', the explicit scheme of second order
///
///     x̄_p = r² x̄_n + (1 − r²) x̄_i − h (1 + r) ε(x_i, i)
///
/// can be solved for x̄_n as it stands: two neighboring states determine all others, in both directions, by one
/// evaluation each. (EDICT needs two evaluations per step, and its inversion magnifies the difference of its two states
/// by 1/p² at every step; here rounding errors grow by no more than the ratio of the largest to the smallest h,
/// squared, however many steps there are.)
public struct CoupledTrajectory: Sendable {
  /// Two neighboring states: x at time t₀ and at the time before it in the sequence.
  public struct States {
    public let latent: Tensor
    public let second: Tensor
    public init(latent: Tensor, second: Tensor) { (self.latent, self.second) = (latent, second) }
  }

  private let schedule: NoiseSchedule
  /// −1 and the times of the sequence, ascending.
  private let times: [Int]

  /// - Throws: ``DiffusionError/repeatedTimes(steps:returnStep:)``.
  public init(schedule: NoiseSchedule, returnStep: Int, steps: Int) throws(DiffusionError) {
    self.schedule = schedule
    times = [-1] + NoiseSchedule.timesteps(steps: steps, returnStep: returnStep)
    guard zip(times, times.dropFirst()).allSatisfy({ $0 < $1 }), times.count > 2 else {
      throw .repeatedTimes(steps: steps, returnStep: returnStep)
    }
  }

  /// The last two states of an image [N, H, W, C], by as many evaluations as there are steps. The first step, which has
  /// no other before it, is DDIM's.
  public func invert(
    _ image: Tensor, with model: any NoisePredictor, afterEach progress: (Int) throws -> Void = { _ in }
  ) rethrows -> States {
    let first = Gradients.off { model.predictNoise(image, at: times[1]) }
    var (earlier, x) = (image, scaled(image, 0, to: 1) + first * (sigma(1) * signal(1)))
    try progress(1)
    for index in 1..<times.count - 1 {
      let noise = Gradients.off { model.predictNoise(x, at: times[index]) }
      let (later, here, slope) = weights(at: index)
      let next =
        scaled(earlier, index - 1, to: index + 1) * (1 / later) - scaled(x, index, to: index + 1) * (here / later)
        - noise * (slope * signal(index + 1) / later)
      (earlier, x) = (x, next)
      try progress(index + 1)
    }
    return States(latent: x, second: earlier)
  }

  /// The image from the two states, by one evaluation fewer than there are steps.
  public func generate(
    _ states: States, with model: any NoisePredictor, afterEach progress: (Int) throws -> Void = { _ in }
  ) rethrows -> Tensor {
    var (later, x) = (states.latent, states.second)
    for index in (1..<times.count - 1).reversed() {
      let noise = Gradients.off { model.predictNoise(x, at: times[index]) }
      let weights = weights(at: index)
      let next =
        scaled(later, index + 1, to: index - 1) * weights.later + scaled(x, index, to: index - 1) * weights.here
        + noise * (weights.slope * signal(index - 1))
      (later, x) = (x, next)
      try progress(times.count - 1 - index)
    }
    return x
  }

  /// √ᾱ at a place of the sequence.
  private func signal(_ index: Int) -> Double { schedule.alphaCumprod(times[index]).squareRoot() }

  /// σ̄ at a place of the sequence.
  private func sigma(_ index: Int) -> Double {
    let alpha = schedule.alphaCumprod(times[index])
    return ((1 - alpha) / alpha).squareRoot()
  }

  /// x of one place with the signal that it has at another.
  private func scaled(_ x: Tensor, _ index: Int, to other: Int) -> Tensor { x * (signal(other) / signal(index)) }

  /// Of x̄_n, of x̄_i and of ε in x̄_p.
  private func weights(at index: Int) -> (later: Double, here: Double, slope: Double) {
    let step = sigma(index) - sigma(index - 1)
    let ratio = step / (sigma(index + 1) - sigma(index))
    return (ratio * ratio, 1 - ratio * ratio, -step * (1 + ratio))
  }
}
