import CKernels
import COpenBLAS

/// Who computes float32 products. The choice is made by the processor and the shapes alone, so that results are the same
/// bytes whatever runs beside them; the measurements behind it stand in Documentation/performance.md.
public enum ProductKernels: Sendable {
  /// Kernels of this package for AVX-512 or AVX2; OpenBLAS for large correlations.
  case avx512, avx2
  /// OpenBLAS: on aarch64, and on a processor for which this package has no kernels.
  case openBLAS
  /// Kernels that any processor runs, on aarch64 NEON's, where OpenBLAS has none that compute each row alike.
  case portable

  /// Those for this processor.
  package static let current: ProductKernels =
    switch ck_kernels() {
    case 2: .avx512
    case 1: .avx2
    default: BLAS.computesRowsAlike ? .openBLAS : .portable
    }

  /// Their names, for provenance: "AVX-512 and OpenBLAS SkylakeX".
  public static var names: String { current.names(kind: ck_kernels(), core: BLAS.core) }

  /// Those with the C kernels of that kind, which is what `ck_kernels` tells, and that core of OpenBLAS.
  package func names(kind: Int32, core: String) -> String {
    let blas = "OpenBLAS \(core)"
    let isNEON = kind == 3
    return switch self {
    case .avx512: "AVX-512 and \(blas)"
    case .avx2: "AVX2 and \(blas)"
    case .openBLAS: isNEON ? "NEON and \(blas)" : blas
    case .portable: isNEON ? "NEON products and \(blas)" : "portable and \(blas)"
    }
  }
}

/// Products with one panel of a packed matrix, [inner, 32], of whose columns the first few count.
package struct PanelProduct {
  let panel: UnsafePointer<Float>
  let inner: Int
  let columns: Int
  let kernels: ProductKernels

  /// So many rows at a time go to OpenBLAS, always as many: how it adds a row's products up depends on their number.
  static let rows = 32

  package init(
    panel: UnsafePointer<Float>, inner: Int, columns: Int, kernels: ProductKernels = .current
  ) {
    self.panel = panel
    self.inner = inner
    self.columns = columns
    self.kernels = kernels
  }

  /// y [rows, columns] = a [rows, inner] · panel + bias, in the calling thread.
  package func callAsFunction(
    _ a: UnsafePointer<Float>, stride: Int, bias: UnsafePointer<Float>? = nil, into y: UnsafeMutablePointer<Float>,
    stride yStride: Int, rows: Int
  ) {
    guard kernels == .openBLAS else {
      return ck_product(a, stride, panel, bias, y, yStride, rows, inner, columns)
    }
    let whole = rows / Self.rows * Self.rows
    for first in Swift.stride(from: 0, to: whole, by: Self.rows) {
      multiply(a + first * stride, stride, bias, y + first * yStride, yStride)
    }
    guard whole < rows else { return }
    // The last ones stand among zeros.
    let (part, result) = (Storage(bytes: max(1, Self.rows * inner) * 4), Storage(bytes: Self.rows * 32 * 4))
    let from = part.pointer.assumingMemoryBound(to: Float.self)
    let to = result.pointer.assumingMemoryBound(to: Float.self)
    from.update(repeating: 0, count: Self.rows * inner)
    for row in whole..<rows { (from + (row - whole) * inner).update(from: a + row * stride, count: inner) }
    multiply(from, inner, bias, to, 32)
    for row in whole..<rows { (y + row * yStride).update(from: to + (row - whole) * 32, count: columns) }
  }

  private func multiply(
    _ a: UnsafePointer<Float>, _ stride: Int, _ bias: UnsafePointer<Float>?, _ y: UnsafeMutablePointer<Float>,
    _ yStride: Int
  ) {
    if let bias { for row in 0..<Self.rows { (y + row * yStride).update(from: bias, count: columns) } }
    copenblas_sgemm(
      0, 0, Int32(Self.rows), Int32(columns), Int32(inner), 1, a, Int32(max(1, stride)), panel, 32,
      bias == nil ? 0 : 1, y, Int32(yStride))
  }
}

/// Sums of the form aᵀ·b of a whole matrix [rows, columns], where rows are a multiple of 8 and columns of 32.
package struct Correlation {
  let columns: Int
  /// Rows that are best computed together.
  package let band: Int
  private let isByBLAS: Bool

  package init(rows: Int, columns: Int, kernels: ProductKernels = .current) {
    self.columns = columns
    // OpenBLAS is faster where the sums are more than a core's cache holds.
    isByBLAS =
      switch kernels {
      case .avx512: rows * columns > 1 << 20 && columns >= rows
      case .avx2: rows * columns >= 1 << 17
      case .openBLAS: true
      case .portable: false
      }
    band = isByBLAS ? (kernels == .avx512 ? 256 : 128) : 64
  }

  /// sums += aᵀ·b for a [count, rows] and b [count, columns], in the calling thread; `rows` of them, at most a band.
  package func callAsFunction(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ b: UnsafePointer<Float>, _ bStride: Int,
    addingTo sums: UnsafeMutablePointer<Float>, _ stride: Int, count: Int, rows: Int
  ) {
    if isByBLAS {
      copenblas_sgemm(
        1, 0, Int32(rows), Int32(columns), Int32(count), 1, a, Int32(aStride), b, Int32(bStride), 1, sums,
        Int32(stride))
      return
    }
    // Runs that stay in a core's cache.
    let run = 128
    for at in Swift.stride(from: 0, to: count, by: run) {
      ck_correlate(
        a + at * aStride, aStride, b + at * bStride, bStride, sums, stride, min(run, count - at), rows, columns)
    }
  }
}
