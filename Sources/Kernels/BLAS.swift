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

  /// Whether it is there.
  static var isLoaded: Bool { problem == nil }

  /// The name of its kernels: "SkylakeX".
  public static var core: String {
    problem == nil ? String(cString: copenblas_core()) : ""
  }

  /// The median GFLOP/s of OpenBLAS's product of two random `side`² float32 matrices, each thread in use making an
  /// equal band of it: how fast this machine can multiply at all.
  public static func peak(
    side: Int, a: UnsafeRawPointer, b: UnsafeRawPointer, into c: UnsafeMutableRawPointer
  ) -> Double {
    let band = (side + Parallel.threads - 1) / Parallel.threads
    let clock = ContinuousClock()
    let times = (0..<9).map { _ in
      clock.measure {
        Parallel.forEachRange(side, grain: band) { range in
          let offset = range.lowerBound * side * 4
          multiplyByBLAS(
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

  /// Whether a row of a float32 product has the same bytes wherever it stands among ``PanelProduct/rows`` rows, which is
  /// tried. With some kernels it has not (Haswell's), and a picture's result would depend on those beside it.
  package static let computesRowsAlike: Bool = {
    guard isLoaded else { return false }
    var state: UInt32 = 1
    func numbers(_ count: Int) -> [Float] {
      (0..<count).map { _ in
        state = state &* 1_664_525 &+ 1_013_904_223
        return Float(state >> 8) / Float(1 << 24) - 0.5
      }
    }
    let rows = PanelProduct.rows
    return [17, 300, 1500].allSatisfy { inner in
      let (a, b) = (numbers(rows * inner), numbers(inner * 32))
      // The same rows, five places later.
      let moved = Array((a + a)[(rows - 5) * inner..<(2 * rows - 5) * inner])
      // One column may be left to the product of a matrix and a vector.
      return [1, 3, 16, 32].allSatisfy { columns in
        func product(_ a: [Float]) -> [UInt32] {
          var c = [Float](repeating: 0, count: rows * 32)
          copenblas_sgemm(
            0, 0, Int32(rows), Int32(columns), Int32(inner), 1, a, Int32(inner), b, 32, 0, &c, 32)
          return c.map(\.bitPattern)
        }
        let (first, second) = (product(a), product(moved))
        return first == Array((second + second)[5 * 32..<(rows + 5) * 32])
      }
    }
  }()
}

/// C = op(A)·op(B) with op(A) rows × inner and op(B) inner × columns, by OpenBLAS in the calling thread.
func multiplyByBLAS(
  _ a: MatrixArgument, _ b: MatrixArgument, into c: UnsafeMutableRawPointer, stride: Int, rows: Int, columns: Int,
  inner: Int, type: ScalarType
) {
  BLAS.requireLoaded()
  let (m, n, k) = (Int32(rows), Int32(columns), Int32(inner))
  let (lda, ldb, ldc) = (Int32(a.stride), Int32(b.stride), Int32(stride))
  switch type {
  case .float32:
    copenblas_sgemm(
      a.transposed ? 1 : 0, b.transposed ? 1 : 0, m, n, k, 1, a.floats, lda, b.floats, ldb, 0,
      c.assumingMemoryBound(to: Float.self), ldc)
  case .float64:
    copenblas_dgemm(
      a.transposed ? 1 : 0, b.transposed ? 1 : 0, m, n, k, 1, a.pointer.assumingMemoryBound(to: Double.self), lda,
      b.pointer.assumingMemoryBound(to: Double.self), ldb, 0, c.assumingMemoryBound(to: Double.self), ldc)
  }
}
