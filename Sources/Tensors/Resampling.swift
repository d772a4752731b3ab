import Kernels

// Changes of picture size: pooling, nearest-neighbor doubling, and any separable linear resampling. [N, H, W, C].

/// A linear map from `from` to `to` samples, given by rows of weights over runs of neighboring inputs.
public struct ResamplingWeights: Sendable {
  public struct Row: Sendable {
    public let first: Int
    public let weights: [Double]

    public init(first: Int, weights: [Double]) {
      self.first = first
      self.weights = weights
    }
  }
  public let from: Int
  public let rows: [Row]
  public var to: Int { rows.count }

  public init(from: Int, rows: [Row]) {
    precondition(rows.allSatisfy { $0.first >= 0 && $0.first + $0.weights.count <= from }, "weights reach outside")
    self.from = from
    self.rows = rows
  }

  /// Keys' cubic convolution kernel (IEEE TASSP 29(6), 1981) with parameter a.
  private static func cubic(_ distance: Double, a: Double) -> Double {
    let d = abs(distance)
    if d <= 1 { return ((a + 2) * d - (a + 3)) * d * d + 1 }
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0
  }

  /// Bicubic interpolation (Keys 1981, a = −0.75) with half-pixel centers and clamped edges, without antialiasing: what
  /// PyTorch's `interpolate(mode: "bicubic", align_corners=False)` computes.
  /// - Parameters:
  ///   - part: of the samples, of [0, 1]; all unless given.
  ///   - kept: which of the `to` samples are computed; all unless given.
  public static func bicubic(
    from: Int, to: Int, of part: ClosedRange<Double> = 0...1, kept: Range<Int>? = nil
  ) -> ResamplingWeights {
    let length = Double(from) * (part.upperBound - part.lowerBound)
    let rows = (kept ?? 0..<to).map { index in
      let center = (Double(index) + 0.5) * length / Double(to) + Double(from) * part.lowerBound - 0.5
      let base = Int(center.rounded(.down))
      var weights: [Int: Double] = [:]
      for tap in base - 1...base + 2 {
        weights[min(max(tap, 0), from - 1), default: 0] += cubic(center - Double(tap), a: -0.75)
      }
      let first = weights.keys.min()!
      let last = weights.keys.max()!
      return Row(first: first, weights: (first...last).map { weights[$0] ?? 0 })
    }
    return ResamplingWeights(from: from, rows: rows)
  }

  /// Bicubic interpolation (Keys 1981, a = −0.5) whose kernel is widened by from/to where that shrinks, cut off at the
  /// edges and normalized: what PyTorch's `interpolate(mode: "bicubic", antialias=True)` computes, and Pillow.
  /// - Parameter kept: which of the `to` samples are computed; all unless given.
  public static func bicubicAntialiased(from: Int, to: Int, kept: Range<Int>? = nil) -> ResamplingWeights {
    let step = Double(from) / Double(to)
    let width = max(step, 1)
    let rows = (kept ?? 0..<to).map { index in
      let center = (Double(index) + 0.5) * step
      let first = max(0, Int(center - 2 * width + 0.5))
      let end = min(from, Int(center + 2 * width + 0.5))
      let weights = (first..<end).map { cubic((Double($0) - center + 0.5) / width, a: -0.5) }
      let sum = weights.reduce(0, +)
      return Row(first: first, weights: weights.map { $0 / sum })
    }
    return ResamplingWeights(from: from, rows: rows)
  }

  /// The mean over the cells of PyTorch's adaptive average pooling: ⌊i·from/to⌋ ..< ⌈(i+1)·from/to⌉.
  public static func adaptiveAverage(from: Int, to: Int) -> ResamplingWeights {
    ResamplingWeights(
      from: from,
      rows: (0..<to).map { index in
        let begin = index * from / to
        let end = ((index + 1) * from + to - 1) / to
        return Row(first: begin, weights: Array(repeating: 1 / Double(end - begin), count: end - begin))
      })
  }

