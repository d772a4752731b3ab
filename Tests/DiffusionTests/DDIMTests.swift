import Diffusion
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct DDIMTests {
  private let oracle: OracleFixture
  private let ddim = DDIM(schedule: .linear())

  init() throws { oracle = try OracleFixture.diffusion() }

  private func generate(_ latent: Tensor, _ model: any NoisePredictor, returnStep: Int, steps: Int) throws -> Tensor {
    try ddim.generate(latent, with: model, through: Step.sequence(returnStep: returnStep, steps: steps))
  }

  @Test func stepsAgree() {
    let (x, noise, drawn) = (oracle.double("latent"), oracle.double("noise"), oracle.double("drawn_noise"))
    for (t, next) in [(500, 461), (12, 25), (0, -1)] {
      oracle.expect(
        ddim.step(x, predictedNoise: noise, by: Step(t: t, next: next)), "step/\(t),\(next),0.0", within: stored)
    }
    // (0, −1) ends a stochastic trajectory; (29, 29) occurs where there are more steps than times.
    for (t, next, eta) in [(500, 461, 0.5), (249, 200, 1.0), (12, 0, 0.5), (0, -1, 0.5), (29, 29, 0.5)] {
      let found = ddim.step(x, predictedNoise: noise, by: Step(t: t, next: next), eta: eta, noise: drawn)
      oracle.expect(found, "step/\(t),\(next),\(eta)", within: stored)
    }
    for t in [500, 249, 29, 12, 0] {
      oracle.expect(ddim.predictedX0(x, predictedNoise: noise, at: t), "predicted_x0/\(t)", within: stored)
    }
  }

  @Test func trajectoriesAgree() throws {
    let model = oracle.model("base")
    let latent = try ddim.invert(oracle.double("image"), with: model, through: Step.sequence(returnStep: 300, steps: 7))
    oracle.expect(latent, "invert", within: stored)
    oracle.expect(try generate(oracle.double("latent"), model, returnStep: 300, steps: 7), "generate", within: stored)
  }

  /// Of a network that has learned the variance too, DDIM uses the noise alone.
  @Test func trajectoriesOfALearnedVarianceAgree() throws {
    let options = try OracleFixture("options.safetensors")
    let model = LearnedVariance(options.model("learned"))
    let latent = try ddim.invert(
      options.double("image"), with: model, through: Step.sequence(returnStep: 300, steps: 7))
    options.expect(latent, "learned/invert", within: stored)
    let image = try generate(options.double("latent"), model, returnStep: 300, steps: 7)
    options.expect(image, "learned/generate", within: stored)
  }

  @Test func trajectoriesAgreeWithTheOfficialCode() throws {
    let model = oracle.model("base", .float32)
    let latent = try ddim.invert(oracle["image"], with: model, through: Step.sequence(returnStep: 500, steps: 40))
    // Both sides are in float32, over forty steps.
    oracle.expect(latent, "official/invert", within: 2e-5)
    oracle.expect(try generate(oracle["latent"], model, returnStep: 500, steps: 40), "official/generate", within: 2e-5)
  }

  @Test func stochasticTrajectoryAgrees() throws {
    var random = RandomSource(seed: 11)
    let image = try ddim.generate(
      oracle["latent"], with: oracle.model("base", .float32), through: Step.sequence(returnStep: 300, steps: 7),
      eta: 0.5,
      noise: { _ in random.normal([2, 5, 4, 3]) })
    oracle.expect(image, "stochastic", within: single)
    // Noise is drawn at every step, also at the last, where its share is 0.
    #expect(random.position == UInt64(7 * image.count))
  }

  @Test func evaluatesAtTheSourceOfEachStep() throws {
    let model = RecordingPredictor(oracle.model("base"))
    var progress: [Int] = []
    _ = ddim.invert(oracle.double("image"), with: model, through: Step.sequence(returnStep: 300, steps: 4)) {
      progress.append($0)
    }
    #expect(model.times == [0, 100, 200])
    #expect(progress == [1, 2, 3])
    let other = RecordingPredictor(oracle.model("base"))
    _ = try generate(oracle.double("latent"), other, returnStep: 300, steps: 4)
    #expect(other.times == [300, 200, 100, 0])
    let sequence = Step.sequence(returnStep: 300, steps: 4)
    #expect(sequence.map(\.t) == [300, 200, 100, 0] && sequence.map(\.next) == [200, 100, 0, -1])
  }

  @Test func moreStepsThanTimesStandStillAtSome() throws {
    let latent = oracle["latent"]
    let model = oracle.model("base", .float32)
    let expected = try generate(latent, model, returnStep: 5, steps: 6)
    let difference = try TensorDifference(generate(latent, model, returnStep: 5, steps: 11), expected)
    #expect(difference.relative < single, "\(difference)")
    var random = RandomSource(seed: 1)
    let noisy = try ddim.generate(
      latent, with: model, through: Step.sequence(returnStep: 5, steps: 11), eta: 1,
      noise: { _ in random.normal(latent.shape) })
    #expect(noisy.values.allSatisfy { $0.isFinite })
  }

  /// Inversion and generation with the same many steps: what is left is the asymmetry of a first and a last step.
  @Test func inversionIsUndoneByGeneration() throws {
    let model = oracle.model("base")
    let image = oracle.double("image")
    func error(_ steps: Int) throws -> Double {
      let latent = try ddim.invert(image, with: model, through: Step.sequence(returnStep: 500, steps: steps))
      return try TensorDifference(generate(latent, model, returnStep: 500, steps: steps), image).absolute
    }
    let (coarse, fine) = (try error(20), try error(200))
    #expect(fine < coarse && fine < 0.05, "\(coarse) with 20 steps, \(fine) with 200")
  }
}
