import Kernels
import Tensors
import Testing

/// Products by OpenBLAS, as on processors for which there are no kernels here, beside those by our kernels.
@Suite struct ProductKernelsTests {
  private let sizes: [(rows: Int, inner: Int, columns: Int)] = [
    (1, 1, 1), (7, 5, 3), (32, 64, 32), (33, 300, 32), (65, 130, 17), (97, 700, 32),
  ]

  private func numbers(_ count: Int, _ name: String) -> [Float] {
    var source = RandomSource(seed: 4, name: name)
    return source.normal([count]).values
  }

  private func product(
    _ a: [Float], _ panel: [Float], _ bias: [Float]?, _ size: (rows: Int, inner: Int, columns: Int),
    _ kernels: ProductKernels
  ) -> [Float] {
    var y = [Float](repeating: .nan, count: size.rows * size.columns)
    panel.withUnsafeBufferPointer { panel in
      a.withUnsafeBufferPointer { a in
        y.withUnsafeMutableBufferPointer { y in
          func run(_ bias: UnsafePointer<Float>?) {
            PanelProduct(panel: panel.baseAddress!, inner: size.inner, columns: size.columns, kernels: kernels)(
              a.baseAddress!, stride: size.inner, bias: bias, into: y.baseAddress!, stride: size.columns,
              rows: size.rows)
          }
          if let bias { bias.withUnsafeBufferPointer { run($0.baseAddress) } } else { run(nil) }
        }
      }
    }
    return y
  }

  private func panel(_ size: (rows: Int, inner: Int, columns: Int)) -> [Float] {
    let values = numbers(size.inner * 32, "panel")
    return values.indices.map { $0 % 32 < size.columns ? values[$0] : 0 }
  }

  private func relativeDifference(_ x: [Float], _ y: [Float]) -> Float {
    let largest = y.map(abs).max() ?? 0
    return (zip(x, y).map { abs($0 - $1) }.max() ?? 0) / max(largest, .leastNormalMagnitude)
  }

  @Test func panelProductsAgree() {
    for size in sizes {
      let (a, panel) = (numbers(size.rows * size.inner, "a"), panel(size))
      for bias in [nil, numbers(32, "bias")] {
        let ours = product(a, panel, bias, size, .portable)
        let blas = product(a, panel, bias, size, .openBLAS)
        // Sums of float32 in another order.
        #expect(relativeDifference(blas, ours) < 1e-5, "\(size)")
      }
    }
  }

  @Test func provenanceNamesTheKindAndTheCore() {
    #expect(ProductKernels.avx512.names(kind: 2, core: "SkylakeX") == "AVX-512 and OpenBLAS SkylakeX")
    #expect(ProductKernels.avx2.names(kind: 1, core: "Haswell") == "AVX2 and OpenBLAS Haswell")
    #expect(ProductKernels.openBLAS.names(kind: 0, core: "Sandybridge") == "OpenBLAS Sandybridge")
    #expect(ProductKernels.portable.names(kind: 0, core: "Haswell") == "portable and OpenBLAS Haswell")
    #expect(ProductKernels.openBLAS.names(kind: 3, core: "neoversen1") == "NEON and OpenBLAS neoversen1")
    #expect(ProductKernels.portable.names(kind: 3, core: "armv8") == "NEON products and OpenBLAS armv8")
  }

  /// What comes out for an image does not depend on those beside it.
  @Test func aRowDoesNotDependOnItsPlace() {
    // Elsewhere it is not used.
    guard BLAS.computesRowsAlike else { return }
    for size in sizes where size.rows > 3 {
      let (a, panel) = (numbers(size.rows * size.inner, "a"), panel(size))
      let whole = product(a, panel, nil, size, .openBLAS)
      for first in [1, size.rows / 2, size.rows - 1] {
        let rest = product(
          Array(a[(first * size.inner)...]), panel, nil, (size.rows - first, size.inner, size.columns), .openBLAS)
        #expect(rest.map(\.bitPattern) == whole[(first * size.columns)...].map(\.bitPattern), "\(size) from \(first)")
      }
    }
  }

  /// Bands of sums, on top of what was there, by whichever kernels.
  @Test(arguments: [ProductKernels.avx2, .avx512, .openBLAS])
  func correlationsAgree(_ kernels: ProductKernels) {
    // Large enough for OpenBLAS with AVX2 kernels, and with AVX-512 ones, and small.
    for (rows, columns, count) in [(8, 32, 40), (264, 512, 130), (1024, 1056, 37)] {
      let (a, b, start) = (numbers(count * rows, "a"), numbers(count * columns, "b"), numbers(rows * columns, "c"))
      func sums(_ kernels: ProductKernels) -> [Float] {
        var sums = start
        let correlation = Correlation(rows: rows, columns: columns, kernels: kernels)
        for first in stride(from: 0, to: rows, by: correlation.band) {
          a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
              sums.withUnsafeMutableBufferPointer {
                correlation(
                  a.baseAddress! + first, rows, b.baseAddress!, columns, addingTo: $0.baseAddress! + first * columns,
                  columns, count: count, rows: min(correlation.band, rows - first))
              }
            }
          }
        }
        return sums
      }
      #expect(relativeDifference(sums(kernels), sums(.portable)) < 1e-5, "\(rows)×\(columns), \(count)")
    }
  }
}