  /// As a dense matrix [to, from].
  func matrix(like x: Tensor) -> Tensor {
    var values = [Double](repeating: 0, count: to * from)
    for (index, row) in rows.enumerated() {
      for (tap, weight) in row.weights.enumerated() { values[index * from + row.first + tap] = weight }
    }
    return .constant(values, shape: [to, from], like: x)
  }
}

extension Tensor {
  /// Rows resampled by `vertical` and columns by `horizontal`.
  public func resampled(vertical: ResamplingWeights, horizontal: ResamplingWeights) -> Tensor {
    precondition(rank == 4 && shape[1] == vertical.from && shape[2] == horizontal.from, "resampling of \(shape)")
    let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
    // Rows first, as a product with [N, H, W·C]; then columns, on the transposed picture.
    let tall = reshaped([n, h, w * c])
    let v = vertical.matrix(like: self).expanded(to: [n, vertical.to, h])
    let narrow = v.matmul(tall).reshaped([n * vertical.to, w, c])
    let u = horizontal.matrix(like: self).expanded(to: [n * vertical.to, horizontal.to, w])
    return u.matmul(narrow).reshaped([n, vertical.to, horizontal.to, c])
  }

  /// To [N, height, width, C] by ``ResamplingWeights/bicubic(from:to:of:kept:)``, or with antialias by
  /// ``ResamplingWeights/bicubicAntialiased(from:to:kept:)``.
  /// - Parameters:
  ///   - rows: those of the result that are wanted; all unless given.
  ///   - columns: the same.
  public func resizedBicubic(
    height: Int, width: Int, rows: Range<Int>? = nil, columns: Range<Int>? = nil, antialias: Bool = false
  ) -> Tensor {
    if shape[1] == height, shape[2] == width {
      let tall = rows.map { narrowed(1, $0) } ?? self
      return columns.map { tall.narrowed(2, $0) } ?? tall
    }
    func weights(_ from: Int, _ to: Int, _ kept: Range<Int>?) -> ResamplingWeights {
      antialias ? .bicubicAntialiased(from: from, to: to, kept: kept) : .bicubic(from: from, to: to, kept: kept)
    }
    return resampled(vertical: weights(shape[1], height, rows), horizontal: weights(shape[2], width, columns))
  }

  /// Adaptive average pooling to [N, height, width, C].
  public func averagePooled(height: Int, width: Int) -> Tensor {
    resampled(
      vertical: .adaptiveAverage(from: shape[1], to: height), horizontal: .adaptiveAverage(from: shape[2], to: width))
  }

  /// Every pixel repeated 2×2 times.
  public func upsampledNearest2x() -> Tensor {
    let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
    return reshaped([n, h, 1, w, 1, c]).expanded(to: [n, h, 2, w, 2, c]).reshaped([n, 2 * h, 2 * w, c])
  }

  /// The largest of each `size`×`size` window at steps of `stride`; no padding. What does not fill a window is left out,
  /// or with `ceiling` makes a smaller one, as in PyTorch's `ceil_mode`. A window with NaN in it is NaN.
  public func maxPooled(size: Int, stride: Int, ceiling: Bool = false) -> Tensor {
    let shape = shape
    let type = type
    let windows = PoolingWindows(shape, size: size, stride: stride, ceiling: ceiling)
    if let y = Tensor.withoutValues(windows.output, from: self) { return y }
    if gpu != nil { return maxPooledOnCard(windows) }
    let winners =
      switch type {
      case .float32: windows.winners(floats)
      case .float64: windows.winners(doubles)
      }
    let result = Tensor(uninitialized: windows.output, type: type)
    for (index, winner) in winners.enumerated() {
      result.pointer(at: index).copyMemory(from: pointer(at: winner), byteCount: type.size)
    }
    return result.recorded("maxPooled", [self]) { gy in
      let gx = Tensor.zeros(shape, type: type)
      for (index, winner) in winners.enumerated() {
        ck_accumulate(type.rawValue, gy.pointer(at: index), 1, gx.pointer(at: winner), 1)
      }
      return [gx]
    }
  }
}

