import Networks
import Tensors

/// The generation of an image from a latent as a function that can be differentiated in the memory of one step.
///
/// The forward pass keeps only the states x_k. The backward pass goes through the steps from the last to the first,
/// evaluates each again with its graph, and hands the gradient on: the exact gradient of the whole trajectory with
/// respect to the latent and to the model's parameters, for twice the evaluations.
public struct Trajectory {
  public let ddim: DDIM
  public let steps: [Step]

  public init(ddim: DDIM, steps: [Step]) {
    self.ddim = ddim
    self.steps = steps
  }

  /// The states x_{t₀}, …, x₀ of η = 0 generation; the last is the image. One tensor [N, H, W, C] more than steps.
  public func states(from latent: Tensor, with model: any NoisePredictor) -> [Tensor] {
    Gradients.off {
      var states = [latent.detached]
      for step in steps { states.append(next(states[states.count - 1], step, model)) }
      return states
    }
  }

  /// Adds ∂image/∂parameters · `gradient` to the gradients of the model's parameters, and returns the gradient with
  /// respect to the latent. `states` are those of ``states(from:with:)`` with the same parameters.
  ///
  /// - Parameter chosen: the places of the steps whose predicted noise is differentiated; all unless given. That of the
  ///   others counts as a constant, so that they are not evaluated again, and those before the first of `chosen` are not
  ///   looked at: the gradient that is returned is with respect to the state from which that one starts.
  @discardableResult
  public func backward(
    _ gradient: Tensor, through states: [Tensor], with model: any NoisePredictor,
    differentiating chosen: Set<Int>? = nil
  ) -> Tensor {
    let chosen = chosen ?? Set(steps.indices)
    var outputGradient = gradient
    for place in steps.indices.reversed() where place >= chosen.min() ?? steps.count {
      guard chosen.contains(place) else {
        outputGradient = outputGradient * ddim.coefficients(of: steps[place]).scale
        continue
      }
      let x = states[place].parameterCopy()
      next(x, steps[place], model).backward(outputGradient)
      guard let gradient = x.gradient else { preconditionFailure("a step depends on its state") }
      outputGradient = gradient
    }
    return outputGradient
  }

  /// The state that follows x by one step.
  func next(_ x: Tensor, _ step: Step, _ model: any NoisePredictor) -> Tensor {
    ddim.step(x, predictedNoise: model.predictNoise(x, at: step.t), by: step)
  }
}
