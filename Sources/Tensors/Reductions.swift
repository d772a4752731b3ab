import Kernels

// Sums over some or all elements, and what is made of them. Sums over everything are taken in double precision.

extension Tensor {
  /// Σ of all elements, of shape [].
  public func sum() -> Tensor {
    let shape = shape
    let total = Tensor.computed("sum", [], from: self) { y in
      y.fill(with: ck_sum(type.rawValue, pointer, count))
    } card: {
      try $0.sum(buffer, into: $1, count: count)
    }
    return total.recorded("sum", [self]) { [$0.expanded(to: shape)] }
  }

  /// The mean of all elements, of shape [].
  public func mean() -> Tensor { sum() / Double(count) }

  /// Σ over `axes`, which keep size 1.
  public func sum(_ axes: [Int]) -> Tensor {
    var reduced = shape
    for axis in axes { reduced[axis < 0 ? rank + axis : axis] = 1 }
    let full = shape
    // Summing is the transpose of expanding, and expanding of summing.
    let ones = Gradients.off { Tensor.transposedExpansion(of: detached, to: reduced) }
    return ones.recorded("sumAxes", [self]) { [$0.expanded(to: full)] }
  }

  /// The mean over `axes`, which keep size 1.
  public func mean(_ axes: [Int]) -> Tensor {
    let share = axes.reduce(1) { $0 * size($1) }
    return sum(axes) / Double(share)
  }

  /// Adds up `x` to `shape`, in which some axes of x have size 1.
  private static func transposedExpansion(of x: Tensor, to shape: [Int]) -> Tensor {
    var strides = rowMajorStrides(shape)
    for axis in shape.indices where shape[axis] != x.shape[axis] { strides[axis] = 0 }
    return Tensor.computed("sumAxes", shape, from: x) { y in
      y.fill(with: 0)
      ck_scatter_add_strided(
        x.type.rawValue, x.pointer, y.pointer, Int32(x.rank), x.shape.map(Int64.init), strides.map(Int64.init))
    } card: {
      try $0.fill($1, with: 0, count: shape.reduce(1, *))
      try $0.scatterAdd(x.buffer, shape: x.shape, strides: strides, into: $1)
    }
  }

  /// Each row (last axis) divided by its length: x / √(Σ x² + eps).
  public func normalizedRows(eps: Double = 0) -> Tensor {
    self / (square().sum([-1]) + eps).squareRoot()
  }

  /// Softmax of scale·x over the last axis.
  public func softmax(scale: Double = 1) -> Tensor {
    let type = type
    let columns = size(-1)
    let rows = count / max(1, columns)
    let grain = max(1, elementwiseGrain / 4 / columns)
    let y = Tensor.computed("softmax", shape, from: self) { y in
      Parallel.forEachRange(rows, grain: grain) {
        ck_softmax(
          type.rawValue, pointer(at: $0.lowerBound * columns), scale, y.pointer(at: $0.lowerBound * columns), $0.count,
          columns)
      }
    } card: {
      try $0.softmax(buffer, scale: scale, into: $1, rows: rows, columns: columns)
    }
    let result = y.detached
    return y.recorded("softmax", [self]) { gy in
      let gx = Tensor.computed("softmax", gy.shape, from: result, gy) { gx in
        Parallel.forEachRange(rows, grain: grain) {
          let at = $0.lowerBound * columns
          ck_softmax_gradient(
            type.rawValue, result.pointer(at: at), scale, gy.pointer(at: at), gx.pointer(at: at), $0.count, columns)
        }
      } card: {
        try $0.softmaxGradient(result.buffer, scale: scale, gy.buffer, into: $1, rows: rows, columns: columns)
      }
      return [gx]
    }
  }

  /// Mean over rows of −log softmax(x)[label]; x is [N, K] and each label in 0..<K. A negative label leaves its row
  /// out; at least one row must count.
  public func crossEntropy(_ labels: [Int]) -> Tensor {
    precondition(rank == 2 && labels.count == shape[0], "\(labels.count) labels for \(shape)")
    precondition(labels.allSatisfy { $0 < shape[1] }, "a label is not below \(shape[1])")
    if let y = Tensor.withoutValues([], from: self) { return y }
    let probabilities = Gradients.off { detached.softmax() }
    let classes = shape[1]
    let counted = labels.count { $0 >= 0 }
    precondition(counted > 0, "no row has a label")
    if let gpu { return crossEntropy(labels, counted, probabilities, on: gpu) }
    // log p from the logits again: log of a rounded probability would lose the small ones.
    let x = doubleValues
    var total = 0.0
    for (row, label) in labels.enumerated() where label >= 0 {
      let logits = x[row * classes..<(row + 1) * classes]
      let top = logits.max() ?? 0
      total += top + logMath(logits.reduce(0) { $0 + expMath($1 - top) }) - logits[row * classes + label]
    }
    let loss = Tensor(repeating: total / Double(counted), shape: [], type: type)
    return loss.recorded("crossEntropy", [self]) { g in
      var gradient = probabilities.doubleValues
      let scale = g.item / Double(counted)
      for (row, label) in labels.enumerated() {
        for column in 0..<classes {
          let at = row * classes + column
          gradient[at] = label < 0 ? 0 : (gradient[at] - (column == label ? 1 : 0)) * scale
        }
      }
      return [Tensor(gradient, shape: probabilities.shape).converted(to: probabilities.type)]
    }
  }
}

extension Tensor {
  /// ``crossEntropy(_:)`` on a graphics card.
  private func crossEntropy(_ labels: [Int], _ counted: Int, _ probabilities: Tensor, on gpu: GPU) -> Tensor {
    let (rows, columns, share) = (shape[0], shape[1], 1 / Double(counted))
    let index = gpu.constant(labels.map { Int32(max(-1, $0)) })
    guard let labels = index.buffer else { return self }
    let loss = Tensor.computed("crossEntropy", [], from: self) { _ in
    } card: {
      let losses = Storage(bytes: rows * 4, on: $0)
      guard let each = losses.buffer else { return }
      try $0.crossEntropy(buffer, labels: labels, into: each, rows: rows, columns: columns)
      try $0.sum(each, into: $1, scale: share, count: rows)
    }
    return loss.recorded("crossEntropy", [self]) { g in
      [
        Tensor.computed("crossEntropy", probabilities.shape, from: probabilities, g) { _ in
        } card: { gpu, gx in
          // The labels stay as long as they are needed.
          try withExtendedLifetime(index) {
            try gpu.crossEntropyGradient(
              probabilities.buffer, labels: labels, g.buffer, scale: share, into: gx, rows: rows, columns: columns)
          }
        }
      ]
    }
  }
}

let reductionCases: [GradientCase] = [
  GradientCase("sum", [[3, 4]]) { $0[0].square().sum() },
  GradientCase("sumAxes", [[2, 3, 4]]) { $0[0].sum([1]) },
  GradientCase("sumAxes", [[2, 3, 4]]) { $0[0].mean([0, -1]) },
  GradientCase("softmax", [[3, 5]]) { $0[0].softmax(scale: 0.7) },
  GradientCase("crossEntropy", [[4, 3]]) { $0[0].crossEntropy([2, 0, -1, 1]) },
]
