import Tensors

// Layers of published convolutional networks, in the form that they have after training: statistics are fixed.

/// Batch normalization with the statistics of training: (x − mean)/√(variance + eps)·weight + bias for each channel
/// (Ioffe & Szegedy 2015).
struct BatchNorm {
  let weight: Tensor
  let bias: Tensor
  let mean: Tensor
  let variance: Tensor
  let eps: Double

  init(_ scope: ParameterScope, _ channels: Int, eps: Double = 1e-5) {
    weight = scope.parameter("weight", [channels], .constant(1))
    bias = scope.parameter("bias", [channels], .constant(0))
    mean = scope.parameter("running_mean", [channels], .constant(0))
    variance = scope.parameter("running_var", [channels], .constant(1))
    self.eps = eps
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let scale = weight / (variance + eps).squareRoot()
    return x * scale + (bias - mean * scale)
  }
}

/// x where positive, else a slope of the channel's own times x (He et al. 2015).
struct PReLU {
  let slopes: Tensor

  init(_ scope: ParameterScope, _ channels: Int) { slopes = scope.parameter("weight", [channels], .constant(0.25)) }

  func callAsFunction(_ x: Tensor) -> Tensor { x.relu() - (-x).relu() * slopes }
}

/// A 3×3 convolution of each channel by itself: [N, H, W, C] → [N, H, W, C].
struct DepthwiseConv {
  /// [C, 1, 3, 3]
  let weight: Tensor
  let bias: Tensor

  init(_ scope: ParameterScope, _ channels: Int) {
    weight = scope.parameter("weight", [channels, 1, 3, 3], .fanIn(9))
    bias = scope.parameter("bias", [channels], .fanIn(9))
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let (height, width, channels) = (x.shape[1], x.shape[2], x.shape[3])
    let frame = x.padded(.all(1))
    let taps = weight.reshaped([channels, 9]).permuted([1, 0])
    var sum = bias.expanded(to: x.shape)
    for i in 0..<3 {
      for j in 0..<3 {
        let window = frame.narrowed(1, i..<i + height).narrowed(2, j..<j + width)
        sum = sum + window * taps.narrowed(0, 3 * i + j..<3 * i + j + 1).reshaped([channels])
      }
    }
    return sum
  }
}

/// Convolution without bias, batch normalization, ReLU.
struct ConvNormReLU {
  let convolution: Conv2d
  let norm: BatchNorm

  init(_ scope: ParameterScope, _ inputs: Int, _ outputs: Int, kernel: Int) {
    convolution = Conv2d(scope["conv"], inputs, outputs, kernel: kernel, padding: .all(kernel / 2), bias: false)
    norm = BatchNorm(scope["bn"], outputs)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { norm(convolution(x)).relu() }
}

extension Tensor {
  /// Zeros around pictures [N, H, W, C].
  func padded(_ padding: Padding) -> Tensor {
    func grown(_ x: Tensor, _ axis: Int, _ before: Int, _ after: Int) -> Tensor {
      func zeros(_ size: Int) -> [Tensor] {
        var shape = x.shape
        shape[axis] = size
        return size > 0 ? [Tensor(repeating: 0, shape: shape, like: x)] : []
      }
      return before + after == 0 ? x : .concatenated(zeros(before) + [x] + zeros(after), axis: axis)
    }
    return grown(grown(self, 1, padding.top, padding.bottom), 2, padding.left, padding.right)
  }

  /// The mean of each 2×2 pixels: half the size.
  func halved() -> Tensor {
    let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
    return reshaped([n, h / 2, 2, w, c]).mean([2]).reshaped([n, h / 2, w / 2, 2, c]).mean([3])
      .reshaped([n, h / 2, w / 2, c])
  }

  /// The mean over all pixels: [N, H, W, C] → [N, 1, 1, C].
  var averagedOverPixels: Tensor { mean([1, 2]) }

  /// Every `step`-th pixel, from the first.
  func subsampled(_ step: Int) -> Tensor {
    if step == 1 { return self }
    let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
    let (rows, columns) = ((h + step - 1) / step, (w + step - 1) / step)
    let whole = padded(Padding(top: 0, left: 0, bottom: rows * step - h, right: columns * step - w))
    return whole.reshaped([n, rows, step, columns, step, c]).narrowed(2, 0..<1).narrowed(4, 0..<1)
      .reshaped([n, rows, columns, c])
  }

  /// To [N, height, width, C] by the value of the nearest pixel, as PyTorch's `nearest`: ⌊i·from/to⌋.
  func resizedNearest(height: Int, width: Int) -> Tensor {
    if shape[1] == height, shape[2] == width { return self }
    func weights(_ from: Int, _ to: Int) -> ResamplingWeights {
      ResamplingWeights(from: from, rows: (0..<to).map { .init(first: $0 * from / to, weights: [1]) })
    }
    return resampled(vertical: weights(shape[1], height), horizontal: weights(shape[2], width))
  }

  /// To [N, height, width, C] by bilinear interpolation without antialiasing. With `corners`, the corners' centers fall
  /// on each other (`align_corners=True`); without, the pictures' edges do.
  func resizedBilinear(height: Int, width: Int, corners: Bool) -> Tensor {
    if shape[1] == height, shape[2] == width { return self }
    func weights(_ from: Int, _ to: Int) -> ResamplingWeights {
      let rows = (0..<to).map { index -> ResamplingWeights.Row in
        let place =
          corners
          ? to > 1 ? Double(index * (from - 1)) / Double(to - 1) : 0
          : max(0, (Double(index) + 0.5) * Double(from) / Double(to) - 0.5)
        let first = min(Int(place), from - 1)
        let part = place - Double(first)
        return .init(first: first, weights: first + 1 < from ? [1 - part, part] : [1])
      }
      return ResamplingWeights(from: from, rows: rows)
    }
    return resampled(vertical: weights(shape[1], height), horizontal: weights(shape[2], width))
  }

  /// Pictures in [−1, 1] as torchvision's networks take them: on [0, 1], less ImageNet's mean, over its deviation.
  func normalizedForImageNet() -> Tensor {
    func constant(_ values: [Double]) -> Tensor { .constant(values, shape: [3], like: self) }
    return ((self + 1) / 2 - constant([0.485, 0.456, 0.406])) / constant([0.229, 0.224, 0.225])
  }
}
