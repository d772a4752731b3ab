import Foundation
import Networks
import Tensors

/// The stochastic process of DDPM (Ho et al. 2020): forward to any time at once, backward step by step.
public struct DDPM: Sendable {
  public let schedule: NoiseSchedule

  public init(schedule: NoiseSchedule) { self.schedule = schedule }

  /// x_t = √ᾱ_t x₀ + √(1 − ᾱ_t) w (paper eq. 1, where the second root is missing in print).
  public func perturb(_ image: Tensor, noise: Tensor, at t: Int) -> Tensor {
    let alpha = schedule.alphaCumprod(t)
    return image * alpha.squareRoot() + noise * (1 - alpha).squareRoot()
  }

  /// The same with a time per item: x₀, w [N, H, W, C].
  public func perturb(_ images: Tensor, noise: Tensor, at times: [Int]) -> Tensor {
    let shape = [times.count] + Array(repeating: 1, count: images.rank - 1)
    let alphas = times.map(schedule.alphaCumprod)
    let signal = Tensor.constant(alphas.map { $0.squareRoot() }, shape: shape, like: images)
    let spread = Tensor.constant(alphas.map { (1 - $0).squareRoot() }, shape: shape, like: images)
    return images * signal + noise * spread
  }

  /// σ_t² of the noise in a step backwards.
  public enum Variance: String, Sendable, CaseIterable {
    /// β̃_t = β_t (1 − ᾱ_{t−1})/(1 − ᾱ_t), the posterior's, at least 1e−20 ("fixedsmall").
    case small
    /// β_t ("fixedlarge").
    case large
    /// exp(f log β_t + (1 − f) log β̃_t) with f = (v + 1)/2 (Nichol & Dhariwal 2021, eq. 15): what a model that predicts
    /// v has learned.
    case learned
    /// exp(v): how the official DiffusionCLIP code reads such a model.
    case official
  }

  /// What β_t is where times are skipped.
  public enum Stride: Sendable {
    /// That of one time, as in the official code, so that it is right only for steps = t₀ + 1.
    case fullStep
    /// 1 − ᾱ_t/ᾱ', that of the step which is taken (Nichol & Dhariwal 2021, sec. 4).
    case respaced
  }

  /// Ancestral sampling from time t₀ through the same steps as DDIM's:
  /// x' = (x − β_t/√(1 − ᾱ_t) ε)/√(1 − β_t) + σ_t w, no noise at t = 0.
  ///
  /// - Parameters:
  ///   - variance: where left out, learned by a model that has learned it, else small.
  ///   - noise: w for each step, counted from 0; not asked at t = 0.
  /// - Throws: ``DiffusionError/noLearnedVariance``, and what the closures throw.
  public func generate(
    _ latent: Tensor, with model: any NoisePredictor, through steps: [Step], variance: Variance? = nil,
    stride: Stride = .fullStep, noise: (_ step: Int) throws -> Tensor,
    afterEach progress: (Int) throws -> Void = { _ in }
  ) throws -> Tensor {
    var x = latent
    for (index, step) in steps.enumerated() {
      let prediction = Gradients.off { model.predict(x, timesteps: Array(repeating: step.t, count: x.shape[0])) }
      let alpha = schedule.alphaCumprod(step.t)
      let before = schedule.alphaCumprod(stride == .fullStep ? step.t - 1 : step.next)
      let beta = stride == .fullStep ? schedule.betas[step.t] : 1 - alpha / before
      x = (x - prediction.noise * (beta / (1 - alpha).squareRoot())) * (1 / (1 - beta).squareRoot())
      if step.t > 0 {
        let posterior = max(beta * (1 - before) / (1 - alpha), 1e-20)
        let variance = variance ?? (prediction.variance == nil ? .small : .learned)
        x = x + (try scaled(noise(index), variance, beta: beta, posterior: posterior, learned: prediction.variance))
      }
      try progress(index + 1)
    }
    return x
  }

  /// σ_t w
  private func scaled(
    _ noise: Tensor, _ variance: Variance, beta: Double, posterior: Double, learned v: Tensor?
  ) throws(DiffusionError) -> Tensor {
    switch (variance, v) {
    case (.small, _): return noise * posterior.squareRoot()
    case (.large, _): return noise * beta.squareRoot()
    case (.learned, let v?):
      let (low, high) = (log(posterior), log(max(beta, 1e-20)))
      return noise * (v * ((high - low) / 4) + (high + low) / 4).exp()
    case (.official, let v?): return noise * (v * 0.5).exp()
    case (_, nil): throw .noLearnedVariance
    }
  }
}
