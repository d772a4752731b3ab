import Kernels

// Normalization over groups of channels (U-Nets) and over the width of a row (transformers).

/// Pixels that one thread takes at a time.
private let pixelGrain = 256

extension Tensor {
  /// Layer normalization of the last axis: (x − mean)/√(variance + eps)·weight + bias (Ba et al. 2016).
  public func layerNorm(_ weight: Tensor, _ bias: Tensor, eps: Double = 1e-5) -> Tensor {
    let type = type
    let width = size(-1)
    let rows = count / width
    precondition(weight.shape == [width] && bias.shape == [width], "weights \(weight.shape) for width \(width)")
    let grain = max(1, elementwiseGrain / 4 / width)
    let results = Tensor.computed("layerNorm", [shape, [rows, 2]], from: [self, weight, bias]) { results in
      let (y, statistics) = (results[0], results[1])
      Parallel.forEachRange(rows, grain: grain) {
        let at = $0.lowerBound * width
        ck_layer_norm(
          type.rawValue, pointer(at: at), weight.pointer, bias.pointer, eps, y.pointer(at: at),
          statistics.pointer(at: 2 * $0.lowerBound), $0.count, width)
      }
    } card: {
      try $0.layerNorm(
        buffer, weight: weight.buffer, bias: bias.buffer, eps: eps, into: $1[0], statistics: $1[1], rows: rows,
        columns: width)
    }
    let (y, statistics) = (results[0], results[1])
    let (x, w, shape) = (detached, weight.detached, shape)
    return y.recorded("layerNorm", [self, weight, bias]) { gy in
      if gy.gpu != nil {
        return Tensor.computed("layerNorm", [shape, [width], [width]], from: [x, w, statistics, gy]) { _ in
        } card: {
          try $0.layerNormGradient(
            x.buffer, weight: w.buffer, statistics: statistics.buffer, gy.buffer, into: $1[0], weightGradient: $1[1],
            biasGradient: $1[2], rows: rows, columns: width)
        }
      }
      let gx = Tensor(uninitialized: shape, type: type)
      let pieces = (rows + grain - 1) / grain
      let partial = Tensor.zeros([pieces, 2, width], type: type)
      Parallel.forEachRange(rows, grain: grain) {
        let at = $0.lowerBound * width
        let piece = $0.lowerBound / grain
        ck_layer_norm_gradient(
          type.rawValue, x.pointer(at: at), w.pointer, statistics.pointer(at: 2 * $0.lowerBound), gy.pointer(at: at),
          gx.pointer(at: at), partial.pointer(at: 2 * piece * width), partial.pointer(at: (2 * piece + 1) * width),
          $0.count, width)
      }
      let sums = partial.columnSums(rows: pieces, columns: 2 * width).reshaped([2, width])
      return [gx, sums.narrowed(0, 0..<1).reshaped([width]), sums.narrowed(0, 1..<2).reshaped([width])]
    }
  }

  /// Group normalization of [N, ..., C] over each item's pixels and groups of neighboring channels, then SiLU where
  /// asked: f((x − mean)/√(variance + eps)·weight + bias) (Wu & He 2018).
  public func groupNorm(groups: Int, _ weight: Tensor, _ bias: Tensor, eps: Double, silu: Bool = false) -> Tensor {
    if let y = Tensor.withoutValues(shape, from: self, weight, bias) { return y }
    if gpu != nil { return groupNormOnCard(groups: groups, weight, bias, eps: eps, silu: silu) }
    let normalization = GroupNormalization(
      x: detached, groups: groups, weight: weight, bias: bias, eps: eps, silu: silu)
    return normalization.result().recorded("groupNorm", [self, weight, bias]) { normalization.gradients($0) }
  }
}

