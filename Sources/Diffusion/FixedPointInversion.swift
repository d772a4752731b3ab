import Foundation
import Networks
import Tensors

/// How an inversion that solves for steps of a generation went.
public struct InversionReport: Sendable {
  public internal(set) var evaluations = 0
  /// The root mean square by which each step misses the state that it must lead to, in the order of inversion.
  public internal(set) var residuals: [Double] = []
  /// Steps whose residual is still above the tolerance.
  public internal(set) var unconverged = 0
}

/// Inversion of the very steps by which a latent is generated from, the last one to the clean image included.
///
/// A step from x at t to y at t' is y = a x + b ε(x, t). DDIM inversion takes ε at (y, t') instead; here x is the fixed
/// point of x = (y − b ε(x, t))/a (Pan et al. 2023, "Effective real image editing with accelerated iterative diffusion
/// inversion"), so that DDIM brings the picture back but for what is left of each step's residual, whichever model it
/// is that samples afterwards.
public struct FixedPointInversion: Sendable {
  public let ddim: DDIM
  /// Network evaluations per step, at most.
  public let iterations: Int
  /// The residual, as a root mean square over the elements of a picture in [−1, 1], at which a step is done.
  public let tolerance: Double

  public init(ddim: DDIM, iterations: Int, tolerance: Double) {
    precondition(iterations > 0)
    self.ddim = ddim
    self.iterations = iterations
    self.tolerance = tolerance
  }

  /// The latent x_{t₀} of an image [N, H, W, C] for a generation through `steps`.
  /// - Parameter progress: told the steps done and the last one's residual.
  public func invert(
    _ image: Tensor, with model: any NoisePredictor, through steps: [Step],
    afterEach progress: (_ step: Int, _ residual: Double) throws -> Void = { _, _ in }
  ) rethrows -> (latent: Tensor, report: InversionReport) {
    var report = InversionReport()
    var x = image
    for step in steps.reversed() {
      let (solution, residual) = solve(x, step, model, &report)
      x = solution
      report.residuals.append(residual)
      if !(residual <= tolerance) { report.unconverged += 1 }
      try progress(report.residuals.count, residual)
    }
    return (x, report)
  }

  /// The x that the step brings to y: of all iterates, the one with the smallest residual.
  private func solve(
    _ y: Tensor, _ step: Step, _ model: any NoisePredictor, _ report: inout InversionReport
  ) -> (Tensor, Double) {
    let (scale, shift) = ddim.coefficients(of: step)
    var (x, best, least) = (y, y, Double.infinity)
    for _ in 0..<iterations {
      let epsilon = Gradients.off { model.predictNoise(x, at: step.t) }
      report.evaluations += 1
      let image = (y - epsilon * shift) * (1 / scale)
      let residual = scale * (x - image).square().mean().item.squareRoot()
      guard residual.isFinite else {
        // Nothing better is to be had from here; where nothing was, what comes out is as bad as it is.
        if least == .infinity { (best, least) = (image, residual) }
        break
      }
      if residual < least { (best, least) = (x, residual) }
      if residual <= tolerance { break }
      x = image
    }
    return (best, least)
  }
}
