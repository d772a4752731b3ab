import Escaping
import Foundation

/// The little HTML that a report needs.
enum HTML {
  /// A table with a heading row; cells are HTML. `classes` are the cells' classes by column.
  static func table(_ header: [String], _ rows: [[String]], classes: [String] = []) -> String {
    func cells(_ row: [String], _ tag: String) -> String {
      row.enumerated().map { column, cell in
        let style = column < classes.count && !classes[column].isEmpty ? " class=\"\(classes[column])\"" : ""
        return "<\(tag)\(style)>\(cell)</\(tag)>"
      }.joined()
    }
    let body = rows.map { "<tr>\(cells($0, "td"))</tr>\n" }.joined()
    let head = "<thead><tr>\(cells(header, "th"))</tr></thead>"
    return "<div class=\"scroll\"><table>\(head)\n<tbody>\n\(body)</tbody></table></div>\n"
  }

  /// A line that leads to a file in the folder of the page.
  static func link(toFile name: String) -> String {
    let address = Escape.attribute(Escape.address(ofFile: name))
    return "<p><a href=\"\(address)\">\(Escape.markup(name))</a>, a page to open in a browser</p>\n"
  }

  /// A picture that is part of the page.
  static func picture(_ png: Data, label: String) -> String { image(png, "png", label: label) }

  /// A drawing that is part of the page: as an image it is but looked at, whatever scripts and styles it has.
  static func drawing(_ svg: Data, label: String) -> String { image(svg, "svg+xml", label: label) }

  private static func image(_ data: Data, _ format: String, label: String) -> String {
    "<img alt=\"\(Escape.attribute(label))\" src=\"data:image/\(format);base64,\(data.base64EncodedString())\">"
  }
}

/// Numbers and durations for people.
enum Readable {
  /// Four significant digits, or all in front of the point: `0.2134`, `12.5`, `31012`, `1.2e-06`.
  static func number(_ value: Double) -> String {
    switch abs(value) {
    case 1e4..<1e9: String(format: "%.0f", value)
    case ..<Double.infinity: String(format: "%.4g", value)
    case .infinity: value > 0 ? "∞" : "−∞"
    default: value.isNaN ? "NaN" : "\(value)"
    }
  }

  /// `0.4 s`, `12 s`, `3:05 min`, `1:02:09 h`
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e7 else { return "?" }
    let whole = Int(seconds.rounded())
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    if seconds < 9.95 { return String(format: "%.1f s", seconds) }
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60):\(two(whole % 60)) min" }
    return "\(whole / 3600):\(two(whole / 60 % 60)):\(two(whole % 60)) h"
  }

  static func size(_ bytes: Int) -> String {
    switch bytes {
    case ..<1000: "\(bytes) B"
    case ..<1_000_000: String(format: "%.1f kB", Double(bytes) / 1e3)
    case ..<1_000_000_000: String(format: "%.1f MB", Double(bytes) / 1e6)
    default: String(format: "%.2f GB", Double(bytes) / 1e9)
    }
  }

  /// `1 item`, `2 items`
  static func count(_ count: Int, _ thing: String) -> String { "\(count) \(thing)\(count == 1 ? "" : "s")" }
}
