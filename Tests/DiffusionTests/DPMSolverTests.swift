import Diffusion
import Foundation
import Networks
import Tensors
import TestSupport
import Testing

/// DPM-Solver++(2M), its timesteps and what is done to predictions out of range, against diffusers' schedulers.
@Suite struct DPMSolverTests {
  private let oracle: OracleFixture
  private let solver = DPMSolver(schedule: .linear())
  private let mixture = GaussianMixture()

  init() throws { oracle = try OracleFixture("solver.safetensors") }

  /// The model of the threshold's tests, whose predictions leave the range of pictures.
  private func wild() throws -> SmallPredictor { try OracleFixture.diffusion().model("base", .float32) }

  private func generate(_ latent: Tensor, _ model: any NoisePredictor, _ steps: [Step]) throws -> Tensor {
    try solver.generate(latent, with: model, through: steps)
  }

  /// The states after each step.
  private func states(_ model: any NoisePredictor, _ steps: [Step]) throws -> [Tensor] {
    // What follows a state does not change it.
    try steps.indices.map { try generate(oracle["latent"], model, Array(steps.prefix($0 + 1))) }
  }

  private func expect(
    _ found: [Tensor], _ name: String, within tolerance: Double = 1e-5, location: SourceLocation = #_sourceLocation
  ) {
    let expected = oracle[name]
    #expect(found.count == expected.shape[0], sourceLocation: location)
    for (step, state) in found.enumerated() {
      let difference = TensorDifference(state, expected.narrowed(0, step..<step + 1).reshaped(state.shape))
      #expect(difference.relative <= tolerance, "\(name), step \(step + 1): \(difference)", sourceLocation: location)
    }
  }

  // MARK: Steps

  /// Both sides are in float32.
  @Test(arguments: [5, 10, 20]) func stepsWithTrailingTimesAgree(_ steps: Int) throws {
    expect(
      try states(mixture, Step.sequence(returnStep: 999, steps: steps, spacing: .trailing)), "trailing/\(steps)")
  }

  @Test(arguments: [(10, 500), (16, 999), (2, 300)]) func stepsWithOfficialTimesAgree(
    _ steps: Int, _ returnStep: Int
  ) throws {
    expect(try states(mixture, Step.sequence(returnStep: returnStep, steps: steps)), "official/\(steps),\(returnStep)")
  }

  @Test func trailingTimesAreDiffusers() {
    let counts = oracle.checkpoint.tensors.keys.compactMap { name in
      name.hasPrefix("times/") ? Int(name.dropFirst("times/".count)) : nil
    }
    #expect(counts.count == 21)
    for count in counts {
      let found = Step.sequence(returnStep: 999, steps: count, spacing: .trailing)
      #expect(found.map(\.t) == oracle["times/\(count)"].doubleValues.map { Int($0) }, "\(count) steps")
      #expect(found.map(\.next) == found.dropFirst().map(\.t) + [-1])
    }
  }