extension Tensor {
  /// ``maxPooled(size:stride:ceiling:)`` on a graphics card.
  private func maxPooledOnCard(_ windows: PoolingWindows) -> Tensor {
    // The winners' places are whole numbers of four bytes.
    let results = Tensor.computed("maxPooled", [windows.output, windows.output], from: [self]) { _ in
    } card: {
      try $0.maxPool(
        buffer, into: $1[0], winners: $1[1], input: windows.input, output: windows.output, size: windows.size,
        stride: windows.stride)
    }
    let (y, winners) = (results[0], results[1])
    return y.recorded("maxPooled", [self]) { gy in
      [
        Tensor.computed("maxPooled", windows.input, from: gy, winners) { _ in
        } card: {
          try $0.maxPoolGradient(
            gy.buffer, winners: winners.buffer, into: $1, input: windows.input, output: windows.output,
            size: windows.size, stride: windows.stride)
        }
      ]
    }
  }
}

/// The windows of a pooling over [N, H, W, C].
private struct PoolingWindows {
  let input: [Int]
  let output: [Int]
  let size: Int, stride: Int

  init(_ shape: [Int], size: Int, stride: Int, ceiling: Bool) {
    func count(_ side: Int) -> Int {
      guard ceiling else { return side < size ? 0 : (side - size) / stride + 1 }
      let count = side > size ? (side - size + stride - 1) / stride + 1 : 1
      // The last one begins inside.
      return (count - 1) * stride < side ? count : count - 1
    }
    input = shape
    output = [shape[0], count(shape[1]), count(shape[2]), shape[3]]
    self.size = size
    self.stride = stride
    precondition(output[1] > 0 && output[2] > 0, "a window of \(size) on \(shape)")
  }

  /// The element that each window takes: the first of the largest.
  func winners<Value: Comparable>(_ x: UnsafeMutableBufferPointer<Value>) -> [Int] {
    let (height, width, channels) = (input[1], input[2], input[3])
    let line = output[2] * channels
    return [Int](unsafeUninitializedCapacity: output.reduce(1, *)) { winners, count in
      count = output.reduce(1, *)
      let winners = winners
      Parallel.forEachRange(output[0] * output[1], grain: max(1, (1 << 14) / line)) { lines in
        for index in lines {
          let (item, top) = (index / output[1], index % output[1] * stride)
          for column in 0..<output[2] {
            let left = column * stride
            let first = ((item * height + top) * width + left) * channels
            for channel in 0..<channels {
              var best = first + channel
              for row in 0..<min(size, height - top) {
                for place in 0..<min(size, width - left) {
                  let at = first + (row * width + place) * channels + channel
                  if x[at] > x[best] || x[at] != x[at] { best = at }
                }
              }
              winners[index * line + column * channels + channel] = best
            }
          }
        }
      }
    }
  }
}

let resamplingCases: [GradientCase] = [
  GradientCase("maxPooled", [[1, 4, 5, 2]]) { $0[0].maxPooled(size: 2, stride: 2) },
  GradientCase("maxPooled", [[2, 4, 5, 2]]) { $0[0].maxPooled(size: 3, stride: 2, ceiling: true) },
  GradientCase("matmul", [[2, 5, 4, 2]]) { $0[0].resizedBicubic(height: 7, width: 3) },
  GradientCase("matmul", [[2, 5, 4, 2]]) { $0[0].resizedBicubic(height: 7, width: 3, antialias: true) },
  GradientCase("matmul", [[1, 5, 4, 2]]) { $0[0].resizedBicubic(height: 7, width: 3, rows: 2..<5) },
  GradientCase("matmul", [[2, 5, 4, 2]]) {
    $0[0].resampled(
      vertical: ResamplingWeights.bicubic(from: 5, to: 5, of: 0.1...0.8),
      horizontal: ResamplingWeights.bicubic(from: 4, to: 4, of: 0.3...1.0))
  },
  GradientCase("matmul", [[2, 5, 4, 2]]) { $0[0].averagePooled(height: 2, width: 3) },
  GradientCase("expanded", [[2, 2, 3, 2]]) { $0[0].upsampledNearest2x() },
]
