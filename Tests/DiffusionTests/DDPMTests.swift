import Diffusion
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct DDPMTests {
  private let oracle: OracleFixture
  private let ddpm = DDPM(schedule: .linear())

  init() throws { oracle = try OracleFixture.diffusion() }

  @Test func perturbationsAgree() {
    let found = ddpm.perturb(oracle.double("image"), noise: oracle.double("noise"), at: 500)
    oracle.expect(found, "perturb/500", within: stored)
    oracle.expect(
      ddpm.perturb(oracle["image"], noise: oracle["noise"], at: [0, 999]), "perturb/0,999", within: 2 * stored)
  }

  /// Through every time, and with times left out, where the official code's full step is kept.
  @Test(arguments: [("ancestral", 5, 6), ("ancestral-strided", 300, 4)])
  func ancestralSamplingAgrees(_ name: String, _ returnStep: Int, _ steps: Int) throws {
    var random = RandomSource(seed: 12)
    var progress: [Int] = []
    let model = RecordingPredictor(oracle.model("base", .float32))
    let image = try ddpm.generate(
      oracle["latent"], with: model, through: Step.sequence(returnStep: returnStep, steps: steps),
      noise: { _ in random.normal([2, 5, 4, 3]) }, afterEach: { progress.append($0) })
    oracle.expect(image, name, within: single)
    #expect(model.times.count == steps && progress == Array(1...steps))
    // No noise at the end.
    #expect(random.position == UInt64((steps - 1) * image.count))
  }

  /// Each variance, through every time; with times left out, as the official code has it and with each step's own β.
  @Test(arguments: DDPM.Variance.allCases)
  func variancesAgree(_ variance: DDPM.Variance) throws {
    let options = try OracleFixture("options.safetensors")
    let model = LearnedVariance(options.model("learned", .float32))
    let cases: [(name: String, seed: UInt64, returnStep: Int, steps: Int, stride: DDPM.Stride)] = [
      ("ancestral", 21, 5, 6, .fullStep), ("strided", 22, 300, 4, .fullStep), ("respaced", 23, 300, 4, .respaced),
    ]
    for (name, seed, returnStep, steps, stride) in cases {
      func generate(_ variance: DDPM.Variance?) throws -> Tensor {
        var random = RandomSource(seed: seed)
        return try ddpm.generate(
          options["latent"], with: model, through: Step.sequence(returnStep: returnStep, steps: steps),
          variance: variance, stride: stride,
          noise: { _ in random.normal([2, 5, 4, 3]) })
      }
      let image = try generate(variance)
      // Read as a logarithm, v makes numbers grow from step to step, and their errors with them.
      options.expect(image, "\(name)/\(variance)", within: variance == .official ? 5 * single : single)
      // Where nothing is said, a model that has learned the variance is believed.
      #expect(try (generate(nil).values == image.values) == (variance == .learned))
    }
  }

  @Test(arguments: [DDPM.Variance.learned, .official])
  func aVarianceThatIsNotLearnedIsNone(_ variance: DDPM.Variance) {
    #expect(throws: DiffusionError.noLearnedVariance) {
      try ddpm.generate(
        oracle["latent"], with: oracle.model("base", .float32), through: Step.sequence(returnStep: 300, steps: 4),
        variance: variance,
        noise: { _ in oracle["noise"] })
    }
  }

  /// DDIM with η = 1 and ancestral sampling with each step's own posterior are one process.
  @Test func respacedIsDDIM() throws {
    let (latent, model) = (oracle.double("latent"), oracle.model("base"))
    let noise = oracle.double("noise")
    let image = try ddpm.generate(
      latent, with: model, through: Step.sequence(returnStep: 300, steps: 5), stride: .respaced,
      noise: { noise * Double($0) })
    let other = try DDIM(schedule: .linear()).generate(
      latent, with: model, through: Step.sequence(returnStep: 300, steps: 5), eta: 1, noise: { noise * Double($0) })
    let difference = TensorDifference(image, other)
    #expect(difference.relative < 1e-12, "\(difference)")
  }

  @Test func learnedVariancesAreMixed() {
    let (x, v) = (oracle["latent"], oracle["noise"])
    let mixture = MixedPredictor(segments: [
      .init(from: 0, weights: [(Told(noise: x, variance: v), 0.25), (Told(noise: v, variance: x), 0.75)])
    ])
    let mixed = mixture.predict(x, timesteps: [40, 40])
    #expect(mixed.noise.values == (x * 0.25 + v * 0.75).values)
    #expect(mixed.variance?.values == (v * 0.25 + x * 0.75).values)
    let half = MixedPredictor(segments: [
      .init(from: 0, weights: [(Told(noise: x, variance: v), 0.25), (Told(noise: v, variance: nil), 0.75)])
    ])
    #expect(half.predict(x, timesteps: [40, 40]).variance == nil)
  }

  @Test func trainingLossAgrees() {
    var random = RandomSource(seed: 13)
    let model = oracle.model("base", .float32)
    let loss = DenoisingLoss(process: ddpm, weighting: .uniform)(oracle["image"], with: model, random: &random)
    oracle.expect(loss, "training-loss", within: single)
    loss.backward()
    #expect(model.parameters.allSatisfy { $0.gradient != nil })
  }

  /// With weights of 1/ᾱ the loss is that of the velocity √ᾱ ε − √(1 − ᾱ) x₀ which the prediction stands for.
  @Test func weightedLossIsThatOfVelocity() {
    let shape = [1, 2, 2, 1]
    let (image, noise) = (Tensor([0.5, -0.25, 1, -1] as [Float], shape: shape), Tensor.zeros(shape))
    let model = Told(noise: noise, variance: nil)
    for seed in 0..<8 as Range<UInt64> {
      var (first, second, third) = (RandomSource(seed: seed), RandomSource(seed: seed), RandomSource(seed: seed))
      let t = Int(first.uniform() * 1000)
      let drawn = first.normal(shape)
      let alpha = ddpm.schedule.alphaCumprod(t)
      let state = ddpm.perturb(image, noise: drawn, at: t)
      let predicted = DDIM(schedule: ddpm.schedule).predictedX0(state, predictedNoise: noise, at: t)
      let velocities = [(drawn, image), (noise, predicted)]
        .map { noise, image in noise * alpha.squareRoot() - image * (1 - alpha).squareRoot() }
      let expected = (velocities[1] - velocities[0]).square().mean().item
      let loss = DenoisingLoss(process: ddpm, weighting: .velocity)(image, with: model, random: &second).item
      let plain = DenoisingLoss(process: ddpm, weighting: .uniform)(image, with: model, random: &third).item
      if 1 / alpha < DenoisingLoss.largestWeight {
        #expect(abs(loss - expected) < 1e-5 * expected)
      } else {
        #expect(loss < expected && abs(loss - DenoisingLoss.largestWeight * plain) < 1e-5 * loss)
      }
    }
  }
}

/// A model that always says the same.
private struct Told: NoisePredictor {
  let noise: Tensor
  let variance: Tensor?
  func predict(_ x: Tensor, timesteps: [Int]) -> NoisePrediction { NoisePrediction(noise: noise, variance: variance) }
}
