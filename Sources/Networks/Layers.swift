import Tensors

// The layers that networks are made of. Each takes its parameters from a scope. Their keys in checkpoints stand where
// the layers are made, and nowhere else.

/// A two-dimensional convolution: [N, H, W, in] → [N, H', W', out].
public struct Conv2d {
  let weight: Tensor
  let bias: Tensor?
  let stride: Int
  let padding: Padding

  /// - Parameter weights: first weights, and biases that start as zero; where left out, PyTorch's default for both.
  public init(
    _ scope: ParameterScope, _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Padding = .all(0),
    bias: Bool = true, weights: InitialValues? = nil
  ) {
    let usual = InitialValues.fanIn(inputs * kernel * kernel)
    weight = scope.parameter("weight", [kernel, kernel, inputs, outputs], layout: .convolution, weights ?? usual)
    self.bias = bias ? scope.parameter("bias", [outputs], weights == nil ? usual : .zero) : nil
    self.stride = stride
    self.padding = padding
  }

  /// - Parameters:
  ///   - upsample2x: whether each pixel of x stands for 2×2, as after nearest-neighbor up-sampling.
  ///   - channelBias: [N, out], added to all pixels of an item.
  ///   - residual: of the result's shape, added to it.
  public func callAsFunction(
    _ x: Tensor, upsample2x: Bool = false, channelBias: Tensor? = nil, residual: Tensor? = nil
  ) -> Tensor {
    x.conv2d(
      weight, bias, stride: stride, padding: padding, upsample2x: upsample2x, channelBias: channelBias,
      residual: residual)
  }
}

/// x·Wᵀ + b on the last axis: [..., in] → [..., out].
public struct Linear {
  let weight: Tensor
  let bias: Tensor

  /// - Parameters:
  ///   - pointwise: whether checkpoints hold it as a 1×1 convolution.
  ///   - weights: first weights, and biases that start as zero; where left out, PyTorch's default for both.
  public init(
    _ scope: ParameterScope, _ inputs: Int, _ outputs: Int, pointwise: Bool = false, weights: InitialValues? = nil
  ) {
    let usual = InitialValues.fanIn(inputs)
    weight = scope.parameter("weight", [outputs, inputs], layout: pointwise ? .pointwise : .same, weights ?? usual)
    bias = scope.parameter("bias", [outputs], weights == nil ? usual : .zero)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { x.linear(weight, bias) }
}

/// Group normalization over channels, then SiLU where asked.
public struct GroupNorm {
  let weight: Tensor
  let bias: Tensor
  let groups: Int
  let eps: Double

  public init(_ scope: ParameterScope, _ channels: Int, groups: Int, eps: Double) {
    weight = scope.parameter("weight", [channels], .constant(1))
    bias = scope.parameter("bias", [channels], .constant(0))
    self.groups = groups
    self.eps = eps
  }

  public func callAsFunction(_ x: Tensor, silu: Bool = false) -> Tensor {
    x.groupNorm(groups: groups, weight, bias, eps: eps, silu: silu)
  }
}

/// Layer normalization of the last axis, eps 1e-5.
public struct LayerNorm {
  let weight: Tensor
  let bias: Tensor

  public init(_ scope: ParameterScope, _ width: Int) {
    weight = scope.parameter("weight", [width], .constant(1))
    bias = scope.parameter("bias", [width], .constant(0))
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { x.layerNorm(weight, bias) }
}
