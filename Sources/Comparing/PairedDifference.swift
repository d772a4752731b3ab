import Metrics

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
    mean = count > 0 ? differences.reduce(0, +) / Double(count) : .nan
    margin = StudentDistribution.margin(ofMeanOf: differences, confidence: 0.95)
  }

  /// Second minus first, of numbers that may be infinite: the same ones do not differ.
  package static func difference(_ first: Double, _ second: Double) -> Double {
    first == second || first.isNaN && second.isNaN ? 0 : second - first
  }
}
