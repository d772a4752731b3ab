import Networks
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

    public init(latent: Tensor, second: Tensor) {
      self.latent = latent
      self.second = second
    }
  }

  private let schedule: NoiseSchedule
  private let steps: [Step]

  /// - Throws: ``DiffusionError/repeatedTimes(steps:returnStep:)``.
  public init(schedule: NoiseSchedule, steps: [Step]) throws(DiffusionError) {
    guard steps.count > 1, steps.allSatisfy({ $0.next < $0.t }) else {
      throw .repeatedTimes(steps: steps.count, returnStep: steps.first?.t ?? 0)
    }
    self.schedule = schedule
    self.steps = steps
  }

  /// The last two states of an image [N, H, W, C], by as many evaluations as there are steps. The first step, which has
  /// no other before it, is DDIM's.
  public func invert(
    _ image: Tensor, with model: any NoisePredictor, afterEach progress: (Int) throws -> Void = { _ in }
  ) rethrows -> States {
    let first = steps[steps.count - 1].reversed
    let epsilon = Gradients.off { model.predictNoise(image, at: first.next) }
    var earlier = image
    var x = scaled(image, by: first) + epsilon * (sigma(first.next) * signal(first.next))
    try progress(1)
    for (index, times) in times.reversed().enumerated() {
      let epsilon = Gradients.off { model.predictNoise(x, at: times.here) }
      let weights = weights(times)
      let next =
        scaled(earlier, by: Step(t: times.earlier, next: times.later)) * (1 / weights.later)
        - scaled(x, by: Step(t: times.here, next: times.later)) * (weights.here / weights.later)
        - epsilon * (weights.slope * signal(times.later) / weights.later)
      earlier = x
      x = next
      try progress(index + 2)
    }
    return States(latent: x, second: earlier)
  }

  /// The image from the two states, by one evaluation fewer than there are steps.
  public func generate(
    _ states: States, with model: any NoisePredictor, afterEach progress: (Int) throws -> Void = { _ in }
  ) rethrows -> Tensor {
    var (later, x) = (states.latent, states.second)
    for (index, times) in times.enumerated() {
      let epsilon = Gradients.off { model.predictNoise(x, at: times.here) }
      let weights = weights(times)
      let next =
        scaled(later, by: Step(t: times.later, next: times.earlier)) * weights.later
        + scaled(x, by: Step(t: times.here, next: times.earlier)) * weights.here
        + epsilon * (weights.slope * signal(times.earlier))
      later = x
      x = next
      try progress(index + 1)
    }
    return x
  }

  /// Three neighboring times n > i > p.
  private typealias Times = (later: Int, here: Int, earlier: Int)

  /// Those of every two neighboring steps, the latest first.
  private var times: [Times] { zip(steps, steps.dropFirst()).map { ($0.t, $1.t, $1.next) } }

  /// √ᾱ
  private func signal(_ t: Int) -> Double { schedule.alphaCumprod(t).squareRoot() }

  /// σ̄
  private func sigma(_ t: Int) -> Double {
    let alpha = schedule.alphaCumprod(t)
    return ((1 - alpha) / alpha).squareRoot()
  }

  /// x of one time with the signal that it has at another.
  private func scaled(_ x: Tensor, by step: Step) -> Tensor { x * (signal(step.next) / signal(step.t)) }

  /// Of x̄_n, of x̄_i and of ε in x̄_p.
  private func weights(_ times: Times) -> (later: Double, here: Double, slope: Double) {
    let step = sigma(times.here) - sigma(times.earlier)
    let ratio = step / (sigma(times.later) - sigma(times.here))
    return (ratio * ratio, 1 - ratio * ratio, -step * (1 + ratio))
  }
}
