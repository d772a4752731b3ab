import Tensors

extension Catalog {
  /// Multiplies two matrices of odd sizes by the kernels for this processor. Only after ``start(threads:)``.
  /// - Returns: the largest error against the same product in float64, relative to its largest number; infinity where a
  ///   number of it is none.
  public static func productError() -> Double {
    let (rows, inner, columns) = (67, 131, 45)
    var random = RandomSource(seed: 1)
    let (a, b) = (random.normal([rows, inner]), random.normal([columns, inner]))
    let (left, right, product) = (a.values, b.values, a.linear(b).values)
    guard product.allSatisfy(\.isFinite) else { return .infinity }
    var (largest, error) = (0.0, 0.0)
    for row in 0..<rows {
      for column in 0..<columns {
        let exact = (0..<inner).reduce(0.0) {
          $0 + Double(left[row * inner + $1]) * Double(right[column * inner + $1])
        }
        largest = max(largest, abs(exact))
        error = max(error, abs(exact - Double(product[row * columns + column])))
      }
    }
    return error / largest
  }
}
