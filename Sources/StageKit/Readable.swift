import Foundation

/// Numbers and durations for people.
package enum Readable {
  /// Four significant digits, or all in front of the point: `0.2134`, `12.5`, `31012`, `1.2e-06`.
  package static func number(_ value: Double) -> String {
    switch abs(value) {
    case 1e4..<1e9: String(format: "%.0f", value)
    case ..<Double.infinity: String(format: "%.4g", value)
    case .infinity: value > 0 ? "∞" : "−∞"
    default: value.isNaN ? "NaN" : "\(value)"
    }
  }

  /// `0.4 s`, `12 s`, `3:05 min`, `1:02:09 h`
  package static func duration(_ seconds: Double) -> String {
    guard abs(seconds) < 1e7 else { return "?" }
    let whole = Int(seconds.rounded())
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    if seconds < 9.95 { return String(format: "%.1f s", seconds) }
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60):\(two(whole % 60)) min" }
    return "\(whole / 3600):\(two(whole / 60 % 60)):\(two(whole % 60)) h"
  }

  package static func size(_ bytes: Int) -> String {
    switch bytes {
    case ..<1000: "\(bytes) B"
    case ..<1_000_000: String(format: "%.1f kB", Double(bytes) / 1e3)
    case ..<1_000_000_000: String(format: "%.1f MB", Double(bytes) / 1e6)
    default: String(format: "%.2f GB", Double(bytes) / 1e9)
    }
  }

  /// `1 item`, `2 items`
  package static func count(_ count: Int, _ thing: String) -> String { "\(count) \(thing)\(count == 1 ? "" : "s")" }
}
