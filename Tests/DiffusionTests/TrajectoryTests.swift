import Diffusion
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct TrajectoryTests {
  private let oracle: OracleFixture
  private let trajectory = Trajectory(ddim: DDIM(schedule: .linear()), steps: Step.sequence(returnStep: 300, steps: 5))

  init() throws { oracle = try OracleFixture.diffusion() }

  @Test func statesAreThoseOfGeneration() throws {
    let model = RecordingPredictor(oracle.model("base"))
    let latent = oracle.double("latent")
    let states = trajectory.states(from: latent, with: model)
    #expect(states.count == 6 && model.times.count == 5)
    #expect(states[0].doubleValues == latent.doubleValues)
    let image = try trajectory.ddim.generate(latent, with: model, through: Step.sequence(returnStep: 300, steps: 5))
    #expect(states[5].doubleValues == image.doubleValues)
    #expect(!states.contains { $0.requiresGradient })
  }

  /// Against automatic differentiation through all steps at once.
  @Test func gradientAgrees() {
    let model = oracle.model("base")
    let recording = RecordingPredictor(model)
    let states = trajectory.states(from: oracle.double("latent"), with: recording)
    let gradient = trajectory.backward(oracle.double("seed"), through: states, with: recording)
    oracle.expect(gradient, "gradient/latent", within: stored)
    oracle.expect(model.parameters.map(\.gradient), under: "gradient", within: stored)
    #expect(recording.times == [300, 225, 150, 75, 0] + [0, 75, 150, 225, 300])
  }

  @Test func gradientIsTheSlope() {
    let model = oracle.model("base")
    let latent = oracle.double("latent").parameterCopy()
    let seed = oracle.double("seed")
    func height() -> Double { (trajectory.states(from: latent, with: model)[5] * seed).sum().item }
    let states = trajectory.states(from: latent, with: model)
    latent.gradient = trajectory.backward(seed, through: states, with: model)
    for moving in [[latent], model.parameters] {
      var random = RandomSource(seed: 9)
      var slope = 0.0
      let directions = moving.map { random.normal($0.shape).converted(to: .float64) }
      for (tensor, direction) in zip(moving, directions) {
        slope += tensor.gradient.map { ($0 * direction).sum().item } ?? .nan
      }
      func move(_ step: Double) {
        for (tensor, direction) in zip(moving, directions) { tensor.assign(tensor.detached + direction * step) }
      }
      let step = 1e-5
      move(step)
      let up = height()
      move(-2 * step)
      let down = height()
      move(step)
      let expected = (up - down) / (2 * step)
      // What changes of third order leave, and the rounding of the difference.
      #expect(abs(slope - expected) <= 1e-7 * abs(expected), "\(slope), expected \(expected)")
      #expect(abs(expected) > 0.1)
    }
  }

  @Test func gradientOfTheLatentNeedsNoParameters() {
    let model = oracle.model("base")
    for parameter in model.parameters { parameter.setRequiresGradient(false) }
    let states = trajectory.states(from: oracle.double("latent"), with: model)
    let gradient = trajectory.backward(oracle.double("seed"), through: states, with: model)
    oracle.expect(gradient, "gradient/latent", within: stored)
    #expect(model.parameters.allSatisfy { $0.gradient == nil })
  }

  @Test func activationsOfOneStepAtATime() {
    let model = WatchedPredictor(oracle.model("base"))
    let latent = oracle.double("latent")
    let states = trajectory.states(from: latent, with: model)
    _ = trajectory.backward(oracle.double("seed"), through: states, with: model)
    #expect(model.mostAlive == 0)
    // What the watch sees when all steps are recorded at once.
    var x = latent
    for step in trajectory.steps {
      x = trajectory.ddim.step(x, predictedNoise: model.predictNoise(x, at: step.t), by: step)
    }
    #expect(model.mostAlive == 4 && x.requiresGradient)
  }
}

/// A model that counts, whenever it is evaluated, the activations of earlier evaluations still in memory.
private final class WatchedPredictor: NoisePredictor {
  private struct Activation {
    weak var memory: AnyObject?
  }
  private let model: SmallPredictor
  private var activations: [Activation] = []
  private(set) var mostAlive = 0

  init(_ model: SmallPredictor) { self.model = model }

  func predict(_ x: Tensor, timesteps: [Int]) -> NoisePrediction {
    mostAlive = max(mostAlive, activations.count { $0.memory != nil })
    let hidden = model.hidden(x, timesteps)
    activations.append(Activation(memory: hidden.storage))
    return NoisePrediction(noise: model.output(hidden))
  }
}
