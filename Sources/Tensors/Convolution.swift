import Kernels

// Two-dimensional convolution, channels-last.
//
// 3×3 kernels at stride 1 go by Winograd's method where that is less work (Winograd.swift), others directly
// (DirectConvolution.swift).

/// Zeros around a picture, in pixels.
public struct Padding: Sendable, Hashable {
  public var top: Int, left: Int, bottom: Int, right: Int

  public init(top: Int, left: Int, bottom: Int, right: Int) {
    self.top = top
    self.left = left
    self.bottom = bottom
    self.right = right
  }

  public static func all(_ size: Int) -> Padding { Padding(top: size, left: size, bottom: size, right: size) }
}

extension Tensor {
  /// y[n,h,w,o] = b[o] + Σ x[n, h·stride + i − top, w·stride + j − left, c]·weight[i, j, c, o].
  ///
  /// x [N, H, W, C], weight [height, width, C, O], bias [O].
  ///
  /// - Parameters:
  ///   - upsample2x: whether each pixel of x stands for 2×2, as if it were ``upsampledNearest2x()`` before.
  ///   - channelBias: [N, O], added to all pixels of an item.
  ///   - residual: of the result's shape, added to it.
  public func conv2d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: Int = 1, padding: Padding = .all(0), upsample2x: Bool = false,
    channelBias: Tensor? = nil, residual: Tensor? = nil
  ) -> Tensor {
    let scale = upsample2x ? 2 : 1
    let convolution = Convolution(
      input: [shape[0], scale * shape[1], scale * shape[2], shape[3]], weight: weight.shape, stride: stride,
      padding: padding, type: type, upsample2x: upsample2x)
    precondition(bias == nil || bias!.shape == [convolution.outputs], "a bias \(bias!.shape) for \(weight.shape)")
    if let y = Tensor.withoutValues(convolution.output, from: self, weight, bias, channelBias, residual) {
      convolution.countProducts()
      return y
    }
    let isPlain = !upsample2x && channelBias == nil && residual == nil
    if convolution.cutsPatches, isPlain { return patchProducts(weight, bias) }
    let method = convolution.method
    guard gpu != nil || method != .direct || isPlain else {
      var y = (upsample2x ? upsampledNearest2x() : self).conv2d(weight, bias, stride: stride, padding: padding)
      if let channelBias { y = y + channelBias.reshaped([channelBias.shape[0], 1, 1, channelBias.shape[1]]) }
      return residual.map { $0 + y } ?? y
    }
    precondition(
      channelBias == nil || channelBias!.shape == [shape[0], convolution.outputs],
      "a channel bias \(channelBias!.shape) for \(shape)")
    let y = convolution.forward(self, weight, bias, channelBias: channelBias, residual: residual)
    let (x, w) = (detached, weight.detached)
    let inputs = [(self, Role.x), (weight, .weight), (bias, .bias), (channelBias, .channelBias), (residual, .residual)]
      .compactMap { input, role in input.map { (tensor: $0, role: role, needed: $0.requiresGradient) } }
    return y.recorded("conv2d", inputs.map(\.tensor)) { gy in
      let needed = Set(inputs.filter(\.needed).map(\.role))
      let sums = needed.contains(.bias) || needed.contains(.channelBias) ? gy.sumsOverPixels() : nil
      return inputs.map { _, role, isNeeded in
        guard isNeeded else { return nil }
        return switch role {
        case .x: convolution.inputGradient(gy, w)
        case .weight: convolution.weightGradient(gy, x)
        case .bias: sums.map { $0.columnSums(rows: $0.shape[0], columns: $0.shape[1]) }
        case .channelBias: sums
        case .residual: gy
        }
      }
    }
  }

  /// What an input of a convolution is to it.
  private enum Role { case x, weight, bias, channelBias, residual }

  /// Σ over each item's pixels, [N, C], without the graph.
  private func sumsOverPixels() -> Tensor {
    let (items, columns) = (shape[0], size(-1))
    let pixels = count / max(1, items * columns)
    return Tensor.computed("sumsOverPixels", [items, columns], from: self) { sums in
      for item in 0..<items {
        let part = Tensor(uninitialized: [columns], type: type)
        columnSums(from: item * pixels, rows: pixels, columns: columns, into: part)
        sums.pointer(at: item * columns).copyMemory(from: part.pointer, byteCount: columns * type.size)
      }
    } card: {
      try $0.columnSums(buffer, items: items, rows: pixels, columns: columns, into: $1)
    }
  }

  /// The convolution whose windows meet without overlap, as a vision transformer cuts patches: one matrix product.
  private func patchProducts(_ weight: Tensor, _ bias: Tensor?) -> Tensor {
    let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
    let (kernelHeight, kernelWidth, outputs) = (weight.shape[0], weight.shape[1], weight.shape[3])
    let (rows, columns) = (h / kernelHeight, w / kernelWidth)
    let patches = reshaped([n, rows, kernelHeight, columns, kernelWidth, c]).permuted([0, 1, 3, 2, 4, 5])
    let y = patches.reshaped([n * rows * columns, -1]).matmul(weight.reshaped([-1, outputs]))
    return (bias.map { y + $0 } ?? y).reshaped([n, rows, columns, outputs])
  }
}

