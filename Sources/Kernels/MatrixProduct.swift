import CKernels

/// A matrix in row-major order, as an argument of a product.
public struct MatrixArgument {
  public let pointer: UnsafeRawPointer
  /// Elements from one stored row to the next.
  public let stride: Int
  /// Whether the product takes its transpose.
  public let transposed: Bool

  public init(_ pointer: UnsafeRawPointer, stride: Int, transposed: Bool = false) {
    self.pointer = pointer
    self.stride = stride
    self.transposed = transposed
  }

  var floats: UnsafePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }
}

/// A float32 matrix [inner, columns] in panels of 32 columns, as its products take it.
public struct PackedMatrix {
  package let storage: Storage
  let inner: Int
  let columns: Int

  /// - Parameter matrix: inner × columns, or the transpose of that.
  package init(_ matrix: MatrixArgument, inner: Int, columns: Int) {
    self.init(storage: Storage(bytes: max(1, (columns + 31) / 32 * inner * 32) * 4), inner: inner, columns: columns)
    Parallel.forEachRange((columns + 31) / 32, grain: max(1, 2048 / max(1, inner))) { panels in
      for panel in panels {
        let from = matrix.floats + panel * 32 * (matrix.transposed ? matrix.stride : 1)
        ck_pack(
          from, matrix.stride, matrix.transposed ? 1 : 0, inner, min(32, columns - panel * 32), pointer(panel))
      }
    }
  }

  /// What another one's storage holds.
  package init(storage: Storage, inner: Int, columns: Int) {
    self.storage = storage
    self.inner = inner
    self.columns = columns
  }

  fileprivate func pointer(_ panel: Int) -> UnsafeMutablePointer<Float> {
    storage.pointer.assumingMemoryBound(to: Float.self) + panel * inner * 32
  }
}

/// C = A·B + bias with A rows × inner, not transposed; the bias is one row.
package func multiply(
  _ a: MatrixArgument, _ b: PackedMatrix, bias: UnsafeRawPointer? = nil, into c: UnsafeMutableRawPointer, stride: Int,
  rows: Int
) {
  precondition(!a.transposed)
  let result = c.assumingMemoryBound(to: Float.self)
  let bias = bias?.assumingMemoryBound(to: Float.self)
  // A block of A stays in a core's cache while it meets some panels.
  let (block, group) = (256, 2)
  let panels = (b.columns + 31) / 32
  let (blocks, groups) = ((rows + block - 1) / block, (panels + group - 1) / group)
  Parallel.forEach(blocks * groups) { piece in
    let first = piece / groups * block
    for panel in piece % groups * group..<min(panels, (piece % groups + 1) * group) {
      PanelProduct(panel: b.pointer(panel), inner: b.inner, columns: min(32, b.columns - panel * 32))(
        a.floats + first * a.stride, stride: a.stride, bias: bias.map { $0 + panel * 32 },
        into: result + first * stride + panel * 32, stride: stride, rows: min(block, rows - first))
    }
  }
}

/// C = op(A)·op(B) with op(A) rows × inner and op(B) inner × columns. What of it runs side by side depends on the sizes
/// alone.
package func multiply(
  _ a: MatrixArgument, _ b: MatrixArgument, into c: UnsafeMutableRawPointer, stride: Int, rows: Int, columns: Int,
  inner: Int, type: ScalarType
) {
  if type == .float64 {
    Parallel.forEachRange(rows, grain: 64) { range in
      let offset = range.lowerBound * (a.transposed ? 1 : a.stride) * type.size
      multiplyByBLAS(
        MatrixArgument(a.pointer + offset, stride: a.stride, transposed: a.transposed), b,
        into: c + range.lowerBound * stride * type.size, stride: stride, rows: range.count, columns: columns,
        inner: inner, type: type)
    }
  } else if a.transposed && !b.transposed {
    correlate(a, b, into: c.assumingMemoryBound(to: Float.self), stride: stride, count: inner, rows: rows, columns)
  } else if a.transposed {
    // Rare: both are.
    let turned = Storage(bytes: max(1, rows * inner) * 4)
    ck_gather_strided(
      float32, a.pointer, turned.pointer, 2, [Int64(rows), Int64(inner)], [1, Int64(a.stride)])
    multiply(
      MatrixArgument(turned.pointer, stride: inner), PackedMatrix(b, inner: inner, columns: columns), into: c,
      stride: stride, rows: rows)
  } else {
    multiply(a, PackedMatrix(b, inner: inner, columns: columns), into: c, stride: stride, rows: rows)
  }
}

/// C = Aᵀ·B for A count × rows and B count × columns.
private func correlate(
  _ a: MatrixArgument, _ b: MatrixArgument, into c: UnsafeMutablePointer<Float>, stride: Int, count: Int, rows: Int,
  _ columns: Int
) {
  let a = aligned(a, rows: count, columns: rows, to: 8)
  let b = aligned(b, rows: count, columns: columns, to: 32)
  // Long sums are cut into parts.
  let (tall, wide) = ((rows + 7) / 8 * 8, (columns + 31) / 32 * 32)
  let correlation = Correlation(rows: tall, columns: wide)
  let (part, band) = (4096, correlation.band)
  let (parts, bands) = (max(1, (count + part - 1) / part), (rows + band - 1) / band)
  let sums = Storage(bytes: max(1, parts * tall * wide) * 4)
  let partial = sums.pointer.assumingMemoryBound(to: Float.self)
  Parallel.forEach(parts * bands) { piece in
    let (index, first) = (piece / bands, piece % bands * band)
    let height = min(band, tall - first)
    let target = partial + (index * tall + first) * wide
    target.update(repeating: 0, count: height * wide)
    let at = index * part
    correlation(
      a.matrix.floats + at * a.matrix.stride + first, a.matrix.stride, b.matrix.floats + at * b.matrix.stride,
      b.matrix.stride, addingTo: target, wide, count: min(part, count - at), rows: height)
  }
  Parallel.forEachRange(rows, grain: max(1, (1 << 15) / max(1, wide * parts))) { range in
    for row in range {
      let target = c + row * stride
      target.update(from: partial + row * wide, count: columns)
      for index in 1..<max(1, parts) {
        ck_accumulate(float32, partial + (index * tall + row) * wide, 1, target, columns)
      }
    }
  }
}

private let float32 = ScalarType.float32.rawValue

/// The matrix, or a copy of it with zeros after its columns, that has a multiple of `step` columns.
private func aligned(
  _ matrix: MatrixArgument, rows: Int, columns: Int, to step: Int
) -> (matrix: MatrixArgument, storage: Storage?) {
  let wide = (columns + step - 1) / step * step
  if wide == columns { return (matrix, nil) }
  let copy = Storage(bytes: max(1, rows * wide) * 4)
  for row in 0..<rows {
    let target = copy.pointer + row * wide * 4
    target.copyMemory(from: matrix.pointer + row * matrix.stride * 4, byteCount: columns * 4)
    (target + columns * 4).initializeMemory(as: UInt8.self, repeating: 0, count: (wide - columns) * 4)
  }
  return (MatrixArgument(copy.pointer, stride: wide), copy)
}
