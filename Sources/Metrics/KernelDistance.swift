import Foundation
import Tensors

/// How far two sets of pictures are apart as distributions: KID (Bińkowski et al. 2018), the squared maximum mean
/// discrepancy of their features x, y ∈ ℝᵈ with the kernel k(x, y) = (x·y/d + 1)³, without bias:
///
/// mean of k(xᵢ, xⱼ) over i ≠ j + mean of k(yᵢ, yⱼ) over i ≠ j − 2 · mean of k(xᵢ, yⱼ).
///
/// It can be negative. Mean and spread over random subsets, which others report, estimate the same.
public struct KernelDistance: Sendable, Hashable {
  public let value: Double
  /// By the jackknife of both sets (Arvesen 1969): each picture is left out once.
  public let standardError: Double

  /// - Parameters:
  ///   - x: features [N, d] of at least three pictures, so that one can be left out; `y` [M, d] likewise.
  public init(_ x: Tensor, _ y: Tensor) {
    precondition(x.rank == 2 && y.rank == 2 && x.shape[1] == y.shape[1], "features \(x.shape) and \(y.shape)")
    precondition(x.shape[0] > 2 && y.shape[0] > 2, "sets of at least three")
    let (a, b) = (x.converted(to: .float64), y.converted(to: .float64))
    let (within, between) = (Self.sums(a, a), Self.sums(a, b))
    let (others, across) = (Self.sums(b, b), Self.sums(b, a))
    let (n, m) = (Double(x.shape[0]), Double(y.shape[0]))
    // Of each picture with all others of its set: without itself.
    let (own, foreign) = (zip(within.rows, within.diagonal).map(-), zip(others.rows, others.diagonal).map(-))
    let sums = (x: own.reduce(0, +), y: foreign.reduce(0, +), xy: between.rows.reduce(0, +))
    func distance(_ x: Double, _ n: Double, _ y: Double, _ m: Double, _ xy: Double) -> Double {
      x / (n * (n - 1)) + y / (m * (m - 1)) - 2 * xy / (n * m)
    }
    value = distance(sums.x, n, sums.y, m, sums.xy)
    let withoutX = zip(own, between.rows).map { distance(sums.x - 2 * $0, n - 1, sums.y, m, sums.xy - $1) }
    let withoutY = zip(foreign, across.rows).map { distance(sums.x, n, sums.y - 2 * $0, m - 1, sums.xy - $1) }
    standardError = (Self.spread(withoutX) + Self.spread(withoutY)).squareRoot()
  }

  /// The value ± z standard errors; the standard normal lies within ±z with probability `confidence`, in (0, 1).
  public func interval(confidence: Double) -> ClosedRange<Double> {
    let margin = NormalDistribution.quantile((1 + confidence) / 2) * standardError
    return value - margin...value + margin
  }

  /// (n − 1)/n · Σ (θ₋ᵢ − mean)².
  private static func spread(_ values: [Double]) -> Double {
    let n = Double(values.count)
    let mean = values.reduce(0, +) / n
    return (n - 1) / n * values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
  }

  /// Σⱼ k(xᵢ, yⱼ) of each i, and k(xᵢ, yᵢ) where both are one set; by blocks, as there may be many pictures.
  private static func sums(_ x: Tensor, _ y: Tensor) -> (rows: [Double], diagonal: [Double]) {
    let (d, columns) = (Double(x.shape[1]), y.shape[0])
    var (rows, diagonal): ([Double], [Double]) = ([], [])
    for first in stride(from: 0, to: x.shape[0], by: 256) {
      let block = x.narrowed(0, first..<min(first + 256, x.shape[0]))
      let products = block.matmul(y, transposed: (false, true)).doubleValues
      for row in 0..<block.shape[0] {
        var sum = 0.0
        for column in 0..<columns {
          let base = products[row * columns + column] / d + 1
          sum += base * base * base
          if column == first + row { diagonal.append(base * base * base) }
        }
        rows.append(sum)
      }
    }
    return (rows, diagonal)
  }
}
