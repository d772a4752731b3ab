import Foundation
import Networks
import Tensors

/// DPM-Solver++(2M) (Lu et al. 2022, "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models",
/// algorithm 2): a deterministic generation whose error falls with the square of the step, where DDIM's falls with the
/// step.
///
/// With α = √ᾱ, σ = √(1 − ᾱ), λ = log(α/σ) and the predicted x₀ D, a step from t to t' is, for h = λ' − λ and the step h₋
/// before it,
///
///     x' = (σ'/σ) x + α'(1 − e^(−h)) (D + h/(2 h₋) (D − D₋))
///
/// where D₋ is what was predicted at the step before. The first step has none before it, and the step to the clean image
/// has no finite h: both are without the second term, which makes them DDIM's. The last one is the predicted x₀.
public struct DPMSolver: Sendable {
  private let ddim: DDIM
  private var schedule: NoiseSchedule { ddim.schedule }

  public init(schedule: NoiseSchedule) { ddim = DDIM(schedule: schedule) }

  /// The image from a latent [N, H, W, C] at time t₀, by one evaluation for each step that moves.
  public func generate(
    _ latent: Tensor, with model: any NoisePredictor, through steps: [Step],
    afterEach progress: (Int) throws -> Void = { _ in }
  ) rethrows -> Tensor {
    var (x, before) = (latent, Past?.none)
    for (index, step) in steps.enumerated() {
      // Where there are more steps than times some stand still.
      if step.next < step.t {
        let epsilon = Gradients.off { model.predictNoise(x, at: step.t) }
        let predicted = ddim.predictedX0(x, predictedNoise: epsilon, at: step.t)
        x = next(x, predicted, step, before)
        before = Past(step: step, predictedX0: predicted)
      }
      try progress(index + 1)
    }
    return x
  }

  /// The step before the present one, and the x₀ predicted there.
  private struct Past {
    let step: Step
    let predictedX0: Tensor
  }

  private func next(_ x: Tensor, _ predicted: Tensor, _ step: Step, _ before: Past?) -> Tensor {
    let (alpha, target) = (schedule.alphaCumprod(step.t), schedule.alphaCumprod(step.next))
    let scale = ((1 - target) / (1 - alpha)).squareRoot()
    // α'(1 − e^(−h)), since e^(−h) = α σ'/(σ α').
    let share = target.squareRoot() - alpha.squareRoot() * scale
    let image = correction(step, before?.step).map { ratio in
      before.map { predicted * (1 + ratio) - $0.predictedX0 * ratio } ?? predicted
    }
    return x * scale + (image ?? predicted) * share
  }

  /// h/(2 h₋); nil where the step is of first order.
  private func correction(_ step: Step, _ before: Step?) -> Double? {
    guard let before, step.next >= 0 else { return nil }
    let (h, earlier) = (lambda(step.next) - lambda(step.t), lambda(before.next) - lambda(before.t))
    return h / (2 * earlier)
  }

  /// λ of a time that is not that of the clean image.
  private func lambda(_ t: Int) -> Double {
    let alpha = schedule.alphaCumprod(t)
    return log(alpha / (1 - alpha)) / 2
  }
}

// MARK: Inversion

extension DPMSolver {
  /// The latent that ``generate(_:with:through:afterEach:)`` turns into an image [1, H, W, C], by solving for all of its
  /// states (cf. Hong et al. 2024, "On exact inversion of DPM-Solvers", which solves for one after the other with what
  /// was predicted before it guessed).
  ///
  /// A step needs what is predicted at the step before it, which an inversion reaches later. So DDIM's inversion is where
  /// it begins, and each sweep from the image upwards takes every state to x + (y − ŷ)/s: y is the state that it must lead
  /// to, ŷ the one that it leads to with the predictions as they are, s = √(ᾱ'/ᾱ). At a fixed point every ŷ is y. This is
  /// the iteration of ``FixedPointInversion`` with the term of second order taken from the sweep before.
  ///
  /// - Parameters:
  ///   - iterations: network evaluations for each step, at most; two are for the beginning.
  ///   - tolerance: the root mean square of y − ŷ at which it is done, where that is so for every step.
  ///   - progress: told the sweeps done and the largest residual.
  public func invert(
    _ image: Tensor, with model: any NoisePredictor, through steps: [Step], iterations: Int, tolerance: Double,
    afterEach progress: (_ sweep: Int, _ residual: Double) throws -> Void = { _, _ in }
  ) rethrows -> (latent: Tensor, report: InversionReport) {
    var states = States(image, steps: steps.filter { $0.next < $0.t })
    var report = InversionReport()
    begin(&states, model, &report)
    var (best, least, sweep) = (states.latent, [Double](), 1)
    while true {
      let residuals = Tensor.items(of: states.steps.indices.map { misses(states, $0).square().mean() })
        .map { $0.squareRoot() }
      let (worst, known) = (residuals.max() ?? 0, least.max() ?? .infinity)
      if least.isEmpty || worst < known { (best, least) = (states.latent, residuals) }
      try progress(sweep, worst)
      // Nothing better is to be had from where it is not finite.
      guard worst.isFinite, worst > tolerance, sweep < iterations else { break }
      for index in states.steps.indices.reversed() {
        let scale = ddim.coefficients(of: states.steps[index]).scale
        states.x[index] = states.x[index] + misses(states, index) * (1 / scale)
        predict(index, &states, model, &report)
      }
      sweep += 1
    }
    report.residuals = least.reversed()
    report.unconverged = least.count { !($0 <= tolerance) }
    return (best, report)
  }

  /// What a generation goes through: the state at each step, what is predicted there, and the image at the end.
  private struct States {
    let image: Tensor
    let steps: [Step]
    var x: [Tensor]
    var predictedX0: [Tensor]
    var epsilon: [Tensor]
    /// The state of time t₀.
    var latent: Tensor { x.first ?? image }

    init(_ image: Tensor, steps: [Step]) {
      self.image = image
      self.steps = steps
      x = Array(repeating: image, count: steps.count)
      predictedX0 = x
      epsilon = x
    }

    /// The state that a step leads to.
    func end(of index: Int) -> Tensor { index + 1 < x.count ? x[index + 1] : image }
  }

  /// By how much a step misses the state that it must lead to.
  private func misses(_ states: States, _ index: Int) -> Tensor {
    let before = index > 0 ? Past(step: states.steps[index - 1], predictedX0: states.predictedX0[index - 1]) : nil
    return states.end(of: index) - next(states.x[index], states.predictedX0[index], states.steps[index], before)
  }

  private func predict(
    _ index: Int, _ states: inout States, _ model: any NoisePredictor, _ report: inout InversionReport
  ) {
    let (x, t) = (states.x[index], states.steps[index].t)
    let epsilon = Gradients.off { model.predictNoise(x, at: t) }
    report.evaluations += 1
    states.epsilon[index] = epsilon
    states.predictedX0[index] = ddim.predictedX0(x, predictedNoise: epsilon, at: t)
  }

  /// The states of DDIM's inversion, with what is predicted at each.
  private func begin(_ states: inout States, _ model: any NoisePredictor, _ report: inout InversionReport) {
    for index in states.steps.indices.reversed() {
      let step = states.steps[index]
      if index + 1 == states.steps.count { predict(index, &states, model, &report) }
      let epsilon = states.epsilon[min(index + 1, states.steps.count - 1)]
      let (scale, shift) = ddim.coefficients(of: step)
      states.x[index] = (states.end(of: index) - epsilon * shift) * (1 / scale)
      predict(index, &states, model, &report)
    }
  }
}
