import Diffusion
import Networks
import Tensors
import TestSupport
import Testing

/// What each gradient of fine-tuning is, against finite differences of the objective that it claims to be the slope of.
@Suite struct GradientTests {
  private let oracle: OracleFixture
  private let trajectory = Trajectory(ddim: DDIM(schedule: .linear()), steps: Step.sequence(returnStep: 300, steps: 5))
  private let seed: UInt64 = 17

  init() throws { oracle = try OracleFixture.diffusion() }

  private var examples: [FineTuning.Example] {
    (0..<2).map { index in
      FineTuning.Example(
        latent: oracle.double("latent").narrowed(0, index..<index + 1),
        image: oracle.double("image").narrowed(0, index..<index + 1))
    }
  }

  /// Different for each picture and pixel, and with a term in what the identity loss looks at.
  private func objective(_ generated: Tensor, _ original: Tensor, _ seen: Tensor, _ draw: Int = 0) -> LossValue {
    let loss = ((generated - original * 0.5).square() * 0.5 + (generated * 0.7).exp() * 0.3 + seen.square() * 0.2)
      .mean()
    return LossValue(total: loss)
  }

  /// The gradients of the model's parameters that an iteration finds, those of each update.
  private func gradients(
    _ gradient: FineTuning.Gradient, of model: SmallPredictor, batchSize: Int = 1
  ) throws -> [[Tensor]] {
    let recorder = Recorder(model.parameters)
    var tuning = FineTuning(
      model, parameters: model.parameters, adaptation: recorder, trajectory: trajectory,
      settings: FineTuning.Settings(
        gradient: gradient, batchSize: batchSize, learningRate: 0, schedule: .perEpoch(1), seed: seed),
      objective: objective)
    _ = try tuning.iterate(over: examples)
    return recorder.gradients
  }

  /// Compares gradients with the slope of `height` along random directions of the model's parameters.
  private func expectSlope(
    _ gradients: [Tensor], of model: SmallPredictor, _ height: () -> Tensor, location: SourceLocation = #_sourceLocation
  ) {
    var random = RandomSource(seed: 5)
    let start = model.parameters.map { $0.parameterCopy().detached }
    let directions = start.map { random.normal($0.shape).converted(to: .float64) }
    func value(at step: Double) -> Double {
      for (parameter, (value, direction)) in zip(model.parameters, zip(start, directions)) {
        parameter.assign(value + direction * step)
      }
      return Gradients.off { height().item }
    }
    let step = 1e-5
    let expected = (value(at: step) - value(at: -step)) / (2 * step)
    _ = value(at: 0)
    let slope = zip(gradients, directions).reduce(0) { $0 + ($1.0 * $1.1).sum().item }
    #expect(abs(slope - expected) <= 1e-6 * abs(expected), "\(slope), expected \(expected)", sourceLocation: location)
    #expect(abs(expected) > 1e-3, sourceLocation: location)
  }

  private func next(_ x: Tensor, _ place: Int, _ model: SmallPredictor) -> Tensor {
    let step = trajectory.steps[place]
    return trajectory.ddim.step(x, predictedNoise: model.predictNoise(x, at: step.t), by: step)
  }

  private func loss(_ image: Tensor, _ example: FineTuning.Example) -> Tensor {
    objective(image, example.image, image).total
  }

  @Test(arguments: [(FineTuning.Gradient.full, 5), (.last(5), 5), (.last(2), 2), (.last(1), 1)])
  func throughTheLastSteps(_ gradient: FineTuning.Gradient, _ count: Int) throws {
    let (model, example) = (oracle.model("base"), examples[0])
    let found = try gradients(gradient, of: model)
    #expect(found.count == 1)
    let start = trajectory.states(from: example.latent, with: model)[5 - count]
    expectSlope(found[0], of: model) {
      loss((5 - count..<5).reduce(start) { next($0, $1, model) }, example)
    }
  }

  @Test(arguments: [1, 3]) func throughDrawnSteps(_ count: Int) throws {
    let (model, example) = (oracle.model("base"), examples[0])
    let found = try gradients(.random(count), of: model)
    var random = RandomSource(seed: seed, name: "gradient 0")
    let chosen = Set((0..<5).shuffled(using: &random).prefix(count))
    let states = trajectory.states(from: example.latent, with: model)
    let constants = zip(states, trajectory.steps).map { state, step in
      Gradients.off { model.predictNoise(state, at: step.t) }
    }
    expectSlope(found[0], of: model) {
      loss(
        (0..<5).reduce(example.latent) { x, place in
          guard !chosen.contains(place) else { return next(x, place, model) }
          return trajectory.ddim.step(x, predictedNoise: constants[place], by: trajectory.steps[place])
        }, example)
    }
  }