extension Tensor {
  /// ``groupNorm(groups:_:_:eps:silu:)`` on a graphics card.
  private func groupNormOnCard(groups: Int, _ weight: Tensor, _ bias: Tensor, eps: Double, silu: Bool) -> Tensor {
    let (items, channels) = (shape[0], size(-1))
    let norm = GPUGroupNorm(
      items: items, pixels: count / max(1, items * channels), channels: channels, groups: groups, eps: eps, silu: silu)
    let (x, w, shape) = (detached, weight.detached, shape)
    var kept: GPUGroupStatistics?
    let y = Tensor.computed("groupNorm", shape, from: self, weight, bias) { _ in
    } card: {
      kept = try $0.groupNorm(norm, x.buffer, weight: w.buffer, bias: bias.buffer, into: $1)
    }
    return y.recorded("groupNorm", [self, weight, bias]) { [kept] gy in
      Tensor.computed("groupNorm", [shape, [channels], [channels]], from: [x, w, gy]) { _ in
      } card: {
        guard let kept else { return }
        try $0.groupNormGradient(
          norm, kept, x.buffer, weight: w.buffer, gy.buffer, into: $1[0], weightGradient: $1[1], biasGradient: $1[2])
      }
    }
  }
}

/// One application of group normalization: per item and channel it is f(x·scale + shift), with scale and shift from the
/// moments of the channel's group.
private struct GroupNormalization {
  let x: Tensor
  let weight: Tensor
  let silu: Int32
  let type: ScalarType
  let items: Int, pixels: Int, channels: Int, groups: Int
  /// Per item and group.
  private var mean: [Double] = [], inverse: [Double] = []
  /// [N, C] each.
  private let scale: Tensor, shift: Tensor

  init(x: Tensor, groups: Int, weight: Tensor, bias: Tensor, eps: Double, silu: Bool) {
    self.x = x
    self.weight = weight.detached
    self.groups = groups
    self.silu = silu ? 1 : 0
    type = x.type
    items = x.shape[0]
    channels = x.size(-1)
    pixels = x.count / max(1, items * channels)
    precondition(channels % groups == 0, "\(channels) channels in \(groups) groups")
    precondition(weight.shape == [channels] && bias.shape == [channels], "weights \(weight.shape) for \(channels)")

    let type = type
    let pixels = pixels
    let channels = channels
    let moments = Self.sums(items: items, pixels: pixels, channels: channels) { item, range, sums in
      let at = (item * pixels + range.lowerBound) * channels
      ck_channel_moments(type.rawValue, x.pointer(at: at), sums, range.count, channels)
    }
    let width = channels / groups
    let share = Double(width * pixels)
    let (w, b) = (weight.doubleValues, bias.doubleValues)
    var scales: [Double] = []
    var shifts: [Double] = []
    for item in 0..<items {
      for group in 0..<groups {
        let members = group * width..<(group + 1) * width
        let at = item * 2 * channels
        let average = members.reduce(0) { $0 + moments[at + $1] } / share
        let square = members.reduce(0) { $0 + moments[at + channels + $1] } / share
        let inverse = 1 / (max(0, square - average * average) + eps).squareRoot()
        self.mean.append(average)
        self.inverse.append(inverse)
        for channel in members {
          scales.append(w[channel] * inverse)
          shifts.append(b[channel] - average * w[channel] * inverse)
        }
      }
    }
    scale = Tensor(scales, shape: [items, channels]).converted(to: type)
    shift = Tensor(shifts, shape: [items, channels]).converted(to: type)
  }

  func result() -> Tensor {
    let y = Tensor(uninitialized: x.shape, type: type)
    forEachPiece { item, range in
      let at = (item * pixels + range.lowerBound) * channels
      ck_channel_affine(
        type.rawValue, x.pointer(at: at), scale.pointer(at: item * channels), shift.pointer(at: item * channels), silu,
        y.pointer(at: at), range.count, channels)
    }
    return y
  }

