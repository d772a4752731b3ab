import Kernels

// The convolution without a transform: the input is copied once into a frame of zeros, so that no inner loop meets an
// edge; then every output row is a matrix product of sliding windows with the weights, taken straight from the frame
// without unrolling it. Both gradients are products of the same two kinds.

extension Convolution {
  /// Every output row is a product of windows.
  func directly(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?) -> Tensor {
    let inner = kernelWidth * channels
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
  func directInputGradient(_ gy: Tensor, _ weight: Tensor) -> Tensor {
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

  func directWeightGradient(_ gy: Tensor, _ x: Tensor) -> Tensor {
    let inner = kernelWidth * channels
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
    let run = 256
    let correlation = Correlation(rows: channels, columns: outputs)
    let band = correlation.band
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
        correlation(
          a, width, gradient + begin * outputs, outputs, addingTo: target + (tap * channels + first) * outputs, outputs,
          count: count, rows: width)
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

extension Tensor {
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
