import RecipeSyntax

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

  /// A dotted name, as the stage's metrics call it: `s_dir`, `s_dir.min_step`.
  public let measure: String
  public let comparison: Comparison
  /// As the recipe writes it.
  public let text: String
  public let location: SourceLocation

  public init(measure: String, comparison: Comparison, text: String, location: SourceLocation) {
    self.measure = measure
    self.comparison = comparison
    self.text = text
    self.location = location
  }

  /// Whether a measured value meets the expectation; a value that is not a number meets none.
  public func holds(_ value: Double) -> Bool {
    switch comparison {
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
