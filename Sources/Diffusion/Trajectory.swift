import Tensors

/// The generation of an image from a latent as a function that can be differentiated in the memory of one step.
///
/// The forward pass keeps only the states x_k. The backward pass goes through the steps from the last to the first,
/// evaluates each again with its graph, and hands the gradient on: the exact gradient of the whole trajectory with
/// respect to the latent and to the model's parameters, for twice the evaluations.
public struct Trajectory {
  public let ddim: DDIM
  public let pairs: [(t: Int, next: Int)]

  public init(ddim: DDIM, returnStep: Int, steps: Int) {
    (self.ddim, pairs) = (ddim, DDIM.generationPairs(steps: steps, returnStep: returnStep))
  }

  /// The states x_{t₀}, …, x₀ of η = 0 generation; the last is the image. steps + 1 tensors [N, H, W, C].
  public func states(from latent: Tensor, with model: any NoisePredictor) -> [Tensor] {
    Gradients.off {
      var states = [latent.detached]
      for pair in pairs {
        let x = states[states.count - 1]
        states.append(ddim.step(x, noise: model.predictNoise(x, at: pair.t), from: pair.t, to: pair.next))
      }
      return states
    }
  }

  /// Adds ∂image/∂parameters · `gradient` to the gradients of the model's parameters, and returns the gradient with
  /// respect to the latent. `states` are those of ``states(from:with:)`` with the same parameters.
  public func backward(_ gradient: Tensor, through states: [Tensor], with model: any NoisePredictor) -> Tensor {
    var outputGradient = gradient
    for (pair, state) in zip(pairs, states).reversed() {
      let x = state.parameterCopy()
      ddim.step(x, noise: model.predictNoise(x, at: pair.t), from: pair.t, to: pair.next).backward(outputGradient)
      guard let gradient = x.gradient else { preconditionFailure("a step depends on its state") }
      outputGradient = gradient
    }
    return outputGradient
  }
}
