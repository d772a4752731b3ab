import Diffusion
import Networks
import Tensors
import TestSupport
import Testing

/// Generation that an objective steers.
@Suite struct GuidanceTests {
  private let oracle: OracleFixture
  private let ddim = DDIM(schedule: .linear())
  private let model = GaussianMixture()

  init() throws { oracle = try OracleFixture("solver.safetensors") }

  /// The mean square distance to a value, and a term that looks at the original.
  private static func objective(_ generated: Tensor, _ original: Tensor, _ seen: Tensor, _ draw: Int = 0) -> LossValue {
    let total = (generated - 0.3).square().mean() + (generated * original).tanh().sum() * 0.01
    return LossValue(total: total)
  }

  private func generate(
    _ latent: Tensor, _ steps: [Step], stepSize: Double = 0.05, rounds: Int = 1, until: Int = 0,
    with model: (any NoisePredictor)? = nil, objective: @escaping Objective = objective
  ) throws -> Tensor {
    let settings = Guidance.Settings(stepSize: stepSize, rounds: rounds, until: until)
    return try Guidance(ddim: ddim, settings: settings).generate(
      latent, from: latent.tanh(), following: Array(repeating: objective, count: latent.shape[0]),
      with: model ?? self.model, through: steps)
  }

  /// One step, moved by hand along the slope of the objective that finite differences find.
  @Test func aPredictionMovesAgainstTheSlope() throws {
    let x = oracle.double("latent").narrowed(0, 0..<1)
    let step = Step(t: 400, next: 300)
    let epsilon = model.predictNoise(x, at: step.t)
    let predicted = ddim.predictedX0(x, predictedNoise: epsilon, at: step.t)
    let image = x.tanh()
    let values = predicted.doubleValues
    let slope = values.indices.map { place -> Double in
      func height(_ change: Double) -> Double {
        var moved = values
        moved[place] += change
        let picture = Tensor(moved, shape: x.shape)
        return Self.objective(picture, image, picture).total.item
      }
      return (height(1e-5) - height(-1e-5)) / 2e-5
    }
    let size = (slope.reduce(0) { $0 + $1 * $1 } / Double(slope.count)).squareRoot()
    let moved = predicted - Tensor(slope, shape: x.shape) * (0.05 / size)
    let alpha = ddim.schedule.alphaCumprod(step.next)
    let expected = moved * alpha.squareRoot() + epsilon * (1 - alpha).squareRoot()
    let difference = TensorDifference(try generate(x, [step]), expected)
    #expect(difference.absolute < 1e-9, "\(difference)")
    // What is moved by is the step size.
    let change = ((moved - predicted).square().mean().item).squareRoot()
    #expect(abs(change - 0.05) < 1e-12)
  }

  @Test func theObjectiveFalls() throws {
    let latent = oracle["latent"]
    let steps = Step.sequence(returnStep: 500, steps: 10)
    func height(_ image: Tensor) -> Double { Self.objective(image, latent.tanh(), image).total.item }
    let plain = try ddim.generate(latent, with: model, through: steps)
    let guided = try generate(latent, steps, until: 100)
    let longer = try generate(latent, steps, rounds: 3, until: 100)
    #expect(height(guided) < height(plain) && height(longer) < height(guided))
  }

  /// Without a move it is DDIM, to rounding; and each item is what it is alone.
  @Test func itemsDoNotDependOnEachOther() throws {
    let latent = oracle["latent"]
    let steps = Step.sequence(returnStep: 500, steps: 6)
    let still = TensorDifference(
      try generate(latent, steps, stepSize: 0, rounds: 3), try ddim.generate(latent, with: model, through: steps))
    #expect(still.absolute < 1e-4, "\(still)")
    let both = try generate(latent, steps, rounds: 2)
    for place in 0..<2 {
      let range = place..<place + 1
      #expect(try generate(latent.narrowed(0, range), steps, rounds: 2).values == both.narrowed(0, range).values)
    }
  }

  @Test func evaluationsAreCounted() throws {
    let steps = Step.sequence(returnStep: 500, steps: 6)
    let recording = RecordingPredictor(model)
    _ = try generate(oracle["latent"], steps, rounds: 2, until: 200, with: recording)
    #expect(recording.times == [500, 500, 400, 400, 300, 300, 200, 200, 100, 0])
    let guidance = Guidance(ddim: ddim, settings: .init(stepSize: 1, rounds: 2, until: 200))
    #expect(guidance.evaluations(through: steps) == 10)
  }

  @Test func whatIsNotFiniteIsNamed() throws {
    let steps = Step.sequence(returnStep: 500, steps: 6)
    let infinite: Objective = { generated, _, _, _ in
      let total = (generated - generated).log().mean()
      return LossValue(total: total, terms: [("clip", total)])
    }
    #expect(throws: Divergence(iteration: 1, "the loss is not finite (clip is -inf)", isIntact: true)) {
      try generate(oracle["latent"], steps, objective: infinite)
    }
    let steep: Objective = { generated, _, _, _ in
      let total = (generated - generated).squareRoot().mean()
      return LossValue(total: total)
    }
    #expect(throws: Divergence(iteration: 1, "the gradient is not finite", isIntact: true)) {
      try generate(oracle["latent"], steps, objective: steep)
    }
    // Where the objective is flat nothing moves.
    let flat: Objective = { generated, _, _, _ in LossValue(total: (generated * 0).sum()) }
    let plain = try ddim.generate(oracle["latent"], with: model, through: steps)
    #expect(TensorDifference(try generate(oracle["latent"], steps, objective: flat), plain).absolute < 1e-4)
  }
}
