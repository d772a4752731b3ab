import Diffusion
import Kernels
import Networks
import Tensors
import TestSupport
import Testing

/// Five iterations over two images: 401 back in 3 steps, Adam from a rate of 0.01.
@Suite struct FineTuningTests {
  private let oracle: OracleFixture
  private let trajectory = Trajectory(ddim: DDIM(schedule: .linear()), steps: Step.sequence(returnStep: 401, steps: 3))

  init() throws { oracle = try OracleFixture.diffusion() }

  private func examples(_ type: ScalarType) -> [FineTuning.Example] {
    let (latents, images) = (oracle["latent"].converted(to: type), oracle["image"].converted(to: type))
    return (0..<2).map { .init(latent: latents.narrowed(0, $0..<$0 + 1), image: images.narrowed(0, $0..<$0 + 1)) }
  }

  /// mean |x − x₀| + ½ mean tanh²(x + ½ x₀), what is seen counts for nothing
  private func objective(_ generated: Tensor, _ original: Tensor, _ seen: Tensor, _ draw: Int) -> LossValue {
    let distance = (generated - original).absolute().mean()
    let total = distance + (generated + original * 0.5).tanh().square().mean() * 0.5
    return LossValue(total: total, terms: [("l1", distance)])
  }

  private func tuning(
    _ model: any NoisePredictor, _ parameters: [Tensor], _ gradient: FineTuning.Gradient, iteration: Int = 0,
    optimizer: Adam = Adam()
  ) -> FineTuning {
    let schedule: RateSchedule = gradient == .full ? .perEpoch(1.3) : .perIterations(1.2, every: 3)
    return FineTuning(
      model, parameters: parameters, trajectory: trajectory,
      settings: .init(gradient: gradient, learningRate: 0.01, schedule: schedule), objective: objective,
      iteration: iteration, optimizer: optimizer)
  }

  @Test(arguments: [FineTuning.Gradient.full, .perStep])
  func agrees(_ gradient: FineTuning.Gradient) throws {
    // As the official code calls the two.
    let name = gradient == .full ? "full" : "efficient"
    let model = oracle.model("base")
    let recording = RecordingPredictor(model)
    let examples = examples(.float64)
    var tuning = tuning(recording, model.parameters, gradient)
    let reports = try (0..<5).map { _ in try tuning.iterate(over: examples) }
    #expect(reports.map(\.iteration) == [1, 2, 3, 4, 5] && tuning.iteration == 5)
    #expect(reports.allSatisfy { $0.terms.map(\.name) == ["loss", "l1"] })
    oracle.expect(Tensor(reports.map { $0.terms[0].value }, shape: [5]), "\(name)/losses", within: stored)
    oracle.expect(Tensor(reports.map(\.rate), shape: [5]), "\(name)/rates", within: stored)
    oracle.expect(model.parameters, under: name, within: stored)
    // Twice per step where the gradient goes through all of them, and an update per step where it does not.
    #expect(recording.times.count == (gradient == .full ? 30 : 15))
    #expect(tuning.optimizer.step == (gradient == .full ? 5 : 15))
    #expect(model.parameters.allSatisfy { $0.gradient == nil })
  }

  @Test(arguments: [FineTuning.Gradient.full, .random(2), .last(1, samples: 2), .perStep])
  func goesOnWithTheSameBytes(_ gradient: FineTuning.Gradient) throws {
    let whole = oracle.model("base", .float32)
    let examples = examples(.float32)
    var uninterrupted = tuning(whole, whole.parameters, gradient)
    for _ in 0..<5 { _ = try uninterrupted.iterate(over: examples) }

    let begun = oracle.model("base", .float32)
    var first = tuning(begun, begun.parameters, gradient)
    for _ in 0..<3 { _ = try first.iterate(over: examples) }
    let saved = first.optimizer.moments.map { ($0.first.parameterCopy().detached, $0.second.parameterCopy().detached) }
    let resumed = SmallPredictor(parameters: begun.parameters.map { $0.parameterCopy() })
    // What happens to the first run afterwards is of no importance.
    _ = try first.iterate(over: examples)
    var second = tuning(
      resumed, resumed.parameters, gradient, iteration: 3,
      optimizer: Adam(step: gradient == .perStep ? 9 : 3, moments: saved))
    for _ in 0..<2 { _ = try second.iterate(over: examples) }
    #expect(second.iteration == 5)
    #expect(resumed.parameters.map(\.values) == whole.parameters.map(\.values))
  }