  /// With d = gy·f', x̂ = (x − mean)·inverse and m the number of elements of a group:
  /// gx = inverse·(d·w − Σ(d·w)/m − x̂·Σ(d·w·x̂)/m), gw = Σ d·x̂, gb = Σ d; sums over the group or the channel.
  func gradients(_ gy: Tensor) -> [Tensor?] {
    // Holds d until it becomes gx.
    let gx = Tensor(uninitialized: x.shape, type: type)
    let sums = Self.sums(items: items, pixels: pixels, channels: channels) { item, range, sums in
      let at = (item * pixels + range.lowerBound) * channels
      ck_channel_affine_moments(
        type.rawValue, x.pointer(at: at), scale.pointer(at: item * channels), shift.pointer(at: item * channels), silu,
        gy.pointer(at: at), gx.pointer(at: at), sums, range.count, channels)
    }
    let w = weight.doubleValues
    let width = channels / groups
    let share = Double(width * pixels)
    var gw = [Double](repeating: 0, count: channels)
    var gb = gw
    var a: [Double] = []
    var b: [Double] = []
    var e: [Double] = []
    for item in 0..<items {
      for group in 0..<groups {
        let members = group * width..<(group + 1) * width
        let at = item * 2 * channels
        let (mean, inverse) = (mean[item * groups + group], inverse[item * groups + group])
        var total = 0.0
        var projected = 0.0
        for channel in members {
          let d = sums[at + channel]
          let dx = (sums[at + channels + channel] - mean * d) * inverse
          gb[channel] += d
          gw[channel] += dx
          total += d * w[channel]
          projected += dx * w[channel]
        }
        for channel in members {
          a.append(inverse * w[channel])
          b.append(-inverse * inverse * projected / share)
          e.append(inverse * (-total / share + mean * inverse * projected / share))
        }
      }
    }
    let coefficients = [a, b, e].map { Tensor($0, shape: [items, channels]).converted(to: type) }
    forEachPiece { item, range in
      let at = (item * pixels + range.lowerBound) * channels
      let row = item * channels
      ck_channel_affine_gradient(
        type.rawValue, x.pointer(at: at), gx.pointer(at: at), coefficients[0].pointer(at: row),
        coefficients[1].pointer(at: row), coefficients[2].pointer(at: row),
        gx.pointer(at: at), range.count, channels)
    }
    return [
      gx, Tensor(gw, shape: [channels]).converted(to: type), Tensor(gb, shape: [channels]).converted(to: type),
    ]
  }

  private func forEachPiece(_ body: (Int, Range<Int>) -> Void) {
    let pieces = (pixels + pixelGrain - 1) / pixelGrain
    Parallel.forEach(items * pieces) { index in
      let begin = index % pieces * pixelGrain
      body(index / pieces, begin..<min(pixels, begin + pixelGrain))
    }
  }

  /// Two sums per item and channel, [N, 2, C], added up from fixed pieces of pixels in a fixed order.
  private static func sums(
    items: Int, pixels: Int, channels: Int, _ body: (Int, Range<Int>, UnsafeMutablePointer<Double>) -> Void
  ) -> [Double] {
    let pieces = (pixels + pixelGrain - 1) / pixelGrain
    let width = 2 * channels
    let partial = Tensor(uninitialized: [items * pieces, width], type: .float64)
    let base = partial.doubles.baseAddress!
    Parallel.forEach(items * pieces) { index in
      let begin = index % pieces * pixelGrain
      body(index / pieces, begin..<min(pixels, begin + pixelGrain), base + index * width)
    }
    var totals = [Double](repeating: 0, count: items * width)
    for index in 0..<items * pieces {
      for column in 0..<width { totals[index / pieces * width + column] += base[index * width + column] }
    }
    return totals
  }
}

let normalizationCases: [GradientCase] = [
  GradientCase("layerNorm", [[3, 5], [5], [5]]) { $0[0].layerNorm($0[1], $0[2]) },
  GradientCase("groupNorm", [[2, 3, 2, 6], [6], [6]]) { $0[0].groupNorm(groups: 3, $0[1], $0[2], eps: 1e-6) },
  GradientCase("groupNorm", [[2, 3, 2, 6], [6], [6]]) {
    $0[0].groupNorm(groups: 2, $0[1], $0[2], eps: 1e-5, silu: true)
  },
]
