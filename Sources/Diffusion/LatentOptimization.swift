import Networks
import Tensors

/// Optimization of a latent with the model left as it is: the alternative that the paper compares with in Sec. 3.1.
public struct LatentOptimization {
  public let trajectory: Trajectory
  private let model: any NoisePredictor
  private let objective: Objective
  private let rate: Double
  public private(set) var optimizer: Adam
  /// Updates done so far.
  public private(set) var iteration: Int
  /// What was generated last, [1, H, W, C].
  public private(set) var generated: Tensor?
  /// The latent as it stands, [1, H, W, C].
  public let latent: Tensor
  private let example: FineTuning.Example

  /// - Parameters:
  ///   - latent: where it begins: the example's, unless given.
  ///   - optimizer, iteration: where an optimization stood that goes on.
  public init(
    _ model: any NoisePredictor, example: FineTuning.Example, trajectory: Trajectory, rate: Double,
    objective: @escaping Objective, latent: Tensor? = nil, optimizer: Adam = Adam(), iteration: Int = 0
  ) {
    self.model = model
    self.latent = (latent ?? example.latent).parameterCopy()
    self.optimizer = optimizer
    self.iteration = iteration
    self.example = example
    self.trajectory = trajectory
    self.rate = rate
    self.objective = objective
  }

  /// One Adam step on the latent; returns the loss's terms before it.
  /// - Throws: ``Divergence`` at the first loss or gradient that is not finite.
  public mutating func iterate() throws(Divergence) -> [(name: String, value: Double)] {
    iteration += 1
    let states = trajectory.states(from: latent, with: model)
    let generated = states[states.count - 1].parameterCopy()
    self.generated = states[states.count - 1]
    let seen = example.seen(generated)
    let loss = objective(seen, example.image, seen, iteration)
    loss.total.backward()
    if let gradient = generated.gradient {
      latent.gradient = trajectory.backward(gradient, through: states, with: model)
    }
    let values = loss.values()
    if let problem = LossValue.problem(values) {
      latent.gradient = nil
      throw Divergence(iteration: iteration, problem, isIntact: true)
    }
    if let problem = Adam.problem(ofGradientsOf: [latent]) {
      throw Divergence(iteration: iteration, problem, isIntact: true)
    }
    optimizer.update([latent], rate: rate)
    return values
  }
}
