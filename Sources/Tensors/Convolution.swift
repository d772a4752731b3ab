import Kernels

// Two-dimensional convolution, channels-last.
//
// The input is copied once into a frame of zeros, so that no inner loop meets an edge; then every output row is a
// matrix product of sliding windows with the weights, taken straight from the frame without unrolling it. Both
// gradients are products of the same two kinds.

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
  public func conv2d(_ weight: Tensor, _ bias: Tensor? = nil, stride: Int = 1, padding: Padding = .all(0)) -> Tensor {
    let convolution = Convolution(input: shape, weight: weight.shape, stride: stride, padding: padding)
    if convolution.cutsPatches { return patchProducts(weight, bias) }
    let y = convolution.forward(self, weight, bias)
    let (x, w) = (detached, weight.detached)
    let needs = (x: requiresGradient, w: weight.requiresGradient, b: bias?.requiresGradient ?? false)
    return y.recorded("conv2d", [self, weight] + (bias.map { [$0] } ?? [])) { gy in
      let gx = needs.x ? convolution.inputGradient(gy, w) : nil
      let gw = needs.w ? convolution.weightGradient(gy, x) : nil
      let gb = needs.b ? gy.columnSums(rows: gy.count / gy.size(-1), columns: gy.size(-1)) : nil
      return bias == nil ? [gx, gw] : [gx, gw, gb]
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

  /// x in a frame of zeros, with zeros between its pixels where `spacing` > 1. [N, H, W, C].
  func framed(_ padding: Padding, spacing: Int = 1) -> Tensor {
    let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
    if padding == .all(0), spacing == 1 { return detached }
    let spread = (h: (h - 1) * spacing + 1, w: (w - 1) * spacing + 1)
    let height = spread.h + padding.top + padding.bottom
    let width = spread.w + padding.left + padding.right
    let y = Tensor(uninitialized: [n, height, width, c], type: type)
    let pixel = c * type.size
    Parallel.forEachRange(n * height, grain: max(1, elementwiseGrain / (width * c))) { rows in
      for row in rows {
        let target = y.pointer(at: row * width * c)
        let (item, line) = row.quotientAndRemainder(dividingBy: height)
        let source = line - padding.top
        guard (0..<spread.h).contains(source), source % spacing == 0 else {
          target.initializeMemory(as: UInt8.self, repeating: 0, count: width * pixel)
          continue
        }
        let from = pointer(at: (item * h + source / spacing) * w * c)
        target.initializeMemory(as: UInt8.self, repeating: 0, count: padding.left * pixel)
        if spacing == 1 {
          (target + padding.left * pixel).copyMemory(from: from, byteCount: w * pixel)
        } else {
          let inside = target + padding.left * pixel
          inside.initializeMemory(as: UInt8.self, repeating: 0, count: spread.w * pixel)
          for x in 0..<w { (inside + x * spacing * pixel).copyMemory(from: from + x * pixel, byteCount: pixel) }
        }
        (target + (width - padding.right) * pixel)
          .initializeMemory(as: UInt8.self, repeating: 0, count: padding.right * pixel)
      }
    }
    return y
  }
}

/// The geometry of one convolution.
private struct Convolution: Sendable {
  let items: Int, height: Int, width: Int, channels: Int
  let kernelHeight: Int, kernelWidth: Int, outputs: Int
  let stride: Int
  let padding: Padding
  let outputHeight: Int, outputWidth: Int

  init(input: [Int], weight: [Int], stride: Int, padding: Padding) {
    precondition(input.count == 4 && weight.count == 4, "a convolution of \(input) with \(weight)")
    precondition(input[3] == weight[2], "\(input[3]) channels meet a weight \(weight)")
    (items, height, width, channels) = (input[0], input[1], input[2], input[3])
    (kernelHeight, kernelWidth, outputs) = (weight[0], weight[1], weight[3])
    (self.stride, self.padding) = (stride, padding)
    outputHeight = (height + padding.top + padding.bottom - kernelHeight) / stride + 1
    outputWidth = (width + padding.left + padding.right - kernelWidth) / stride + 1
    precondition(outputHeight > 0 && outputWidth > 0, "a kernel \(weight) is larger than its input \(input)")
  }

  /// Whether its windows lie side by side and cover the input exactly.
  var cutsPatches: Bool {
    stride > 1 && kernelHeight == stride && kernelWidth == stride && padding == .all(0)
      && height % stride == 0 && width % stride == 0
  }

  func forward(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?) -> Tensor {
    precondition(bias == nil || bias!.shape == [outputs], "a bias \(bias!.shape) for \(outputs) outputs")
    let frame = x.framed(padding)
    let y = Tensor(uninitialized: [items, outputHeight, outputWidth, outputs], type: x.type)
    let kernel = Self.alignedColumns(weight, outputs)
    let (line, inner) = (frame.shape[2] * channels, kernelWidth * channels)
    // The vector loads of a bias reach to the next multiple of 32 too.
    let shift = bias.map { Self.alignedColumns($0, outputs) }
    let rowWork = outputWidth * outputs * kernelHeight * inner
    Work.add(items * outputHeight * rowWork)
    Parallel.forEachRange(items * outputHeight, grain: max(1, (1 << 20) / rowWork)) { rows in
      for row in rows {
        let (item, line0) = row.quotientAndRemainder(dividingBy: outputHeight)
        ck_multiply_windows(
          x.type.rawValue, frame.pointer(at: (item * frame.shape[1] + line0 * stride) * line), line, stride * channels,
          kernel.pointer, kernel.size(-1), shift?.pointer, y.pointer(at: row * outputWidth * outputs), outputs,
          outputWidth, kernelHeight, inner, outputs)
      }
    }
    return y
  }

  /// The convolution of gy, spread by the stride, with the kernel turned by 180° and its channels exchanged.
  func inputGradient(_ gy: Tensor, _ weight: Tensor) -> Tensor {
    let turned = Self.turned(weight)
    let spread = ((outputHeight - 1) * stride + 1, (outputWidth - 1) * stride + 1)
    let (top, left) = (kernelHeight - 1 - padding.top, kernelWidth - 1 - padding.left)
    let frame = gy.framed(
      Padding(
        top: max(0, top), left: max(0, left), bottom: max(0, height - spread.0 - top + kernelHeight - 1),
        right: max(0, width - spread.1 - left + kernelWidth - 1)), spacing: stride)
    // Padding beyond the kernel's reach cuts the frame instead of growing it.
    let cut =
      (top < 0 || left < 0)
      ? frame.narrowed(1, max(0, -top)..<frame.shape[1]).narrowed(2, max(0, -left)..<frame.shape[2]) : frame
    let exact = Tensor(
      shape: cut.shape, type: cut.type, storage: cut.storage)
    let result = Convolution(input: exact.shape, weight: turned.shape, stride: 1, padding: .all(0))
      .forward(exact, turned, nil)
    return result.shape[1] == height && result.shape[2] == width
      ? result : result.narrowed(1, 0..<height).narrowed(2, 0..<width)
  }

  func weightGradient(_ gy: Tensor, _ x: Tensor) -> Tensor {
    let frame = x.framed(padding)
    let inner = kernelWidth * channels
    let gw = Tensor.zeros([kernelHeight, kernelWidth, channels, outputs], type: x.type)
    Work.add(items * outputHeight * outputWidth * outputs * kernelHeight * inner)
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
          x.type.rawValue, frame.pointer(at: source), stride * channels,
          gy.pointer(at: row * outputWidth * outputs), outputs, target, outputs, outputWidth, rows.count, outputs)
      }
    }
    return gw
  }

  /// `weight` with zeros after each row up to a multiple of 32 columns, which the tiles of the product read.
  private static func alignedColumns(_ weight: Tensor, _ columns: Int) -> Tensor {
    let aligned = (columns + 31) / 32 * 32
    if aligned == columns { return weight }
    let padded = Tensor.zeros(weight.shape.dropLast() + [aligned], type: weight.type)
    for row in 0..<weight.count / columns {
      padded.pointer(at: row * aligned)
        .copyMemory(from: weight.pointer(at: row * columns), byteCount: columns * weight.type.size)
    }
    return padded
  }

  /// [height, width, C, O] → [height, width, O, C] with both spatial axes reversed.
  private static func turned(_ weight: Tensor) -> Tensor {
    let (h, w, c, o) = (weight.shape[0], weight.shape[1], weight.shape[2], weight.shape[3])
    let result = Tensor(uninitialized: [h, w, o, c], type: weight.type)
    Parallel.forEach(h * w) { tap in
      ck_gather_strided(
        weight.type.rawValue, weight.pointer(at: (h * w - 1 - tap) * c * o), result.pointer(at: tap * c * o), 2,
        [Int64(o), Int64(c)], [1, Int64(o)])
    }
    return result
  }
}

let convolutionCases: [GradientCase] = [
  GradientCase("conv2d", [[2, 5, 6, 3], [3, 3, 3, 4], [4]]) { $0[0].conv2d($0[1], $0[2], padding: .all(1)) },
  GradientCase("conv2d", [[1, 6, 6, 2], [3, 3, 2, 3], [3]]) {
    $0[0].conv2d($0[1], $0[2], stride: 2, padding: Padding(top: 0, left: 0, bottom: 1, right: 1))
  },
  GradientCase("conv2d", [[1, 7, 5, 2], [3, 3, 2, 3]]) { $0[0].conv2d($0[1], stride: 2, padding: .all(1)) },
  GradientCase("conv2d", [[1, 8, 8, 2], [4, 4, 2, 3]]) { $0[0].conv2d($0[1], stride: 4) },
  GradientCase("conv2d", [[2, 3, 9, 3], [1, 1, 3, 35]]) { $0[0].conv2d($0[1]) },
]
