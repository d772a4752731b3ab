import Kernels

// Matrix products: of layers with their weights, and of batches of matrices in attention.

extension Tensor {
  /// y = x·Wᵀ + b on the last axis: x [..., D], weight [E, D], bias [E] → [..., E].
  public func linear(_ weight: Tensor, _ bias: Tensor? = nil) -> Tensor {
    let type = type
    let width = size(-1)
    let outputs = weight.shape[0]
    let rows = count / max(1, width)
    precondition(weight.shape == [outputs, width], "a weight \(weight.shape) for width \(width)")
    precondition(bias == nil || bias!.shape == [outputs], "a bias \(bias!.shape) for \(outputs) outputs")
    FLOPs.add(multiplications: rows, outputs, width)
    let y = Tensor.computed("linear", shape.dropLast() + [outputs], from: self, weight, bias) { y in
      if type == .float32 {
        let packed = weight.packed(transposed: true)
        multiply(
          MatrixArgument(pointer, stride: width), packed, bias: bias?.pointer, into: y.pointer, stride: outputs,
          rows: rows)
      } else {
        multiply(
          MatrixArgument(pointer, stride: width), MatrixArgument(weight.pointer, stride: width, transposed: true),
          into: y.pointer, stride: outputs, rows: rows, columns: outputs, inner: width, type: type)
        if let bias { ck_add_row(type.rawValue, y.pointer, bias.pointer, y.pointer, rows, outputs) }
      }
    } card: {
      try $0.product(
        GPUMatrix(buffer, stride: width), GPUMatrix(weight.buffer, stride: width, transposed: true),
        bias: bias?.buffer, into: $1, rows: rows, columns: outputs, inner: width)
    }
    let (x, w, shape) = (detached, weight.detached, shape)
    let needs = (x: requiresGradient, w: weight.requiresGradient, b: bias?.requiresGradient ?? false)
    return y.recorded("linear", [self, weight] + (bias.map { [$0] } ?? [])) { gy in
      var gx: Tensor?
      var gw: Tensor?
      if needs.x {
        FLOPs.add(multiplications: rows, outputs, width)
        gx = Tensor.computed("linear", shape, from: gy, w) { g in
          if type == .float32 {
            multiply(
              MatrixArgument(gy.pointer, stride: outputs), w.packed(transposed: false), into: g.pointer, stride: width,
              rows: rows)
          } else {
            multiply(
              MatrixArgument(gy.pointer, stride: outputs), MatrixArgument(w.pointer, stride: width), into: g.pointer,
              stride: width, rows: rows, columns: width, inner: outputs, type: type)
          }
        } card: {
          try $0.product(
            GPUMatrix(gy.buffer, stride: outputs), GPUMatrix(w.buffer, stride: width),
            into: $1, rows: rows, columns: width, inner: outputs)
        }
      }
      if needs.w {
        FLOPs.add(multiplications: rows, outputs, width)
        gw = Tensor.computed("linear", [outputs, width], from: gy, x) { g in
          multiply(
            MatrixArgument(gy.pointer, stride: outputs, transposed: true), MatrixArgument(x.pointer, stride: width),
            into: g.pointer, stride: width, rows: outputs, columns: width, inner: rows, type: type)
        } card: {
          try $0.product(
            GPUMatrix(gy.buffer, stride: outputs, transposed: true), GPUMatrix(x.buffer, stride: width),
            into: $1, rows: outputs, columns: width, inner: rows)
        }
      }
      let gb = needs.b ? gy.columnSums(rows: rows, columns: outputs) : nil
      return bias == nil ? [gx, gw] : [gx, gw, gb]
    }
  }

  /// This weight in the order in which products take it, kept with it until it changes.
  private func packed(transposed: Bool) -> PackedMatrix {
    let (inner, columns) = transposed ? (shape[1], shape[0]) : (shape[0], shape[1])
    let matrix = MatrixArgument(pointer, stride: shape[1], transposed: transposed)
    let storage = storage.derived("packed \(inner) \(columns) \(transposed)") {
      PackedMatrix(matrix, inner: inner, columns: columns).storage
    }
    return PackedMatrix(storage: storage, inner: inner, columns: columns)
  }

  /// Σ over all but the last axis, without the graph.
  func columnSums(rows: Int, columns: Int) -> Tensor {
    Tensor.computed("columnSums", [columns], from: self) { sums in
      columnSums(from: 0, rows: rows, columns: columns, into: sums)
    } card: {
      try $0.columnSums(buffer, rows: rows, columns: columns, into: $1)
    }
  }