  private func options(_ type: ScalarType = .float64) throws -> (OracleFixture, [FineTuning.Example]) {
    let oracle = try OracleFixture("options.safetensors")
    let (latents, images) = (oracle["latent"].converted(to: type), oracle["image"].converted(to: type))
    let examples = (0..<2).map {
      FineTuning.Example(latent: latents.narrowed(0, $0..<$0 + 1), image: images.narrowed(0, $0..<$0 + 1))
    }
    return (oracle, examples)
  }

  private let constantRate = FineTuning.Settings(gradient: .full, learningRate: 0.01, schedule: .perEpoch(1))

  /// A network that has learned the variance too learns by its noise; the half that says the variance stays.
  @Test func fineTuningOfALearnedVarianceAgrees() throws {
    let (oracle, examples) = try options()
    let model = oracle.model("learned")
    var tuning = FineTuning(
      LearnedVariance(model), parameters: model.parameters, trajectory: trajectory, settings: constantRate,
      objective: objective)
    let losses = try (0..<5).map { _ in try tuning.iterate(over: examples).terms[0].value }
    oracle.expect(Tensor(losses, shape: [5]), "learned-full/losses", within: stored)
    oracle.expect(model.parameters, under: "learned-full", within: stored)
  }

  /// What the official code's efficient variant sees is the next state, without a gradient; ours sees the image.
  @Test func perStepOfficialAgrees() throws {
    let (oracle, examples) = try options()
    func run(_ gradient: FineTuning.Gradient) throws -> (losses: [Double], model: SmallPredictor) {
      let model = oracle.model("base")
      var settings = constantRate
      settings.gradient = gradient
      var tuning = FineTuning(
        model, parameters: model.parameters, trajectory: trajectory, settings: settings,
        objective: { generated, original, seen, draw in
          let total = objective(generated, original, seen, draw).total + (seen - original).square().mean()
          return LossValue(total: total)
        })
      return (try (0..<5).map { _ in try tuning.iterate(over: examples).terms[0].value }, model)
    }
    let (losses, model) = try run(.perStepOfficial)
    oracle.expect(Tensor(losses, shape: [5]), "efficient-official/losses", within: stored)
    oracle.expect(model.parameters, under: "efficient-official", within: stored)
    #expect(try run(.perStep).losses[4] != losses[4])
  }

  private func adapter(_ oracle: OracleFixture, _ model: SmallPredictor, after: String = "") -> LowRankAdapter {
    let layers = ["input.weight", "output.weight"].map { name -> LowRankAdapter.Layer in
      let weight = model.parameters[SmallPredictor.names.firstIndex(of: name) ?? 0]
      let down = SmallPredictor.fromCheckpoint(oracle["low-rank/\(name)/down\(after)"])
      return .init(
        weight, down: down.converted(to: weight.type),
        up: oracle["low-rank/\(name)/up\(after)"].converted(to: weight.type))
    }
    return LowRankAdapter(layers, scale: 1.5)
  }

