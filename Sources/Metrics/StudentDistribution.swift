import Foundation

/// Student's t distribution.
public enum StudentDistribution {
  /// Half the width of the interval x̄ ± t · s / √n for the mean of numbers, where s² = Σ (xᵢ − x̄)² / (n − 1), and t is the
  /// quantile of the distribution with n − 1 degrees of freedom within ± which `confidence` of it lies; nil for fewer than
  /// two numbers, or where one is not finite.
  public static func margin(ofMeanOf values: [Double], confidence: Double) -> Double? {
    guard let error = standardError(ofMeanOf: values) else { return nil }
    return quantile((1 + confidence) / 2, degrees: Double(values.count) - 1) * error
  }

  /// s / √n.
  static func standardError(ofMeanOf values: [Double]) -> Double? {
    let n = Double(values.count)
    let mean = values.reduce(0, +) / n
    guard values.count > 1, mean.isFinite, values.allSatisfy(\.isFinite) else { return nil }
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / (n - 1) / n).squareRoot()
  }

  /// The t below which a number of the distribution lies with `probability`, in (0.5, 1).
  public static func quantile(_ probability: Double, degrees: Double) -> Double {
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
  public static func cumulative(_ t: Double, _ degrees: Double) -> Double {
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