/// The geometry of one convolution, and how it and its gradients are computed.
struct Convolution: Sendable {
  let items: Int, height: Int, width: Int, channels: Int
  let kernelHeight: Int, kernelWidth: Int, outputs: Int
  let stride: Int
  let padding: Padding
  let outputHeight: Int, outputWidth: Int
  let type: ScalarType
  /// Whether each pixel of the input stands for 2×2; height and width are those after that.
  private let upsample2x: Bool

  init(input: [Int], weight: [Int], stride: Int, padding: Padding, type: ScalarType, upsample2x: Bool) {
    precondition(input.count == 4 && weight.count == 4, "a convolution of \(input) with \(weight)")
    precondition(input[3] == weight[2], "\(input[3]) channels meet a weight \(weight)")
    items = input[0]
    height = input[1]
    width = input[2]
    channels = input[3]
    kernelHeight = weight[0]
    kernelWidth = weight[1]
    outputs = weight[3]
    self.stride = stride
    self.padding = padding
    self.type = type
    self.upsample2x = upsample2x
    outputHeight = (height + padding.top + padding.bottom - kernelHeight) / stride + 1
    outputWidth = (width + padding.left + padding.right - kernelWidth) / stride + 1
    precondition(outputHeight > 0 && outputWidth > 0, "a kernel \(weight) is larger than its input \(input)")
  }

  /// Whether its windows lie side by side and cover the input exactly.
  var cutsPatches: Bool {
    stride > 1 && kernelHeight == stride && kernelWidth == stride && padding == .all(0)
      && height % stride == 0 && width % stride == 0
  }

  // MARK: The choice of a method, for one item, so that no item's result depends on those beside it

  enum Method: Hashable {
    case direct
    /// F(m×m, 3×3).
    case winograd(m: Int)
  }

  /// The method that is least work, by shapes alone: results do not depend on how fast anything was.
  var method: Method { best(direct: directWork * outputs.roundedUp(to: 32), inner: channels, columns: outputs) }

  private var inputGradientMethod: Method {
    best(direct: directWork / channels * outputs * channels.roundedUp(to: 32), inner: outputs, columns: channels)
  }

  private var weightGradientMethod: Method {
    // What is left over from panels of 32 columns is not done in vectors.
    let columns = outputs / 32 * 32 + outputs % 32 * 16
    return best(direct: directWork * columns, inner: channels, columns: outputs)
  }

  /// Multiplications for each output of an item.
  private var directWork: Int { outputHeight * outputWidth * kernelHeight * kernelWidth * channels }

  private func best(direct: Int, inner: Int, columns: Int) -> Method {
    guard stride == 1, kernelHeight == 3, kernelWidth == 3, type == .float32, padding.top <= 2, padding.left <= 2 else {
      return .direct
    }
    func cost(_ m: Int) -> Int {
      WinogradConvolution.cost(
        m: m, height: outputHeight, width: outputWidth, inner: inner, columns: columns)
    }
    let weights = 9 * inner * columns
    let choices: [(method: Method, cost: Int)] = [
      (.direct, upsample2x ? .max : direct + weights * (weights > 1 << 21 ? 48 : 12)),
      (.winograd(m: 2), cost(2)), (.winograd(m: 4), cost(4)),
    ]
    return choices.min { $0.cost < $1.cost }?.method ?? .direct
  }

  var input: [Int] { [items, height, width, channels] }
  var output: [Int] { [items, outputHeight, outputWidth, outputs] }

