import Kernels

// Two-dimensional convolution, channels-last.
//
// 3×3 kernels at stride 1 go by Winograd's method where that is less work (see Winograd.swift). Otherwise the input is
// copied once into a frame of zeros, so that no inner loop meets an edge; then every output row is a matrix product of
// sliding windows with the weights, taken straight from the frame without unrolling it. Both gradients are products of
// the same two kinds.

/// Zeros around a picture, in pixels.
public struct Padding: Sendable, Hashable {
  public var top: Int, left: Int, bottom: Int, right: Int

  public init(top: Int, left: Int, bottom: Int, right: Int) {
    (self.top, self.left, self.bottom, self.right) = (top, left, bottom, right)
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
    if convolution.cutsPatches { return patchProducts(weight, bias) }
    let method = convolution.method
    guard method != .direct || (!upsample2x && channelBias == nil && residual == nil) else {
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
    let sums = Tensor(uninitialized: [items, columns], type: type)
    for item in 0..<items {
      let part = Tensor(uninitialized: [columns], type: type)
      columnSums(from: item * pixels, rows: pixels, columns: columns, into: part)
      sums.pointer(at: item * columns).copyMemory(from: part.pointer, byteCount: columns * type.size)
    }
    return sums
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

  /// x in a frame of zeros. [N, H, W, C].
  fileprivate func framed(_ padding: Padding) -> Tensor {
    let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
    if padding == .all(0) { return detached }
    let height = h + padding.top + padding.bottom
    let width = w + padding.left + padding.right
    let y = Tensor(uninitialized: [n, height, width, c], type: type)
    let pixel = c * type.size
    Parallel.forEachRange(n * height, grain: max(1, elementwiseGrain / (width * c))) { rows in
      for row in rows {
        let target = y.pointer(at: row * width * c)
        let (item, line) = row.quotientAndRemainder(dividingBy: height)
        let source = line - padding.top
        guard (0..<h).contains(source) else {
          target.initializeMemory(as: UInt8.self, repeating: 0, count: width * pixel)
          continue
        }
        target.initializeMemory(as: UInt8.self, repeating: 0, count: padding.left * pixel)
        (target + padding.left * pixel).copyMemory(from: pointer(at: (item * h + source) * w * c), byteCount: w * pixel)
        (target + (width - padding.right) * pixel)
          .initializeMemory(as: UInt8.self, repeating: 0, count: padding.right * pixel)
      }
    }
    return y
  }
}

/// The geometry of one convolution, and how it and its gradients are computed.
private struct Convolution: Sendable {
  let items: Int, height: Int, width: Int, channels: Int
  let kernelHeight: Int, kernelWidth: Int, outputs: Int
  let stride: Int
  let padding: Padding
  let outputHeight: Int, outputWidth: Int
  private let type: ScalarType
  /// Whether each pixel of the input stands for 2×2; height and width are those after that.
  private let upsample2x: Bool

  init(input: [Int], weight: [Int], stride: Int, padding: Padding, type: ScalarType, upsample2x: Bool) {
    precondition(input.count == 4 && weight.count == 4, "a convolution of \(input) with \(weight)")
    precondition(input[3] == weight[2], "\(input[3]) channels meet a weight \(weight)")
    (items, height, width, channels) = (input[0], input[1], input[2], input[3])
    (kernelHeight, kernelWidth, outputs) = (weight[0], weight[1], weight[3])
    (self.stride, self.padding, self.type, self.upsample2x) = (stride, padding, type, upsample2x)
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

  private var input: [Int] { [items, height, width, channels] }
  private var output: [Int] { [items, outputHeight, outputWidth, outputs] }

  private func winograd(_ m: Int) -> WinogradConvolution {
    WinogradConvolution(
      m: m, input: input, output: output, top: padding.top, left: padding.left, upsample2x: upsample2x)
  }

  // MARK: Computing

  /// `channelBias` and `residual` go with Winograd's method alone.
  func forward(
    _ x: Tensor, _ weight: Tensor, _ bias: Tensor?, channelBias: Tensor? = nil, residual: Tensor? = nil
  ) -> Tensor {
    let inner = kernelWidth * channels
    Work.add(items * outputHeight * outputWidth * outputs * kernelHeight * inner)
    if case .winograd(let m) = method {
      return winograd(m)(x, weight, bias: bias, channelBias: channelBias, residual: residual)
    }
    let frame = x.framed(padding)
    let y = Tensor(uninitialized: output, type: type)
    let kernel = Self.alignedColumns(weight, outputs)
    let line = frame.shape[2] * channels
    // The vector loads of a bias reach to the next multiple of 32 too.
    let alignedBias = bias.map { Self.alignedColumns($0, outputs) }
    let rowWork = outputWidth * outputs * kernelHeight * inner
    Parallel.forEachRange(items * outputHeight, grain: max(1, (1 << 20) / rowWork)) { rows in
      for row in rows {
        let (item, line0) = row.quotientAndRemainder(dividingBy: outputHeight)
        ck_multiply_windows(
          type.rawValue, frame.pointer(at: (item * frame.shape[1] + line0 * stride) * line), line, stride * channels,
          kernel.pointer, kernel.size(-1), alignedBias?.pointer, y.pointer(at: row * outputWidth * outputs), outputs,
          outputWidth, kernelHeight, inner, outputs)
      }
    }
    return y
  }

  /// The convolution of gy with the kernel turned by 180° and its channels exchanged.
  ///
  /// At a stride s the input's rows and columns fall into s phases, each of which meets only every s-th tap.
  func inputGradient(_ gy: Tensor, _ weight: Tensor) -> Tensor {
    Work.add(items * outputHeight * outputWidth * outputs * kernelHeight * kernelWidth * channels)
    if case .winograd(let m) = inputGradientMethod {
      return winograd(m).inputGradient(gy, weight, m: m)
    }
    let gx = Tensor(uninitialized: input, type: type)
    let rows = (0..<stride).map { Phase($0, stride: stride, kernel: kernelHeight, before: padding.top, size: height) }
    let columns = (0..<stride).map { Phase($0, stride: stride, kernel: kernelWidth, before: padding.left, size: width) }
    // Zeros around gy as far as the taps reach.
    let (reachHigh, reachWide) = ((kernelHeight - 1) / stride, (kernelWidth - 1) / stride)
    let frame = gy.framed(
      Padding(
        top: reachHigh, left: reachWide, bottom: max(0, (height - 1 + padding.top) / stride - outputHeight + 1),
        right: max(0, (width - 1 + padding.left) / stride - outputWidth + 1)))
    let line = frame.shape[2] * outputs
    for vertical in rows where vertical.count > 0 {
      for horizontal in columns where horizontal.count > 0 {
        let kernel = turnedTaps(weight, vertical, horizontal)
        let inner = horizontal.taps * outputs
        let work = max(1, horizontal.count * vertical.taps * inner * channels)
        Parallel.forEachRange(items * vertical.count, grain: max(1, (1 << 20) / work)) { lines in
          for index in lines {
            let (item, at) = index.quotientAndRemainder(dividingBy: vertical.count)
            let source = item * frame.shape[1] + vertical.firstOutput + at + reachHigh - (vertical.taps - 1)
            let target = (item * height + vertical.first + at * stride) * width + horizontal.first
            ck_multiply_windows(
              type.rawValue,
              frame.pointer(
                at: source * line + (horizontal.firstOutput + reachWide - (horizontal.taps - 1)) * outputs), line,
              outputs, kernel.pointer, channels.roundedUp(to: 32), nil, gx.pointer(at: target * channels),
              stride * channels, horizontal.count, vertical.taps, inner, channels)
          }
        }
      }
    }
    return gx
  }

  /// The rows (or columns) of the input that meet the taps `phase`, `phase` + stride, … along one axis.
  private struct Phase {
    let phase: Int
    /// How many taps there are.
    let taps: Int
    /// The first such row, and how many there are, a stride apart.
    let first: Int, count: Int
    /// The output row that meets the first of them by the first tap.
    let firstOutput: Int

    init(_ phase: Int, stride: Int, kernel: Int, before: Int, size: Int) {
      self.phase = phase
      taps = max(0, (kernel - phase + stride - 1) / stride)
      firstOutput = max(0, (before - phase + stride - 1) / stride)
      first = firstOutput * stride + phase - before
      count = max(0, (size - first + stride - 1) / stride)
    }
  }

  /// The taps of two phases in reverse order, [taps, taps, O, C] with rows of a multiple of 32 numbers.
  private func turnedTaps(_ weight: Tensor, _ vertical: Phase, _ horizontal: Phase) -> Storage {
    let (c, o) = (channels, outputs)
    return weight.storage.derived("turned \(stride) \(vertical.phase) \(horizontal.phase)") {
      let aligned = c.roundedUp(to: 32)
      let (high, wide, size) = (vertical.taps, horizontal.taps, type.size)
      let result = Storage(bytes: max(1, high * wide * o * aligned) * size)
      let pieces = (o + 63) / 64
      Parallel.forEach(high * wide * pieces) { piece in
        let (tap, part) = piece.quotientAndRemainder(dividingBy: pieces)
        let i = vertical.phase + (high - 1 - tap / wide) * stride
        let j = horizontal.phase + (wide - 1 - tap % wide) * stride
        let rows = part * 64..<min(o, part * 64 + 64)
        for row in rows {
          let target = result.pointer + (tap * o + row) * aligned * size
          ck_gather_strided(
            type.rawValue, weight.pointer(at: (i * kernelWidth + j) * c * o + row), target, 1, [Int64(c)], [Int64(o)])
          (target + c * size).initializeMemory(as: UInt8.self, repeating: 0, count: (aligned - c) * size)
        }
      }
      return result
    }
  }

  func weightGradient(_ gy: Tensor, _ x: Tensor) -> Tensor {
    let inner = kernelWidth * channels
    Work.add(items * outputHeight * outputWidth * outputs * kernelHeight * inner)
    if case .winograd(let m) = weightGradientMethod { return winograd(m).weightGradient(gy, x) }
    let frame = x.framed(padding)
    let gw = Tensor.zeros([kernelHeight, kernelWidth, channels, outputs], type: type)
    if type == .float32, channels % 8 == 0, outputs % 32 == 0 {
      addProducts(gy, frame, to: gw)
      return gw
    }
    // Each piece owns some rows of the result and walks over all pixels: nothing is shared, nothing to add up.
    let band = max(8, min(inner, (inner + 5) / 6 + 7) / 8 * 8)
    let bands = (inner + band - 1) / band
    Parallel.forEach(kernelHeight * bands) { piece in
      let (i, part) = piece.quotientAndRemainder(dividingBy: bands)
      let rows = part * band..<min(inner, (part + 1) * band)
      let target = gw.pointer(at: (i * inner + rows.lowerBound) * outputs)
      for row in 0..<items * outputHeight {
        let (item, line) = row.quotientAndRemainder(dividingBy: outputHeight)
        let source = ((item * frame.shape[1] + line * stride + i) * frame.shape[2]) * channels + rows.lowerBound
        ck_multiply_windows_transposed(
          type.rawValue, frame.pointer(at: source), stride * channels,
          gy.pointer(at: row * outputWidth * outputs), outputs, target, outputs, outputWidth, rows.count, outputs)
      }
    }
    return gw
  }

  /// The weight's gradient as a product for each tap and band of channels, over pixels that are gathered before.
  private func addProducts(_ gy: Tensor, _ frame: Tensor, to gw: Tensor) {
    let (band, run) = (64, 256)
    let bands = (channels + band - 1) / band
    let pixels = items * outputHeight * outputWidth
    let (source, gradient, target) = (frame.floats.baseAddress!, gy.floats.baseAddress!, gw.floats.baseAddress!)
    Parallel.forEach(kernelHeight * kernelWidth * bands) { piece in
      let (tap, first) = (piece / bands, piece % bands * band)
      let (i, j) = tap.quotientAndRemainder(dividingBy: kernelWidth)
      let width = min(band, channels - first)
      let gathered = Tensor(uninitialized: [run, width], type: .float32)
      let a = gathered.floats.baseAddress!
      for begin in Swift.stride(from: 0, to: pixels, by: run) {
        let count = min(run, pixels - begin)
        for pixel in 0..<count {
          let (line, column) = (begin + pixel).quotientAndRemainder(dividingBy: outputWidth)
          let (item, row) = line.quotientAndRemainder(dividingBy: outputHeight)
          let at = (item * frame.shape[1] + row * stride + i) * frame.shape[2] + column * stride + j
          (a + pixel * width).update(from: source + at * channels + first, count: width)
        }
        ck_correlate(
          a, width, gradient + begin * outputs, outputs, target + (tap * channels + first) * outputs, outputs, count,
          width, outputs)
      }
    }
  }

  /// `weight` with zeros after each row up to a multiple of 32 columns, which the tiles of the product read.
  private static func alignedColumns(_ weight: Tensor, _ columns: Int) -> Tensor {
    let aligned = columns.roundedUp(to: 32)
    if aligned == columns { return weight }
    let padded = Tensor.zeros(weight.shape.dropLast() + [aligned], type: weight.type)
    for row in 0..<weight.count / columns {
      padded.pointer(at: row * aligned)
        .copyMemory(from: weight.pointer(at: row * columns), byteCount: columns * weight.type.size)
    }
    return padded
  }
}

let convolutionCases: [GradientCase] = [
  GradientCase("conv2d", [[2, 5, 6, 3], [3, 3, 3, 4], [4]]) { $0[0].conv2d($0[1], $0[2], padding: .all(1)) },
  GradientCase("conv2d", [[1, 6, 6, 2], [3, 3, 2, 3], [3]]) {
    $0[0].conv2d($0[1], $0[2], stride: 2, padding: Padding(top: 0, left: 0, bottom: 1, right: 1))
  },
  GradientCase("conv2d", [[1, 7, 5, 2], [3, 3, 2, 3]]) { $0[0].conv2d($0[1], stride: 2, padding: .all(1)) },
  GradientCase("conv2d", [[1, 8, 8, 2], [4, 4, 2, 3]]) { $0[0].conv2d($0[1], stride: 4) },
  GradientCase("conv2d", [[2, 3, 4, 2], [3, 3, 2, 3], [3], [2, 3], [2, 6, 8, 3]]) {
    $0[0].conv2d($0[1], $0[2], padding: .all(1), upsample2x: true, channelBias: $0[3], residual: $0[4])
  },
  GradientCase("conv2d", [[1, 7, 8, 2], [5, 2, 2, 3]]) {
    $0[0].conv2d($0[1], stride: 3, padding: Padding(top: 4, left: 0, bottom: 1, right: 3))
  },
  GradientCase("conv2d", [[2, 3, 9, 3], [1, 1, 3, 35]]) { $0[0].conv2d($0[1]) },
]
