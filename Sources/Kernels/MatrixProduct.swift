import COpenBLAS

/// Why the engine cannot work on this machine.
public enum KernelError: Error, Sendable, CustomStringConvertible {
  /// OpenBLAS cannot be loaded; the text says what to install.
  case noBLAS(String)

  public var description: String {
    switch self {
    case .noBLAS(let reason): reason
    }
  }
}

/// OpenBLAS, with the kernels that suit this CPU.
public enum BLAS {
  private static let problem: String? = copenblas_load().map { String(cString: $0) }

  /// Loads OpenBLAS. Call once before any tensor operation, so that a missing library is an error and not a crash.
  /// - Throws: ``KernelError/noBLAS(_:)``.
  public static func load() throws(KernelError) {
    if let problem { throw .noBLAS(problem) }
  }

  /// The name of its kernels, for provenance: "SkylakeX".
  public static var core: String {
    problem == nil ? String(cString: copenblas_core()) : ""
  }

  /// The median GFLOP/s of OpenBLAS's product of two random `side`² float32 matrices, each thread in use making an equal
  /// band of it: how fast this machine can multiply at all.
  public static func peak(
    side: Int, a: UnsafeRawPointer, b: UnsafeRawPointer, into c: UnsafeMutableRawPointer
  ) -> Double {
    let band = (side + Parallel.threads - 1) / Parallel.threads
    let clock = ContinuousClock()
    let times = (0..<9).map { _ in
      clock.measure {
        Parallel.forEachRange(side, grain: band) { range in
          let offset = range.lowerBound * side * 4
          multiply(
            MatrixArgument(a + offset, stride: side), MatrixArgument(b, stride: side), into: c + offset, stride: side,
            rows: range.count, columns: side, inner: side, type: .float32)
        }
      }
    }
    // The first ones warm up.
    return 2 * Double(side * side * side) / (times.dropFirst(2).sorted()[3] / .seconds(1)) / 1e9
  }

  static func requireLoaded() {
    if let problem { preconditionFailure(problem) }
  }
}

/// A matrix in row-major order, as an argument of ``multiply(_:_:into:rows:columns:inner:type:alpha:beta:)``.
public struct MatrixArgument {
  public let pointer: UnsafeRawPointer
  /// Elements from one stored row to the next.
  public let stride: Int
  /// Whether the product takes its transpose.
  public let transposed: Bool

  public init(_ pointer: UnsafeRawPointer, stride: Int, transposed: Bool = false) {
    (self.pointer, self.stride, self.transposed) = (pointer, stride, transposed)
  }
}

/// C = alpha·op(A)·op(B) + beta·C with op(A) rows × inner and op(B) inner × columns, in the calling thread.
public func multiply(
  _ a: MatrixArgument, _ b: MatrixArgument, into c: UnsafeMutableRawPointer, stride: Int, rows: Int, columns: Int,
  inner: Int, type: ScalarType, alpha: Double = 1, beta: Double = 0
) {
  BLAS.requireLoaded()
  Work.add(rows * columns * inner)
  let (m, n, k) = (Int32(rows), Int32(columns), Int32(inner))
  let (lda, ldb, ldc) = (Int32(a.stride), Int32(b.stride), Int32(stride))
  switch type {
  case .float32:
    copenblas_sgemm(
      a.transposed ? 1 : 0, b.transposed ? 1 : 0, m, n, k, Float(alpha), a.pointer.assumingMemoryBound(to: Float.self),
      lda, b.pointer.assumingMemoryBound(to: Float.self), ldb, Float(beta), c.assumingMemoryBound(to: Float.self), ldc)
  case .float64:
    copenblas_dgemm(
      a.transposed ? 1 : 0, b.transposed ? 1 : 0, m, n, k, alpha, a.pointer.assumingMemoryBound(to: Double.self), lda,
      b.pointer.assumingMemoryBound(to: Double.self), ldb, beta, c.assumingMemoryBound(to: Double.self), ldc)
  }
}

/// The same product cut into fixed bands of rows that run side by side.
public func multiplyInParallel(
  _ a: MatrixArgument, _ b: MatrixArgument, into c: UnsafeMutableRawPointer, stride: Int, rows: Int, columns: Int,
  inner: Int, type: ScalarType, alpha: Double = 1, beta: Double = 0
) {
  // Every band packs the whole of B again, so it must be tall for that not to matter.
  let band = max(rows >= 1024 ? 256 : 64, (1 << 24) / max(1, columns * inner) / 64 * 64)
  let size = type.size
  Parallel.forEachRange(rows, grain: band) { range in
    let offset = (a.transposed ? range.lowerBound : range.lowerBound * a.stride) * size
    multiply(
      MatrixArgument(a.pointer + offset, stride: a.stride, transposed: a.transposed), b,
      into: c + range.lowerBound * stride * size, stride: stride, rows: range.count, columns: columns, inner: inner,
      type: type, alpha: alpha, beta: beta)
  }
}
