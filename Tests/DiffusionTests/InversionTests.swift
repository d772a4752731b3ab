import Diffusion
import Networks
import Tensors
import TestSupport
import Testing

/// The ways of inversion that give the picture back.
@Suite struct InversionTests {
  private let oracle: OracleFixture
  private let ddim = DDIM(schedule: .linear())

  init() throws { oracle = try OracleFixture("options.safetensors") }

  // MARK: Fixed points

  private func fixedPoint(_ iterations: Int, _ tolerance: Double = 0) -> FixedPointInversion {
    FixedPointInversion(ddim: ddim, iterations: iterations, tolerance: tolerance)
  }

  @Test func fixedPointsAgree() throws {
    let model = oracle.model("base")
    let (latent, report) = try fixedPoint(60, 1e-14).invert(
      oracle.double("image"), with: model, through: Step.sequence(returnStep: 300, steps: 7))
    oracle.expect(latent, "fixed-point", within: stored)
    let image = try ddim.generate(latent, with: model, through: Step.sequence(returnStep: 300, steps: 7))
    oracle.expect(image, "fixed-point/back", within: stored)
    let difference = TensorDifference(image, oracle.double("image"))
    #expect(difference.absolute < 1e-12, "\(difference)")
    #expect(report.residuals.count == 7 && report.unconverged == 0 && report.evaluations < 7 * 60)
    // One evaluation more than the three iterations that the oracle made, of whose last the residual is not known.
    let (early, _) = try fixedPoint(4).invert(
      oracle.double("image"), with: model, through: Step.sequence(returnStep: 300, steps: 7))
    oracle.expect(early, "fixed-point/3", within: stored)
  }

  /// In float32: it stops at the tolerance, which bounds what is left, and goes through the steps of generation.
  @Test func fixedPointsBringThePictureBack() throws {
    let model = RecordingPredictor(oracle.model("base", .float32))
    let image = oracle["image"]
    var told: [Double] = []
    let (latent, report) = fixedPoint(30, 1e-6).invert(
      image, with: model, through: Step.sequence(returnStep: 500, steps: 5)
    ) {
      #expect($0 == told.count + 1)
      told.append($1)
    }
    #expect(told == report.residuals && told.allSatisfy { $0 <= 1e-6 } && report.unconverged == 0)
    #expect(model.times.count == report.evaluations && report.evaluations < 5 * 30)
    var visited = model.times
    visited = zip([-1] + visited, visited).filter { $0 != $1 }.map(\.1)
    #expect(visited == [0, 125, 250, 375, 500])
    let back = try TensorDifference(
      ddim.generate(latent, with: model, through: Step.sequence(returnStep: 500, steps: 5)), image)
    #expect(back.absolute < 2e-5, "\(back)")
    let plain = try ddim.invert(image, with: model, through: Step.sequence(returnStep: 500, steps: 5))
    let before = try TensorDifference(
      ddim.generate(plain, with: model, through: Step.sequence(returnStep: 500, steps: 5)), image)
    #expect(before.absolute > 1000 * back.absolute, "\(before) by plain DDIM")
  }

  @Test func whatDoesNotConvergeIsReported() throws {
    // A step's own slope is −b/a times the network's: this network has too steep a slope to have a fixed point found.
    let steep = LinearPredictor(slope: 50)
    let image = oracle["image"]
    let (latent, report) = try fixedPoint(6, 1e-6).invert(
      image, with: steep, through: Step.sequence(returnStep: 900, steps: 3))
    #expect(report.unconverged >= 1 && report.evaluations >= 6)
    #expect(report.residuals.max() ?? 0 > 1e-6)
    #expect(latent.values.allSatisfy { $0.isFinite })
  }

  // MARK: Coupled states

  @Test func coupledTrajectoriesAgree() throws {
    let model = oracle.model("base")
    let trajectory = try CoupledTrajectory(schedule: .linear(), steps: Step.sequence(returnStep: 300, steps: 7))
    let states = try trajectory.invert(oracle.double("image"), with: model)
    oracle.expect(states.latent, "belm/latent", within: stored)
    oracle.expect(states.second, "belm/second", within: stored)
    let image = try trajectory.generate(
      .init(latent: oracle.double("latent"), second: oracle.double("second")), with: model)
    oracle.expect(image, "belm/generate", within: stored)
  }

  @Test(arguments: [(2, 300), (7, 300), (40, 500), (200, 600)])
  func coupledTrajectoriesBringThePictureBack(_ steps: Int, _ returnStep: Int) throws {
    let model = RecordingPredictor(oracle.model("base", .float32))
    let image = oracle["image"]
    let trajectory = try CoupledTrajectory(
      schedule: .linear(), steps: Step.sequence(returnStep: returnStep, steps: steps))
    var progress: [Int] = []
    let states = trajectory.invert(image, with: model) { progress.append($0) }
    #expect(progress == Array(1...steps) && model.times.count == steps)
    progress = []
    let back = TensorDifference(trajectory.generate(states, with: model) { progress.append($0) }, image)
    // Rounding errors of float32, which inversion magnifies.
    #expect(back.absolute < 1e-5, "\(back)")
    #expect(progress == Array(1..<steps) && model.times.count == 2 * steps - 1)
  }

  @Test func coupledTrajectoriesNeedDistinctTimes() {
    #expect(throws: DiffusionError.repeatedTimes(steps: 12, returnStep: 5)) {
      try CoupledTrajectory(schedule: .linear(), steps: Step.sequence(returnStep: 5, steps: 12))
    }
    #expect(throws: DiffusionError.self) {
      try CoupledTrajectory(schedule: .linear(), steps: Step.sequence(returnStep: 5, steps: 1))
    }
  }

  // MARK: Kept noise

  @Test func stochasticInversionAgrees() throws {
    let model = oracle.model("base", .float32)
    let inversion = StochasticInversion(ddim: ddim, steps: Step.sequence(returnStep: 300, steps: 7))
    var random = RandomSource(seed: 24)
    let image = oracle["image"]
    let (latent, additions) = try inversion.invert(image, with: model, noise: { _ in random.normal(image.shape) })
    oracle.expect(latent, "edit-friendly/latent", within: single)
    #expect(additions.count == 7 && random.position == UInt64(7 * image.count))
    for (step, addition) in additions.enumerated() {
      oracle.expect(addition, "edit-friendly/\(step)", within: single)
    }
  }

  @Test func stochasticInversionBringsThePictureBack() throws {
    let image = oracle["image"]
    var random = RandomSource(seed: 3)
    for (steps, returnStep) in [(1, 300), (7, 300), (40, 500), (12, 5)] {
      let model = RecordingPredictor(oracle.model("base", .float32))
      let inversion = StochasticInversion(ddim: ddim, steps: Step.sequence(returnStep: returnStep, steps: steps))
      let (latent, additions) = try inversion.invert(image, with: model, noise: { _ in random.normal(image.shape) })
      let generated = try inversion.generate(latent, adding: additions, with: model)
      // One rounding, that of the last sum.
      let back = TensorDifference(generated, image)
      #expect(back.absolute < 1e-6, "\(back)")
      #expect(model.times.count == 2 * steps)
      // Another model does not bring it back.
      let other = try inversion.generate(latent, adding: additions, with: LinearPredictor(slope: 0.5))
      #expect(TensorDifference(other, image).absolute > 1e-3)
    }
  }
}

/// ε = slope · x
private struct LinearPredictor: NoisePredictor {
  let slope: Double
  func predict(_ x: Tensor, timesteps: [Int]) -> NoisePrediction { NoisePrediction(noise: x * slope) }
}
