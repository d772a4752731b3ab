import RecipeSyntax
import StageKit

/// What a recipe demands of a measure: `expect: {s_dir: "> 0.15"}`.
public struct Expectation: Sendable, Hashable {
  public enum Comparison: Sendable, Hashable {
    case greater(Double)
    case atLeast(Double)
    case less(Double)
    case atMost(Double)
    case equal(Double)
    case within(ClosedRange<Double>)
    /// |value - target| ≤ tolerance
    case near(Double, tolerance: Double)
  }

  /// How comparisons are written, and what holds then: for help.
  package static let forms: [(text: String, meaning: String)] = [
    ("> 0.15", "above"), (">= 0.15", "at least"), ("< 0.2", "below"), ("<= 0.2", "at most"), ("== 1", "the same"),
    ("0.1..0.2", "between the two, bounds included"), ("0.15 ± 0.01", "within that distance; +- means ±"),
  ]
  /// How a number of the baseline stands in any of them.
  package static let baselineForm = (
    text: ">= baseline - 0.01", meaning: "against the stage's number in RECIPE.baseline.json beside the recipe"
  )

  /// A dotted name, as the stage's metrics call it: `s_dir`, `s_dir.min_step`.
  public let measure: String
  public let comparison: Comparison
  /// As the recipe writes it.
  package let written: String
  /// What `baseline` in it stands for.
  package let baseline: Double?
  /// The parameters with which the baseline was made, where they are others than now: `gain=2.0`.
  package let baselineParameters: String?
  public let location: SourceLocation

  public init(
    measure: String, comparison: Comparison, text: String, location: SourceLocation, baseline: Double? = nil,
    baselineParameters: String? = nil
  ) {
    self.measure = measure
    self.comparison = comparison
    written = text
    self.location = location
    self.baseline = baseline
    self.baselineParameters = baselineParameters
  }

  /// As the recipe writes it, with the baseline's number behind it.
  public var text: String { written + (baseline.map { " (baseline \(Readable.number($0)))" } ?? "") }

  /// Whether it says `baseline`, which no number stands for yet.
  var needsBaseline: Bool { baseline == nil && Comparison(written) == nil }

  /// The same with a number for `baseline`.
  /// - Parameter parameters: as ``baselineParameters``.
  func applying(_ baseline: Double, of parameters: String?) -> Expectation? {
    Comparison(written, baseline: baseline).map {
      Expectation(
        measure: measure, comparison: $0, text: written, location: location, baseline: baseline,
        baselineParameters: parameters)
    }
  }

  /// Whether a measured value meets the expectation; a value that is not a number meets none.
  public func holds(_ value: Double) -> Bool { comparison.holds(value) }
}

extension Expectation.Comparison {
  /// Whether a value meets it; one that is not a number meets none.
  public func holds(_ value: Double) -> Bool {
    switch self {
    case .greater(let bound): value > bound
    case .atLeast(let bound): value >= bound
    case .less(let bound): value < bound
    case .atMost(let bound): value <= bound
    case .equal(let target): value == target
    case .within(let range): range.contains(value)
    case .near(let target, let tolerance): abs(value - target) <= tolerance
    }
  }
}