  /// Scaled to the return step: equal parts of the way from t₀ to the clean image, whose time is −1.
  @Test func trailingTimesOfAReturnStep() {
    func times(_ steps: Int, _ returnStep: Int) -> [Int] {
      Step.sequence(returnStep: returnStep, steps: steps, spacing: .trailing).map(\.t)
    }
    #expect(times(5, 499) == [499, 399, 299, 199, 99])
    #expect(times(4, 500) == [500, 375, 249, 124])
    #expect(times(1, 500) == [500])
    // More steps than times.
    #expect(times(5, 2) == [2, 1, 1, 0, 0])
    for returnStep in 1..<1000 where returnStep % 7 == 0 {
      for steps in [1, 6, 10, 40, 600] {
        let times = times(steps, returnStep)
        #expect(times.count == steps && times[0] == returnStep && times.allSatisfy { $0 >= 0 })
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 >= $1 })
      }
    }
  }

  /// Half the step, a quarter of the error, where DDIM's is halved.
  @Test func theErrorFallsWithTheSquareOfTheStep() throws {
    let latent = oracle.double("latent")
    let model = GaussianMixture()
    let ddim = DDIM(schedule: .linear())
    // Between times at which λ is about linear, so that steps in t are steps in λ.
    func steps(_ count: Int) -> [Step] {
      let times = (0...count).map { 600 - 400 * $0 / count }
      return zip(times, times.dropFirst()).map { Step(t: $0, next: $1) }
    }
    let exact = try generate(latent, model, steps(400))
    func errors(_ count: Int) throws -> (solver: Double, ddim: Double) {
      let rough = try ddim.generate(latent, with: model, through: steps(count))
      return (
        TensorDifference(try generate(latent, model, steps(count)), exact).absolute,
        TensorDifference(rough, exact).absolute
      )
    }
    let (coarse, fine) = (try errors(10), try errors(20))
    #expect(coarse.solver / fine.solver > 3, "\(coarse) and \(fine)")
    #expect((1.5...2.6).contains(coarse.ddim / fine.ddim), "\(coarse) and \(fine)")
    #expect(fine.solver < fine.ddim / 5)
  }

  @Test func eachStepThatMovesIsOneEvaluation() throws {
    let model = RecordingPredictor(mixture)
    var progress: [Int] = []
    let steps = Step.sequence(returnStep: 5, steps: 9)
    let image = solver.generate(oracle["latent"], with: model, through: steps) { progress.append($0) }
    #expect(progress == Array(1...9) && model.times == [5, 4, 3, 2, 1, 0])
    let same = try generate(oracle["latent"], mixture, Step.sequence(returnStep: 5, steps: 6))
    #expect(image.values == same.values)
  }

  // MARK: Inversion

  @Test(arguments: [5, 10, 20]) func inversionBringsThePictureBack(_ count: Int) throws {
    // As the distribution has them: near 0 the way back from noise forks.
    let drawn = oracle["latent"].narrowed(0, 0..<1)
    let image = Tensor(drawn.values.map { ($0 > 0 ? 0.6 : -0.6) + $0 / 20 }, shape: drawn.shape)
    let model = RecordingPredictor(mixture)
    let steps = Step.sequence(returnStep: 500, steps: count, spacing: .trailing)
    var told: [Double] = []
    let (latent, report) = solver.invert(
      image, with: model, through: steps, iterations: 100, tolerance: 1e-6
    ) {
      #expect($0 == told.count + 1)
      told.append($1)
    }
    #expect(report.unconverged == 0 && report.residuals.count == count, "\(report), \(told)")
    #expect(told.last == report.residuals.max() && model.times.count == report.evaluations)
    #expect(report.evaluations == 1 + count * told.count)
    let back = TensorDifference(try generate(latent, mixture, steps), image)
    #expect(back.absolute < 1e-4, "\(back)")
  }

  @Test func whatDoesNotConvergeIsReported() throws {
    let image = oracle["latent"].narrowed(0, 0..<1)
    let (latent, report) = try solver.invert(
      image, with: SteepPredictor(), through: Step.sequence(returnStep: 900, steps: 4), iterations: 5, tolerance: 1e-6)
    #expect(report.unconverged >= 1 && report.residuals.max() ?? 0 > 1e-6)
    #expect(latent.isFinite)
  }

  // MARK: Predictions out of range

  @Test(arguments: ["0.9", "0.995"]) func thresholdsAgree(_ ratio: String) throws {
    let clipping = X0Clipping.dynamic(percentile: try #require(Double(ratio)))
    oracle.expect(clipping(oracle["threshold/\(ratio)/before"]), "threshold/\(ratio)/after", within: 1e-6)
    let clipped = ClippedPredictor(try wild(), clipping, schedule: .linear())
    expect(
      try states(clipped, Step.sequence(returnStep: 999, steps: 10, spacing: .trailing)), "dynamic/\(ratio)",
      within: 2e-5)
  }

  @Test func ddimWithClampedPredictionsAgrees() throws {
    let steps = Step.sequence(returnStep: 999, steps: 10, spacing: .trailing)
    for (name, clipping) in [("clamp", X0Clipping.clamp), ("dynamic", .dynamic(percentile: 0.9))] {
      let model = ClippedPredictor(try wild(), clipping, schedule: .linear())
      let found = try steps.indices.map { count in
        try DDIM(schedule: .linear()).generate(
          oracle["latent"], with: model, through: Array(steps.prefix(count + 1)))
      }
      expect(found, "ddim/\(name)", within: 2e-5)
    }
  }

  /// DDPM's mean with a clamped x₀: √ᾱ' β/(1 − ᾱ) x₀ + √(1 − β)(1 − ᾱ')/(1 − ᾱ) x (Ho et al. 2020, eq. 7).
  @Test func ancestralStepsWithClampedPredictions() throws {
    let schedule = NoiseSchedule.linear()
    let x = oracle.double("latent")
    let model = SteepPredictor()
    let step = Step(t: 300, next: 200)
    let found = try DDPM(schedule: schedule).generate(
      x, with: ClippedPredictor(model, .clamp, schedule: schedule), through: [step], stride: .respaced,
      noise: { _ in .zeros(x.shape, type: .float64) })
    let (alpha, before) = (schedule.alphaCumprod(300), schedule.alphaCumprod(200))
    let beta = 1 - alpha / before
    let image = DDIM(schedule: schedule)
      .predictedX0(x, predictedNoise: model.predictNoise(x, at: 300), at: 300).clamped(to: -1...1)
    let expected =
      image * (before.squareRoot() * beta / (1 - alpha)) + x * ((1 - beta).squareRoot() * (1 - before) / (1 - alpha))
    let difference = TensorDifference(found, expected)
    #expect(difference.absolute < 1e-12, "\(difference)")
  }

  /// In closed form: within the range nothing changes; beyond it the percentile becomes 1, and what is above is cut.
  @Test func dynamicThresholds() {
    let within = Tensor([-1.0, -0.5, 0, 0.9], shape: [1, 1, 4, 1])
    #expect(X0Clipping.dynamic(percentile: 0.5)(within).doubleValues == [-1, -0.5, 0, 0.9])
    let beyond = Tensor([-4.0, 2, 1, -3, 0], shape: [1, 1, 5, 1])
    // The absolute values are 0, 1, 2, 3, 4: three quarters of the way to the last is 3.
    let found = X0Clipping.dynamic(percentile: 0.75)(beyond).doubleValues
    for (a, b) in zip(found, [-1, 2.0 / 3, 1.0 / 3, -1, 0]) { #expect(abs(a - b) < 1e-15) }
    #expect(X0Clipping.clamp(beyond).doubleValues == [-1, 1, 1, -1, 0])
    // Each picture by itself.
    let both = X0Clipping.dynamic(percentile: 0.5)(.concatenated([beyond, beyond * 0.1], axis: 0))
    #expect(Array(both.doubleValues.suffix(5)) == (beyond * 0.1).doubleValues)
    #expect(X0Clipping.dynamic(percentile: 1)(beyond).doubleValues == beyond.doubleValues.map { $0 / 4 })
  }
}

/// The noise expected in x where every value of a picture is 0.6 or −0.6, with a deviation of 0.2: what a network that has
/// learned that distribution would predict, in closed form.
struct GaussianMixture: NoisePredictor {
  private let schedule = NoiseSchedule.linear()

  func predict(_ x: Tensor, timesteps: [Int]) -> NoisePrediction {
    let (mean, variance, alpha) = (0.6, 0.04, schedule.alphaCumprod(timesteps[0]))
    let spread = alpha * variance + 1 - alpha
    let middle = (x * (alpha.squareRoot() * mean / spread)).tanh() * mean
    let image = (x * (alpha.squareRoot() * variance) + middle * (1 - alpha)) * (1 / spread)
    return NoisePrediction(noise: (x - image * alpha.squareRoot()) * (1 / (1 - alpha).squareRoot()))
  }
}

/// ε = 50 x
private struct SteepPredictor: NoisePredictor {
  func predict(_ x: Tensor, timesteps: [Int]) -> NoisePrediction { NoisePrediction(noise: x * 50) }
}