  @Test func lowRankFineTuningAgrees() throws {
    let (oracle, examples) = try options()
    let model = oracle.model("base")
    let adapter = adapter(oracle, model)
    var tuning = FineTuning(
      model, parameters: model.parameters, adaptation: adapter, trajectory: trajectory, settings: constantRate,
      objective: objective)
    let losses = try (0..<5).map { _ in try tuning.iterate(over: examples).terms[0].value }
    oracle.expect(Tensor(losses, shape: [5]), "low-rank/losses", within: stored)
    for (layer, name) in zip(adapter.layers, ["input.weight", "output.weight"]) {
      oracle.expect(SmallPredictor.toCheckpoint(layer.down), "low-rank/\(name)/down/after", within: stored)
      oracle.expect(layer.up, "low-rank/\(name)/up/after", within: stored)
    }
    // The model is what the factors make of the original, and nothing else of it has changed.
    let again = oracle.model("base")
    _ = self.adapter(oracle, again, after: "/after")
    for index in [0, 3] {
      #expect(TensorDifference(model.parameters[index], again.parameters[index]).relative < stored)
    }
    for index in [1, 2, 4] { #expect(model.parameters[index].doubleValues == again.parameters[index].doubleValues) }
  }

  /// A change of low rank is nothing at first, and has no higher rank than the weight.
  @Test func lowRankFactorsAreDrawn() {
    var random = RandomSource(seed: 4)
    for (shape, down, up) in [
      ([3, 3, 4, 6], [3, 3, 4, 6], [6, 6]), ([5, 7], [5, 7], [5, 5]), ([9, 7, 1], [7, 7, 1], [9, 7]),
    ] {
      let weight = random.normal(shape).parameterCopy()
      let before = weight.values
      let layer = LowRankAdapter.Layer(weight, rank: 100, random: &random)
      #expect(layer.up.shape == up)
      #expect(layer.up.values.allSatisfy { $0 == 0 } && layer.down.shape == down)
      #expect(layer.down.values.contains { $0 != 0 })
      _ = LowRankAdapter([layer], scale: 2)
      #expect(weight.values == before)
    }
  }

  @Test func latentOptimizationAgrees() throws {
    let model = oracle.model("base")
    let example = examples(.float64)[0]
    for parameter in model.parameters { parameter.setRequiresGradient(false) }
    var optimization = LatentOptimization(
      model, example: example, trajectory: trajectory, rate: 0.02, objective: objective)
    let losses = try (0..<5).map { _ in try optimization.iterate()[0].value }
    oracle.expect(Tensor(losses, shape: [5]), "optimized/losses", within: stored)
    oracle.expect(optimization.latent, "optimized/latent", within: stored)
    // The latent it began with, and the model, are as they were.
    #expect(example.latent.doubleValues == examples(.float64)[0].latent.doubleValues)
    oracle.expect(model.parameters, under: "base", within: 0)
  }

  /// The first loss or gradient that is not finite changes nothing.
  @Test(arguments: [FineTuning.Gradient.full, .perStep])
  func stopsBeforeANumberThatIsNotFinite(_ gradient: FineTuning.Gradient) throws {
    let model = oracle.model("base", .float32)
    let examples = examples(.float32)
    func tuning(_ factor: @escaping (Int) -> Double) -> FineTuning {
      var calls = 0
      return FineTuning(
        model, parameters: model.parameters, trajectory: trajectory,
        settings: .init(gradient: gradient, learningRate: 0.01, schedule: .perEpoch(1)),
        objective: { generated, original, _, _ in
          calls += 1
          let loss = (generated - original).square().mean() * factor(calls)
          return LossValue(total: loss, terms: [("l1", loss), ("clip", Tensor([0.5], shape: []))])
        })
    }
    let perIteration = gradient == .full ? 1 : trajectory.steps.count
    var nan = tuning { $0 == perIteration + 1 ? .nan : 1 }
    _ = try nan.iterate(over: examples)
    let before = model.parameters.map(\.values)
    let found = #expect(throws: Divergence.self) { _ = try nan.iterate(over: examples) }
    #expect(
      found == Divergence(iteration: 2, "the loss is not finite (l1 is nan, clip is 0.5)", isIntact: true))
    #expect(model.parameters.map(\.values) == before && nan.iteration == 1)
    // A loss near the end of the range has a gradient beyond it.
    var large = tuning { _ in 1e38 }
    let finding = #expect(throws: Divergence.self) { _ = try large.iterate(over: examples) }
    #expect(finding?.isIntact == true && finding?.iteration == 1)
    #expect(model.parameters.map(\.values) == before && model.parameters.allSatisfy { $0.gradient == nil })
  }
}
