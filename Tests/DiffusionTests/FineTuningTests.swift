import Diffusion
import Kernels
import Tensors
import TestSupport
import Testing

/// Five iterations over two images: 401 back in 3 steps, Adam from a rate of 0.01.
@Suite struct FineTuningTests {
  private let oracle: OracleFixture
  private let trajectory = Trajectory(ddim: DDIM(schedule: .linear()), returnStep: 401, steps: 3)

  init() throws { oracle = try OracleFixture.diffusion() }

  private func examples(_ type: ScalarType) -> [FineTuning.Example] {
    let (latents, images) = (oracle["latent"].converted(to: type), oracle["image"].converted(to: type))
    return (0..<2).map { .init(latent: latents.narrowed(0, $0..<$0 + 1), image: images.narrowed(0, $0..<$0 + 1)) }
  }

  /// mean |x − x₀| + ½ mean tanh²(x + ½ x₀)
  private func objective(_ generated: Tensor, _ original: Tensor) -> LossValue {
    let distance = (generated - original).absolute().mean()
    let total = distance + (generated + original * 0.5).tanh().square().mean() * 0.5
    return LossValue(total: total, terms: [("loss", total.item), ("l1", distance.item)])
  }

  private func tuning(
    _ model: any NoisePredictor, _ parameters: [Tensor], _ method: FineTuning.Method, iteration: Int = 0,
    optimizer: Adam = Adam()
  ) -> FineTuning {
    let schedule: RateSchedule = method == .full ? .perPass(1.3) : .perIterations(1.2, every: 3)
    return FineTuning(
      model, parameters: parameters, trajectory: trajectory,
      settings: .init(method: method, learningRate: 0.01, schedule: schedule), objective: objective,
      iteration: iteration, optimizer: optimizer)
  }

  @Test(arguments: FineTuning.Method.allCases)
  func agrees(_ method: FineTuning.Method) {
    let model = oracle.model("base")
    let recording = RecordingPredictor(model)
    let examples = examples(.float64)
    var tuning = tuning(recording, model.parameters, method)
    let reports = (0..<5).map { _ in tuning.iterate(over: examples) }
    #expect(reports.map(\.iteration) == [1, 2, 3, 4, 5] && tuning.iteration == 5)
    #expect(reports.allSatisfy { $0.terms.map(\.name) == ["loss", "l1"] })
    oracle.expect(Tensor(reports.map { $0.terms[0].value }, shape: [5]), "\(method)/losses", within: stored)
    oracle.expect(Tensor(reports.map(\.rate), shape: [5]), "\(method)/rates", within: stored)
    oracle.expect(model.parameters, under: "\(method)", within: stored)
    // Twice per step where the gradient goes through all of them, and an update per step where it does not.
    #expect(recording.times.count == (method == .full ? 30 : 15))
    #expect(tuning.optimizer.step == (method == .full ? 5 : 15))
    #expect(model.parameters.allSatisfy { $0.gradient == nil })
  }

  @Test(arguments: FineTuning.Method.allCases)
  func goesOnWithTheSameBytes(_ method: FineTuning.Method) {
    let whole = oracle.model("base", .float32)
    let examples = examples(.float32)
    var uninterrupted = tuning(whole, whole.parameters, method)
    for _ in 0..<5 { _ = uninterrupted.iterate(over: examples) }

    let begun = oracle.model("base", .float32)
    var first = tuning(begun, begun.parameters, method)
    for _ in 0..<3 { _ = first.iterate(over: examples) }
    let saved = first.optimizer.moments.map { ($0.first.parameterCopy().detached, $0.second.parameterCopy().detached) }
    let resumed = SmallPredictor(parameters: begun.parameters.map { $0.parameterCopy() })
    // What happens to the first run afterwards is of no importance.
    _ = first.iterate(over: examples)
    var second = tuning(
      resumed, resumed.parameters, method, iteration: 3,
      optimizer: Adam(step: method == .full ? 3 : 9, moments: saved))
    for _ in 0..<2 { _ = second.iterate(over: examples) }
    #expect(second.iteration == 5)
    #expect(resumed.parameters.map(\.values) == whole.parameters.map(\.values))
  }

  @Test func latentOptimizationAgrees() {
    let model = oracle.model("base")
    let example = examples(.float64)[0]
    for parameter in model.parameters { parameter.setRequiresGradient(false) }
    var optimization = LatentOptimization(
      model, latent: example.latent, image: example.image, trajectory: trajectory, rate: 0.02, objective: objective)
    let losses = (0..<5).map { _ in optimization.iterate()[0].value }
    oracle.expect(Tensor(losses, shape: [5]), "optimized/losses", within: stored)
    oracle.expect(optimization.latent, "optimized/latent", within: stored)
    // The latent it began with, and the model, are as they were.
    #expect(example.latent.doubleValues == examples(.float64)[0].latent.doubleValues)
    oracle.expect(model.parameters, under: "base", within: 0)
  }
}
