import Foundation

/// A rate of yes among answers, of which those of one respondent go together.
public struct ClusteredRate: Sendable {
  public let answers: Int
  public let yes: Int
  /// How much wider the answers of one respondent, which are alike, spread the rate than as many independent ones
  /// would: deff (Kish 1965), at least 1.
  ///
  /// With nᵢ answers of respondent i, xᵢ of them yes, n = Σ nᵢ and p = Σ xᵢ / n, it is the cluster-robust variance
  /// V = K/(K − 1) · Σ (xᵢ − p nᵢ)² / n² of K respondents over that of independent answers, p (1 − p) / (n − 1), both
  /// unbiased: with one answer each it is 1. One respondent, or answers that are all the same, say nothing about it: it
  /// is 1 then.
  public let designEffect: Double

  /// - Parameter respondents: how many answers each gave, at least one in all, and how many of these were yes.
  public init(_ respondents: [(answers: Int, yes: Int)]) {
    answers = respondents.reduce(0) { $0 + $1.answers }
    yes = respondents.reduce(0) { $0 + $1.yes }
    precondition(answers > 0, "a rate of nothing")
    let (n, k) = (Double(answers), Double(respondents.count))
    let p = Double(yes) / n
    let squares = respondents.reduce(0) { sum, respondent in
      let rest = Double(respondent.yes) - p * Double(respondent.answers)
      return sum + rest * rest
    }
    let isTelling = respondents.count > 1 && yes > 0 && yes < answers
    designEffect = isTelling ? max(1, k / (k - 1) * squares / (n * n) / (p * (1 - p) / (n - 1))) : 1
  }

  public var rate: Double { Double(yes) / Double(answers) }

  /// Wilson's score interval (Wilson 1927) for the effective number of answers m = n / deff:
  /// (p + z²/2m ± z √(p (1 − p)/m + z²/4m²)) / (1 + z²/m), where the standard normal lies within ±z with probability
  /// `confidence`, in (0, 1).
  public func interval(confidence: Double) -> ClosedRange<Double> {
    let (p, m) = (rate, Double(answers) / designEffect)
    let z = Self.normalBound(confidence)
    let center = p + z * z / (2 * m)
    let spread = z * (p * (1 - p) / m + z * z / (4 * m * m)).squareRoot()
    let scale = 1 + z * z / m
    return max(0, (center - spread) / scale)...min(1, (center + spread) / scale)
  }

  /// z with erf(z/√2) = `probability`, by Newton's method: it climbs to z, as erf is concave there.
  private static func normalBound(_ probability: Double) -> Double {
    var z = 0.0
    for _ in 0..<50 {
      z += (probability - erf(z / 2.0.squareRoot())) / ((2 / Double.pi).squareRoot() * exp(-z * z / 2))
    }
    return z
  }
}