  /// Σ over `rows` rows of `columns` from row `first`, added up from fixed pieces, in the machine's memory.
  func columnSums(from first: Int, rows: Int, columns: Int, into sums: Tensor) {
    let grain = max(64, elementwiseGrain / max(1, columns))
    let pieces = max(1, (rows + grain - 1) / grain)
    let partial = Tensor(uninitialized: [pieces, columns], type: type)
    Parallel.forEach(pieces) { piece in
      let begin = piece * grain
      ck_column_sums(
        type.rawValue, pointer(at: (first + begin) * columns), partial.pointer(at: piece * columns),
        min(grain, rows - begin), columns)
    }
    ck_column_sums(type.rawValue, partial.pointer, sums.pointer, pieces, columns)
  }

  /// The product of matrices in the last two axes, op(a)·op(b); equal leading axes are a batch.
  public func matmul(_ other: Tensor, transposed: (Bool, Bool) = (false, false)) -> Tensor {
    let y = Self.product(self, other, transposed)
    let (a, b) = (detached, other.detached)
    let needs = (requiresGradient, other.requiresGradient)
    return y.recorded("matmul", [self, other]) { g in
      let ga: Tensor? =
        !needs.0
        ? nil
        : transposed.0
          ? Self.product(b, g, (transposed.1, true)) : Self.product(g, b, (false, !transposed.1))
      let gb: Tensor? =
        !needs.1
        ? nil
        : transposed.1
          ? Self.product(g, a, (true, transposed.0)) : Self.product(a, g, (!transposed.0, false))
      return [ga, gb]
    }
  }

  private static func product(_ a: Tensor, _ b: Tensor, _ transposed: (Bool, Bool)) -> Tensor {
    let batch = a.shape.dropLast(2).reduce(1, *)
    precondition(a.rank >= 2 && a.shape.dropLast(2) == b.shape.dropLast(2), "batches \(a.shape) and \(b.shape)")
    let (ar, ac, br, bc) = (a.size(-2), a.size(-1), b.size(-2), b.size(-1))
    let (rows, inner) = transposed.0 ? (ac, ar) : (ar, ac)
    let (check, columns) = transposed.1 ? (bc, br) : (br, bc)
    precondition(inner == check, "product of \(a.shape) and \(b.shape), transposed \(transposed)")
    FLOPs.add(multiplications: batch, rows, columns, inner)
    let shape = a.shape.dropLast(2) + [rows, columns]
    return Tensor.computed("matmul", Array(shape), from: a, b) { y in
      guard batch > 1 else {
        return multiply(
          MatrixArgument(a.pointer, stride: ac, transposed: transposed.0),
          MatrixArgument(b.pointer, stride: bc, transposed: transposed.1), into: y.pointer, stride: columns,
          rows: rows, columns: columns, inner: inner, type: a.type)
      }
      Parallel.forEach(batch) { n in
        multiply(
          MatrixArgument(a.pointer(at: n * ar * ac), stride: ac, transposed: transposed.0),
          MatrixArgument(b.pointer(at: n * br * bc), stride: bc, transposed: transposed.1),
          into: y.pointer(at: n * rows * columns), stride: columns, rows: rows, columns: columns, inner: inner,
          type: a.type)
      }
    } card: {
      try $0.product(
        GPUMatrix(a.buffer, batch: ar * ac, stride: ac, transposed: transposed.0),
        GPUMatrix(b.buffer, batch: br * bc, stride: bc, transposed: transposed.1),
        into: $1, batch: batch, rows: rows, columns: columns,
        inner: inner)
    }
  }
}

let matrixCases: [GradientCase] = [
  GradientCase("linear", [[2, 3, 4], [5, 4], [5]]) { $0[0].linear($0[1], $0[2]) },
  GradientCase("linear", [[3, 4], [5, 4]]) { $0[0].linear($0[1]) },
  GradientCase("matmul", [[2, 3, 4], [2, 4, 5]]) { $0[0].matmul($0[1]) },
  GradientCase("matmul", [[2, 4, 3], [2, 4, 5]]) { $0[0].matmul($0[1], transposed: (true, false)) },
  GradientCase("matmul", [[3, 4], [5, 4]]) { $0[0].matmul($0[1], transposed: (false, true)) },
  GradientCase("matmul", [[4, 3], [5, 4]]) { $0[0].matmul($0[1], transposed: (true, true)) },
]
