import Foundation

/// The round numbers along an axis, and how its values map to positions from 0 to 1.
package struct Ticks {
  /// From 0 to 1 along the axis.
  package let positions: [Double]
  package let labels: [String]
  private let scale: LinePlot.Axis.Scale
  /// What is shown; on a logarithmic axis, decimal logarithms.
  private let range: ClosedRange<Double>

  /// Ticks for what `axis` says to show, else for what `values` span (0…1 where there are none).
  package init(_ axis: LinePlot.Axis, values: [Double], maximumCount: Int) {
    scale = axis.scale
    let bounds = axis.range.map { [$0.lowerBound, $0.upperBound] } ?? values
    let shown = bounds.compactMap { [scale] in Self.coordinate($0, scale) }
    let (low, high) = (shown.min() ?? 0, shown.max() ?? 1)
    let isFlat = high - low <= max(abs(low), abs(high)) * 1e-9 + 1e-290
    let slack = isFlat ? max(abs(low) * 0.1, 0.5) : 0
    let spread = low - slack...high + slack
    let step = Self.step(over: spread, maximumCount: maximumCount, isLogarithmic: scale == .logarithmic)

    // A hair of tolerance, so that 0.3 / 0.1 counts as 3.
    let first = (spread.lowerBound / step + 1e-9).rounded(.down)
    let last = (spread.upperBound / step - 1e-9).rounded(.up)
    let endsAtTicks = axis.range == nil || scale == .logarithmic
    let range = endsAtTicks ? first * step...last * step : spread
    self.range = range

    let tolerance = step * 1e-6
    let marks = (0...Int(last - first)).map { (first + Double($0)) * step }
      .filter { $0 >= range.lowerBound - tolerance && $0 <= range.upperBound + tolerance }
    positions = marks.map { ($0 - range.lowerBound) / (range.upperBound - range.lowerBound) }
    labels = marks.map { [scale] in
      scale == .logarithmic ? Self.powerLabel(Int($0.rounded())) : Self.label($0, step: step)
    }
  }

  /// Where `value` is along the axis, or nil where it has no place on any.
  package func position(of value: Double) -> Double? {
    Self.coordinate(value, scale).map {
      // Far off any picture, numbers are kept small enough to calculate with.
      min(max(($0 - range.lowerBound) / (range.upperBound - range.lowerBound), -1e6), 1e6)
    }
  }

  private static func coordinate(_ value: Double, _ scale: LinePlot.Axis.Scale) -> Double? {
    switch scale {
    case .linear: value.isFinite && abs(value) < 1e300 ? value : nil
    case .logarithmic: value.isFinite && value > 0 ? log10(value) : nil
    }
  }

  /// The smallest of 1, 2 and 5 times a power of ten (on a logarithmic axis: of whole decades) with few enough ticks.
  private static func step(over range: ClosedRange<Double>, maximumCount: Int, isLogarithmic: Bool) -> Double {
    let least = (range.upperBound - range.lowerBound) / Double(maximumCount)
    let power = pow(10, log10(least).rounded(.down))
    let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= least * (1 - 1e-9) } ?? 10 * power
    return isLogarithmic ? max(1, step.rounded(.up)) : step
  }

  private static func label(_ value: Double, step: Double) -> String {
    let largest = max(abs(value), step)
    if value == 0 { return "0" }
    if largest >= 1e6 || step < 1e-4 {
      let exponent = Int((log10(abs(value)) + 1e-9).rounded(.down))
      return String(format: "%.4g", value / pow(10, Double(exponent))).replacing("-", with: "−") + "e\(exponent)"
    }
    let digits = max(0, -Int(log10(step * 1.000001).rounded(.down)))
    return String(format: "%.\(digits)f", value).replacing("-", with: "−")
  }

  /// 10 to the power `exponent`.
  private static func powerLabel(_ exponent: Int) -> String {
    switch exponent {
    case 0...4: String(Int(pow(10, Double(exponent))))
    case -4..<0: String(format: "%.\(-exponent)f", pow(10, Double(exponent)))
    default: "1e\(exponent)"
    }
  }
}