  /// Which steps are drawn changes from one iteration to the next, and each has its turn.
  @Test func stepsAreDrawnForEachIteration() throws {
    let model = oracle.model("base")
    let watched = RecordingPredictor(model)
    var tuning = FineTuning(
      watched, parameters: model.parameters, trajectory: trajectory,
      settings: FineTuning.Settings(gradient: .random(1), learningRate: 1e-9, schedule: .perEpoch(1)),
      objective: objective)
    for _ in 0..<24 { _ = try tuning.iterate(over: examples) }
    #expect(watched.times.count == 24 * 6)
    let drawn = (0..<24).map { watched.times[$0 * 6 + 5] }
    #expect(Set(drawn) == Set(trajectory.steps.map(\.t)) && drawn[0..<12] != drawn[12..<24])
  }

  @Test func throughSamplesOfTheLastStep() throws {
    let (model, example) = (oracle.model("base"), examples[0])
    let found = try gradients(.last(1, samples: 3), of: model)
    let image = trajectory.states(from: example.latent, with: model)[5]
    let images = Tensor.concatenated([image, image, image], axis: 0)
    var random = RandomSource(seed: seed, name: "gradient 0")
    let noise = random.normal(images.shape).converted(to: .float64)
    let start = DDPM(schedule: .linear()).perturb(images, noise: noise, at: 0)
    expectSlope(found[0], of: model) {
      let images = next(start, 4, model)
      let losses = (0..<3).map { loss(images.narrowed(0, $0..<$0 + 1), example) }
      return (losses[0] + losses[1] + losses[2]) * (1 / 3.0)
    }
  }

  @Test(arguments: [FineTuning.Gradient.perStep, .perStepOfficial])
  func atEveryStep(_ gradient: FineTuning.Gradient) throws {
    let (model, example) = (oracle.model("base"), examples[0])
    let found = try gradients(gradient, of: model)
    #expect(found.count == 5)
    let states = trajectory.states(from: example.latent, with: model)
    for (place, step) in trajectory.steps.enumerated() {
      let following = states[place + 1]
      expectSlope(found[place], of: model) {
        let noise = model.predictNoise(states[place], at: step.t)
        let predicted = trajectory.ddim.predictedX0(states[place], predictedNoise: noise, at: step.t)
        return objective(predicted, example.image, gradient == .perStep ? predicted : following).total
      }
    }
  }

  /// Of several pictures together it is the mean of their own, where the objective is a mean.
  @Test(arguments: [FineTuning.Gradient.full, .last(2), .random(2), .perStep])
  func ofABatch(_ gradient: FineTuning.Gradient) throws {
    let model = oracle.model("base")
    let together = try gradients(gradient, of: model, batchSize: 2)
    let single = try examples.map { example -> [[Tensor]] in
      let recorder = Recorder(model.parameters)
      var tuning = FineTuning(
        model, parameters: model.parameters, adaptation: recorder, trajectory: trajectory,
        settings: FineTuning.Settings(gradient: gradient, learningRate: 0, schedule: .perEpoch(1), seed: seed),
        objective: objective)
      _ = try tuning.iterate(over: [example])
      return recorder.gradients
    }
    for (update, tensors) in together.enumerated() {
      for (index, tensor) in tensors.enumerated() {
        let mean = (single[0][update][index] + single[1][update][index]) * 0.5
        #expect((tensor - mean).doubleValues.allSatisfy { abs($0) <= 1e-9 })
      }
    }
  }

  /// The last batch of an epoch has what is left, and an epoch begins anew with the first.
  @Test func epochsOfBatches() throws {
    let settings = FineTuning.Settings(gradient: .full, batchSize: 2, learningRate: 1, schedule: .perEpoch(1))
    #expect(settings.iterations(perEpochOf: 5) == 3)
    #expect((0...7).map { settings.images(in: $0, of: 5) } == [0, 2, 4, 5, 7, 9, 10, 12])
    let model = oracle.model("base")
    var sizes: [Int] = []
    var tuning = FineTuning(
      model, parameters: model.parameters, trajectory: trajectory,
      settings: FineTuning.Settings(gradient: .full, batchSize: 2, learningRate: 1e-9, schedule: .perEpoch(1)),
      objective: { generated, original, seen, draw in
        sizes.append(generated.shape[0])
        return self.objective(generated, original, seen, draw)
      })
    for _ in 0..<5 { _ = try tuning.iterate(over: examples + examples.prefix(1)) }
    #expect(sizes == [2, 1, 2, 1, 2])
  }
}

/// Notes the gradients of a model's parameters, and lets nothing change.
private final class Recorder: Adaptation {
  let learned = [Tensor([Float(0)], shape: [1]).parameterCopy()]
  private let parameters: [Tensor]
  private(set) var gradients: [[Tensor]] = []

  init(_ parameters: [Tensor]) { self.parameters = parameters }

  func takeGradients() {
    gradients.append(parameters.map { $0.gradient ?? Tensor(repeating: 0, shape: $0.shape).converted(to: .float64) })
    for parameter in parameters { parameter.gradient = nil }
    learned[0].gradient = Tensor([Float(0)], shape: [1])
  }

  func apply() {}
}