  private func winograd(_ m: Int) -> WinogradConvolution {
    WinogradConvolution(
      m: m, input: input, output: output, top: padding.top, left: padding.left, upsample2x: upsample2x)
  }

  /// As a graphics card has it.
  private var onCard: GPUConvolution {
    GPUConvolution(
      input: input, weight: [kernelHeight, kernelWidth, channels, outputs], stride: stride, top: padding.top,
      left: padding.left, output: output, isHalved: upsample2x)
  }

  // MARK: Computing

  /// Counts one product of all windows with the kernel: the result, or one of its gradients.
  func countProducts() {
    FLOPs.add(multiplications: items, outputHeight, outputWidth, outputs, kernelHeight, kernelWidth, channels)
  }

  /// `channelBias` and `residual` go with Winograd's method alone.
  func forward(
    _ x: Tensor, _ weight: Tensor, _ bias: Tensor?, channelBias: Tensor? = nil, residual: Tensor? = nil
  ) -> Tensor {
    countProducts()
    if x.gpu != nil {
      return Tensor.computed("conv2d", output, from: x, weight, bias, channelBias, residual) { _ in
      } card: {
        try $0.convolution(
          onCard, x.buffer, weight.buffer, bias: bias?.buffer, channelBias: channelBias?.buffer,
          residual: residual?.buffer, into: $1)
      }
    }
    return switch method {
    case .direct: directly(x, weight, bias)
    case .winograd(let m): winograd(m)(x, weight, bias: bias, channelBias: channelBias, residual: residual)
    }
  }

  func inputGradient(_ gy: Tensor, _ weight: Tensor) -> Tensor {
    countProducts()
    if gy.gpu != nil {
      let stored = upsample2x ? [items, height / 2, width / 2, channels] : input
      return Tensor.computed("conv2d", stored, from: gy, weight) { _ in
      } card: {
        try $0.convolutionInputGradient(onCard, gy.buffer, weight.buffer, into: $1)
      }
    }
    return switch inputGradientMethod {
    case .direct: directInputGradient(gy, weight)
    case .winograd(let m): winograd(m).inputGradient(gy, weight, m: m)
    }
  }

  func weightGradient(_ gy: Tensor, _ x: Tensor) -> Tensor {
    countProducts()
    if gy.gpu != nil {
      return Tensor.computed("conv2d", [kernelHeight, kernelWidth, channels, outputs], from: gy, x) { _ in
      } card: {
        try $0.convolutionWeightGradient(onCard, gy.buffer, x.buffer, into: $1)
      }
    }
    return switch weightGradientMethod {
    case .direct: directWeightGradient(gy, x)
    case .winograd(let m): winograd(m).weightGradient(gy, x)
    }
  }
}

let convolutionCases: [GradientCase] = [
  GradientCase("conv2d", [[2, 5, 6, 3], [3, 3, 3, 4], [4]]) { $0[0].conv2d($0[1], $0[2], padding: .all(1)) },
  GradientCase("conv2d", [[1, 6, 6, 2], [3, 3, 2, 3], [3]]) {
    $0[0].conv2d($0[1], $0[2], stride: 2, padding: Padding(top: 0, left: 0, bottom: 1, right: 1))
  },
  GradientCase("conv2d", [[1, 7, 5, 2], [3, 3, 2, 3]]) { $0[0].conv2d($0[1], stride: 2, padding: .all(1)) },
  GradientCase("conv2d", [[1, 8, 8, 2], [4, 4, 2, 3]]) { $0[0].conv2d($0[1], stride: 4) },
  GradientCase("conv2d", [[2, 4, 2, 2], [4, 4, 2, 3], [2, 3], [2, 2, 1, 3]]) {
    $0[0].conv2d($0[1], stride: 4, upsample2x: true, channelBias: $0[2], residual: $0[3])
  },
  GradientCase("conv2d", [[2, 3, 4, 2], [3, 3, 2, 3], [3], [2, 3], [2, 6, 8, 3]]) {
    $0[0].conv2d($0[1], $0[2], padding: .all(1), upsample2x: true, channelBias: $0[3], residual: $0[4])
  },
  GradientCase("conv2d", [[1, 7, 8, 2], [5, 2, 2, 3]]) {
    $0[0].conv2d($0[1], stride: 3, padding: Padding(top: 4, left: 0, bottom: 1, right: 3))
  },
  GradientCase("conv2d", [[2, 3, 9, 3], [1, 1, 3, 35]]) { $0[0].conv2d($0[1]) },
]
