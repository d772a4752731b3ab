import Foundation
import Tensors

/// The mean of what was measured of some items, and an interval that holds the mean of all such items with a confidence.
public struct MeanInterval: Sendable, Hashable {
  public enum Method: String, CaseIterable, Sendable {
    /// Student's: of numbers near normal, or of many.
    case t
    /// Bias-corrected and accelerated bootstrap (BCa, Efron 1987): of numbers however distributed.
    case bootstrap
  }

  public let mean: Double
  public let low: Double
  public let high: Double

  /// Nil for fewer than two numbers, or where one is not finite: nothing is known of how they spread then.
  /// - Parameter confidence: in (0, 1).
  public init?(of values: [Double], by method: Method, confidence: Double) {
    guard let margin = StudentDistribution.margin(ofMeanOf: values, confidence: confidence) else { return nil }
    let mean = values.reduce(0, +) / Double(values.count)
    self.mean = mean
    switch method {
    case .t: (low, high) = (mean - margin, mean + margin)
    case .bootstrap:
      // Equal numbers have equal means, however they are drawn, but for rounding.
      (low, high) =
        Set(values).count == 1 ? (mean, mean) : Self.accelerated(values, mean: mean, confidence: confidence)
    }
  }

  /// How often the items are drawn anew.
  package static let resamples = 9_999

  /// BCa: the quantiles Φ(z₀ + (z₀ + z)/(1 − a (z₀ + z))) of the means of resamples, where z are those of the confidence,
  /// z₀ is that of the share of means below the mean, and a = Σ dᵢ³ / (6 (Σ dᵢ²)^(3/2)), with dᵢ = xᵢ − x̄, the
  /// acceleration that the jackknife has for a mean. The draws are the same in every run.
  private static func accelerated(
    _ values: [Double], mean: Double, confidence: Double
  ) -> (low: Double, high: Double) {
    var random = RandomSource(seed: 0, name: "bootstrap")
    let count = UInt64(values.count)
    let means = (0..<resamples).map { _ in
      var sum = 0.0
      for _ in values { sum += values[Int(random.next().multipliedFullWidth(by: count).high)] }
      return sum / Double(count)
    }.sorted()
    let (below, upTo) = (means.count { $0 < mean }, means.count { $0 <= mean })
    let bias = NormalDistribution.quantile(Double(below + upTo) / Double(2 * resamples))
    let rests = values.map { $0 - mean }
    let squares = rests.reduce(0) { $0 + $1 * $1 }
    let acceleration = rests.reduce(0) { $0 + $1 * $1 * $1 } / (6 * squares * squares.squareRoot())
    func bound(_ probability: Double) -> Double {
      let z = bias + NormalDistribution.quantile(probability)
      return quantile(NormalDistribution.cumulative(bias + z / (1 - acceleration * z)), of: means)
    }
    return (bound((1 - confidence) / 2), bound((1 + confidence) / 2))
  }

  /// Linear between the numbers, as NumPy's.
  private static func quantile(_ probability: Double, of sorted: [Double]) -> Double {
    let place = probability * Double(sorted.count - 1)
    guard place.isFinite else { return .nan }
    let first = min(max(Int(place), 0), sorted.count - 1)
    let next = min(first + 1, sorted.count - 1)
    return sorted[first] + (place - Double(first)) * (sorted[next] - sorted[first])
  }
}

/// The standard normal distribution.
public enum NormalDistribution {
  public static func cumulative(_ z: Double) -> Double { erfc(-z / 2.0.squareRoot()) / 2 }

  /// The z below which a number of the distribution lies with `probability`, in [0, 1].
  public static func quantile(_ probability: Double) -> Double {
    guard probability > 0, probability < 1 else { return probability < 0.5 ? -.infinity : .infinity }
    guard probability < 0.5 else { return probability == 0.5 ? 0 : -quantile(1 - probability) }
    var (low, high) = (-40.0, 0.0)
    // As far as Double can halve an interval.
    for _ in 0..<200 {
      let middle = (low + high) / 2
      if middle == low || middle == high { break }
      if cumulative(middle) < probability { low = middle } else { high = middle }
    }
    return (low + high) / 2
  }
}

/// Whether what was measured of the same items twice differs by more than chance would have it.
public enum PairedTest: String, CaseIterable, Sendable {
  /// The paired t test: the differences are near normal, or many.
  case t
  /// Wilcoxon's signed-rank test (1945): the differences are spread evenly around their middle.
  case wilcoxon

  /// The probability of differences as far from zero as these, or farther, where there is none in truth (two-sided); nil
  /// for fewer than two, or where one is not finite.
  public func probability(of differences: [Double]) -> Double? {
    guard let error = StudentDistribution.standardError(ofMeanOf: differences) else { return nil }
    switch self {
    case .t:
      let mean = differences.reduce(0, +) / Double(differences.count)
      if mean == 0 { return 1 }
      return 2 * (1 - StudentDistribution.cumulative(abs(mean) / error, Double(differences.count) - 1))
    case .wilcoxon: return Self.signedRank(differences.filter { $0 != 0 })
    }
  }

  /// Of differences that are not zero. Exact for up to 50 without ties, else by the normal approximation with Wilcoxon's
  /// correction for ties.
  private static func signedRank(_ differences: [Double]) -> Double {
    let count = differences.count
    guard count > 0 else { return 1 }
    let sorted = differences.sorted { abs($0) < abs($1) }
    var (positive, ties, first) = (0.0, 0.0, 0)
    while first < count {
      var end = first + 1
      while end < count, abs(sorted[end]) == abs(sorted[first]) { end += 1 }
      let size = Double(end - first)
      ties += size * size * size - size
      // Equal ones have the mean of their ranks.
      positive += Double(sorted[first..<end].count { $0 > 0 }) * (Double(first + 1 + end) / 2)
      first = end
    }
    let n = Double(count)
    if ties == 0, count <= 50 { return exact(Int(positive), count) }
    let variance = n * (n + 1) * (2 * n + 1) / 24 - ties / 48
    return erfc(abs(positive - n * (n + 1) / 4) / (2 * variance).squareRoot())
  }

  /// The ranks 1 … n have a sign each, by 2ⁿ equally probable ways.
  private static func exact(_ sum: Int, _ count: Int) -> Double {
    let most = count * (count + 1) / 2
    var ways = [Double](repeating: 0, count: most + 1)
    ways[0] = 1
    for rank in 1...count {
      for total in stride(from: most, through: rank, by: -1) { ways[total] += ways[total - rank] }
    }
    let rarer = ways[...min(sum, most - sum)].reduce(0, +)
    return min(1, 2 * rarer / ways.reduce(0, +))
  }
}
