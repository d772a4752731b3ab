import Tensors

/// Fine-tuning of a model by changes of low rank to some of its weights: W = W₀ + s·up·down (LoRA, Hu et al. 2022).
///
/// The model runs on merged weights and knows nothing of it: the gradient G of W becomes that of the factors, s·upᵀ·G and
/// s·G·downᵀ. A convolution is taken as the matrix of its kernel, so that `down` is one of the same
/// size to `rank` channels, and `up` one of 1×1.
public struct LowRankAdapter: Adaptation {
  /// One weight and the change to it. Weights are [out, in] or [out, in, 1], or
  /// [height, width, in, out] of a convolution.
  public struct Layer {
    /// W, the model's own, overwritten in place.
    public let weight: Tensor
    /// W₀
    let base: Tensor
    /// A weight like W, to `rank` outputs.
    public let down: Tensor
    /// [out, rank]
    public let up: Tensor

    /// The layer as the factors make it; they are copied, and `weight` as it stands is W₀.
    public init(_ weight: Tensor, down: Tensor, up: Tensor) {
      precondition((2...4).contains(weight.rank), "a weight of shape \(weight.shape)")
      self.weight = weight
      base = weight.parameterCopy().detached
      self.down = down.placed(on: weight.gpu).parameterCopy()
      self.up = up.placed(on: weight.gpu).parameterCopy()
    }

    /// A change of rank `rank`, or as much as the weight can have, that is nothing as yet: `down` is drawn as PyTorch's
    /// first weights are, `up` is zero.
    public init(_ weight: Tensor, rank: Int, random: inout RandomSource) {
      let isConvolution = weight.rank == 4
      let outputs = isConvolution ? weight.size(-1) : weight.shape[0]
      let fan = weight.count / outputs
      let rank = min(rank, outputs, fan)
      let bound = 1 / Double(fan).squareRoot()
      let shape = isConvolution ? Array(weight.shape.dropLast()) + [rank] : [rank] + weight.shape.dropFirst()
      self.init(
        weight, down: random.uniform(shape, in: -bound...bound),
        up: Tensor(repeating: 0, shape: [outputs, rank], like: weight))
    }

    /// A matrix [out, in] or, for a convolution, [height·width·in, out].
    private func matrix(_ x: Tensor) -> Tensor { x.reshaped(weight.rank == 4 ? [-1, x.size(-1)] : [x.shape[0], -1]) }

    fileprivate func apply(_ scale: Double) {
      Gradients.off {
        let change =
          weight.rank == 4 ? matrix(down).matmul(up, transposed: (false, true)) : up.matmul(matrix(down))
        weight.assign(base + change.reshaped(weight.shape) * scale)
      }
    }

    fileprivate func takeGradient(_ scale: Double) {
      guard let gradient = weight.gradient else { return }
      weight.gradient = nil
      Gradients.off {
        let outputGradient = matrix(gradient)
        if weight.rank == 4 {
          down.gradient = (outputGradient.matmul(up) * scale).reshaped(down.shape)
          up.gradient = outputGradient.matmul(matrix(down), transposed: (true, false)) * scale
        } else {
          down.gradient = (up.matmul(outputGradient, transposed: (true, false)) * scale).reshaped(down.shape)
          up.gradient = outputGradient.matmul(matrix(down), transposed: (false, true)) * scale
        }
      }
    }
  }

  public let layers: [Layer]
  /// s
  public let scale: Double

  public init(_ layers: [Layer], scale: Double) {
    self.layers = layers
    self.scale = scale
    apply()
  }

  public var learned: [Tensor] { layers.flatMap { [$0.down, $0.up] } }
  public func takeGradients() { for layer in layers { layer.takeGradient(scale) } }
  public func apply() { for layer in layers { layer.apply(scale) } }
}
