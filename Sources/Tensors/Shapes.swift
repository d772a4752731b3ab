import Kernels

// Operations that move elements: views, transposition, broadcasting, cutting out and joining.

/// Strides of a contiguous tensor of this shape.
func rowMajorStrides(_ shape: [Int]) -> [Int] {
  var strides = shape
  var step = 1
  for axis in shape.indices.reversed() {
    strides[axis] = step
    step *= shape[axis]
  }
  return strides
}

/// A strided window onto a tensor's elements: what permuting, broadcasting and cutting out have in common.
private struct Window: Sendable {
  let shape: [Int]
  /// Elements between neighbors along each axis; 0 repeats.
  let strides: [Int]
  var offset = 0

  /// The window's elements, gathered.
  func gather(_ x: Tensor) -> Tensor {
    Tensor.computed("window", shape, from: x) { y in
      forEachSlab { source, target, inner, steps in
        ck_gather_strided(
          x.type.rawValue, x.pointer(at: source), y.pointer(at: target), Int32(inner.count), inner, steps)
      }
    } card: {
      try $0.gather(x.buffer, shape: shape, strides: strides, offset: offset, into: $1)
    }
  }

  /// The transpose of ``gather(_:)``: elements of `g` added up where they came from, into a tensor of `shape`.
  func scatter(_ g: Tensor, into original: [Int]) -> Tensor {
    let gx = Tensor(repeating: 0, shape: original, like: g)
    if let gpu = g.gpu {
      gpu.attempt("window of \(original), backwards") {
        try gpu.scatterAdd(g.buffer, shape: shape, strides: strides, offset: offset, into: gx.buffer)
      }
      return gx
    }
    // Serial over the outer axis where it repeats: several slabs then add to the same place.
    let serial = shape.first.map { $0 > 1 && strides[0] == 0 } ?? false
    forEachSlab(serial: serial) { source, target, inner, steps in
      ck_scatter_add_strided(
        g.type.rawValue, g.pointer(at: target), gx.pointer(at: source), Int32(inner.count), inner, steps)
    }
    return gx
  }

  /// Calls `body` for each index of the first axis with the offsets of its slab in source and result.
  private func forEachSlab(serial: Bool = false, _ body: (Int, Int, [Int64], [Int64]) -> Void) {
    let total = shape.reduce(1, *)
    guard total > 0 else { return }
    precondition(shape.count <= 8, "at most 8 axes")
    guard shape.count > 1, total >= elementwiseGrain, !serial else {
      body(offset, 0, (shape.isEmpty ? [1] : shape).map(Int64.init), (strides.isEmpty ? [0] : strides).map(Int64.init))
      return
    }
    let inner = shape.dropFirst().map(Int64.init)
    let steps = strides.dropFirst().map(Int64.init)
    let slab = total / shape[0]
    Parallel.forEach(shape[0]) { body(offset + $0 * strides[0], $0 * slab, inner, steps) }
  }
}

extension Tensor {
  private func through(_ window: Window, as name: String) -> Tensor {
    let original = shape
    return window.gather(self).recorded(name, [self]) { [window.scatter($0, into: original)] }
  }

  /// The same elements in another shape; one size may be −1. Shares memory. O(1).
  public func reshaped(_ sizes: [Int]) -> Tensor {
    var sizes = sizes
    if let free = sizes.firstIndex(of: -1) {
      let known = sizes.reduce(1) { $1 == -1 ? $0 : $0 * $1 }
      sizes[free] = known == 0 ? 0 : count / known
    }
    precondition(sizes.reduce(1, *) == count, "shape \(shape) cannot become \(sizes)")
    let original = shape
    return Tensor(shape: sizes, type: type, storage: storage).recorded("reshaped", [self]) { [$0.reshaped(original)] }
  }

  /// Axes in another order: result axis i is axis `axes[i]`.
  public func permuted(_ axes: [Int]) -> Tensor {
    precondition(axes.sorted() == Array(0..<rank), "axes \(axes) for rank \(rank)")
    let strides = rowMajorStrides(shape)
    return through(Window(shape: axes.map { shape[$0] }, strides: axes.map { strides[$0] }), as: "permuted")
  }

  /// Repeated along axes of size 1, and along new leading axes, to `sizes`.
  public func expanded(to sizes: [Int]) -> Tensor {
    if sizes == shape { return self }
    let padded = Array(repeating: 1, count: sizes.count - rank) + shape
    var strides = rowMajorStrides(padded)
    for axis in sizes.indices where padded[axis] != sizes[axis] {
      precondition(padded[axis] == 1, "shape \(shape) cannot expand to \(sizes)")
      strides[axis] = 0
    }
    return through(Window(shape: sizes, strides: strides), as: "expanded")
  }

  /// The elements with index in `range` along `axis`.
  public func narrowed(_ axis: Int, _ range: Range<Int>) -> Tensor {
    let axis = axis < 0 ? rank + axis : axis
    precondition(range.lowerBound >= 0 && range.upperBound <= shape[axis], "\(range) of \(shape[axis])")
    let strides = rowMajorStrides(shape)
    var sizes = shape
    sizes[axis] = range.count
    return through(Window(shape: sizes, strides: strides, offset: range.lowerBound * strides[axis]), as: "narrowed")
  }

  /// Tensors of equal shapes but for `axis`, one after the other along it.
  public static func concatenated(_ parts: [Tensor], axis: Int) -> Tensor {
    let first = parts[0]
    let axis = axis < 0 ? first.rank + axis : axis
    var shape = first.shape
    shape[axis] = parts.reduce(0) { $0 + $1.shape[axis] }
    for part in parts {
      var expected = shape
      expected[axis] = part.shape[axis]
      precondition(part.shape == expected && part.type == first.type, "\(part.shape) does not join \(first.shape)")
    }
    let outer = shape[..<axis].reduce(1, *)
    let row = shape[axis...].reduce(1, *)
    func forEachPart(_ body: (_ part: Tensor, _ width: Int, _ offset: Int) throws -> Void) rethrows {
      var begin = 0
      for part in parts {
        let width = part.shape[axis...].reduce(1, *)
        try body(part, width, begin)
        begin += width
      }
    }
    let y = Tensor.computed("concatenated", [shape], from: parts) { results in
      let y = results[0]
      forEachPart { part, width, offset in
        Parallel.forEachRange(outer, grain: max(1, elementwiseGrain / max(1, width))) {
          for o in $0 {
            y.pointer(at: o * row + offset)
              .copyMemory(from: part.pointer(at: o * width), byteCount: width * first.type.size)
          }
        }
      }
    } card: { gpu, results in
      try forEachPart { part, width, offset in
        try gpu.join(part.buffer, rows: outer, width: width, into: results[0], stride: row, at: offset)
      }
    }[0]
    let sizes = parts.map { $0.shape[axis] }
    return y.recorded("concatenated", parts) { g in
      var at = 0
      return sizes.map { size in
        defer { at += size }
        return g.narrowed(axis, at..<at + size)
      }
    }
  }
}

let shapeCases: [GradientCase] = [
  GradientCase("reshaped", [[2, 6]]) { $0[0].reshaped([3, -1]) },
  GradientCase("permuted", [[2, 3, 4]]) { $0[0].permuted([2, 0, 1]) },
  GradientCase("expanded", [[3, 1]]) { $0[0].expanded(to: [2, 3, 4]) },
  GradientCase("narrowed", [[2, 5, 3]]) { $0[0].narrowed(1, 1..<4) },
  GradientCase("concatenated", [[2, 3], [2, 1]]) { Tensor.concatenated($0, axis: 1) },
]
