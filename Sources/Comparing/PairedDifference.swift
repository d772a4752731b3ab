import Foundation

/// How much two runs differ in what was measured of the same items.
public struct PairedDifference: Sendable, Hashable {
  /// How many items both have.
  public let count: Int
  /// The mean of the differences d̄, second minus first.
  public let mean: Double
  /// Half the width of the interval that holds the true mean difference with 95 % confidence; nil for fewer than two
  /// items, or where a difference is no finite number.
  public let margin: Double?

  /// Whether the interval does not hold zero: the runs differ by more than their items do.
  package var isClear: Bool { margin.map { abs(mean) > $0 } ?? false }

  /// How the interval is made, for those who read it.
  package static let method = "95 % interval of the mean difference over the items of both runs (paired Student's t)"

  /// Of differences d₁ … dₙ: d̄ ± t · s / √n, where s² = Σ (dᵢ − d̄)² / (n − 1), and t is the 97.5 % quantile of
  /// Student's distribution with n − 1 degrees of freedom. The items are drawn at random and the differences near
  /// normal, or many: then it holds the mean of all items in 95 % of cases.
  package init(_ differences: [Double]) {
    count = differences.count
    let n = Double(count)
    let sum = differences.reduce(0, +)
    mean = count > 0 ? sum / n : .nan
    guard count > 1, mean.isFinite, differences.allSatisfy(\.isFinite) else {
      margin = nil
      return
    }
    let center = mean
    let squares = differences.reduce(0) { $0 + ($1 - center) * ($1 - center) }
    margin = StudentDistribution.quantile(0.975, degrees: n - 1) * (squares / (n - 1) / n).squareRoot()
  }

  /// Second minus first, of numbers that may be infinite: the same ones do not differ.
  package static func difference(_ first: Double, _ second: Double) -> Double {
    first == second || first.isNaN && second.isNaN ? 0 : second - first
  }
}

/// Student's t distribution.
enum StudentDistribution {
  /// The t below which a number of the distribution lies with `probability`, in (0.5, 1).
  static func quantile(_ probability: Double, degrees: Double) -> Double {
    var (low, high) = (0.0, 2.0)
    while cumulative(high, degrees) < probability, high < 1e12 { high *= 2 }
    // As far as Double can halve an interval.
    for _ in 0..<200 {
      let middle = (low + high) / 2
      if middle == low || middle == high { break }
      if cumulative(middle, degrees) < probability { low = middle } else { high = middle }
    }
    return (low + high) / 2
  }

  /// P(T ≤ t) = 1 − I(ν / (ν + t²); ν/2, 1/2) / 2 for t ≥ 0 (Abramowitz and Stegun 26.7.1).
  static func cumulative(_ t: Double, _ degrees: Double) -> Double {
    1 - incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2
  }

  /// The regularized incomplete beta function I(x; a, b), by its continued fraction (Abramowitz and Stegun 26.5.8) with
  /// Lentz's method, on the side where that converges fast.
  static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
    guard x > 0 else { return 0 }
    guard x < 1 else { return 1 }
    if x > (a + 1) / (a + b + 2) { return 1 - incompleteBeta(1 - x, b, a) }
    let front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    let tiny = 1e-300
    var (c, d) = (1.0, 1 / max(1 - (a + b) * x / (a + 1), tiny))
    var fraction = d
    for step in 1..<10_000 {
      let m = Double(step)
      let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
      d = 1 / nonzero(1 + even * d, tiny)
      c = nonzero(1 + even / c, tiny)
      fraction *= d * c
      let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
      d = 1 / nonzero(1 + odd * d, tiny)
      c = nonzero(1 + odd / c, tiny)
      fraction *= d * c
      if abs(d * c - 1) < 1e-15 { break }
    }
    return front * fraction
  }

  private static func nonzero(_ value: Double, _ tiny: Double) -> Double { abs(value) < tiny ? tiny : value }
}
