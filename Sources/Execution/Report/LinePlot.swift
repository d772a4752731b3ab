import Foundation
import StageKit

/// Curves over a common axis as an inline SVG.
struct LinePlot: Sendable {
  struct Series: Sendable {
    let name: String
    let points: [(x: Double, y: Double)]
  }

  let xLabel: String
  let series: [Series]

  /// The curves of a table whose first column counts steps or iterations; nil for any other table.
  init?(of table: CSV) {
    guard let first = table.header.first, first.hasPrefix("step") || first.hasPrefix("iteration"),
      table.rows.count > 1
    else { return nil }
    xLabel = first
    let xs = table.rows.map { $0.first.flatMap(Double.init) }
    series = table.header.indices.dropFirst().compactMap { column in
      let points = zip(xs, table.rows).compactMap { x, row -> (x: Double, y: Double)? in
        guard let x, column < row.count, let y = Double(row[column]), y.isFinite else { return nil }
        return (x, y)
      }
      return points.count > 1 ? Series(name: table.header[column], points: Self.thinned(points)) : nil
    }
    guard !series.isEmpty else { return nil }
  }

  /// At most about a thousand points, evenly chosen, the last among them.
  private static func thinned(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
    let stride = max(1, points.count / 1000)
    return points.indices.filter { $0 % stride == 0 || $0 == points.count - 1 }.map { points[$0] }
  }

  var svg: String {
    let area = (left: 64, top: 14, right: 704, bottom: 254)
    let all = series.flatMap(\.points)
    let x = Scale(all.map(\.x), from: Double(area.left), to: Double(area.right), isPadded: false)
    let y = Scale(all.map(\.y), from: Double(area.bottom), to: Double(area.top), isPadded: true)

    var svg = "<svg class=\"plot\" viewBox=\"0 0 720 \(312 + 18 * ((series.count - 1) / 4))\" role=\"img\">\n"
    for tick in y.ticks {
      let place = Self.fixed(y[tick])
      let label = Readable.number(tick)
      svg += "<path class=\"grid\" d=\"M\(area.left) \(place)H\(area.right)\"/>"
      svg += "<text x=\"\(area.left - 8)\" y=\"\(place)\" dy=\"4\" text-anchor=\"end\">\(label)</text>\n"
    }
    for tick in x.ticks {
      svg += "<text x=\"\(Self.fixed(x[tick]))\" y=\"272\" text-anchor=\"middle\">\(Readable.number(tick))</text>\n"
    }
    svg += "<path class=\"axis\" d=\"M\(area.left) \(area.top)V\(area.bottom)H\(area.right)\"/>\n"
    for (index, one) in series.enumerated() {
      let points = one.points.map { "\(Self.fixed(x[$0.x])),\(Self.fixed(y[$0.y]))" }.joined(separator: " ")
      svg += "<polyline class=\"curve c\(index % 6)\" points=\"\(points)\"/>\n"
      let legend = (x: area.left + 165 * (index % 4), y: 300 + 18 * (index / 4))
      svg += "<rect class=\"key c\(index % 6)\" x=\"\(legend.x)\" y=\"\(legend.y - 7)\" width=\"14\" height=\"4\"/>"
      svg += "<text x=\"\(legend.x + 20)\" y=\"\(legend.y)\">\(HTML.escaped(one.name))</text>\n"
    }
    svg += "<text x=\"\(area.right)\" y=\"288\" text-anchor=\"end\">\(HTML.escaped(xLabel))</text></svg>\n"
    return svg
  }

  private static func fixed(_ value: Double) -> String { String(format: "%.1f", value) }
}

/// A linear map from values to places, with round ticks.
private struct Scale {
  let low: Double
  let high: Double
  let start: Double
  let end: Double

  init(_ values: [Double], from start: Double, to end: Double, isPadded: Bool) {
    let (least, most) = (values.min() ?? 0, values.max() ?? 1)
    let spread = most > least ? most - least : max(abs(most), 1)
    low = least - (isPadded || most == least ? 0.05 * spread : 0)
    high = most + (isPadded || most == least ? 0.05 * spread : 0)
    (self.start, self.end) = (start, end)
  }

  subscript(value: Double) -> Double { start + (value - low) / (high - low) * (end - start) }

  /// About five multiples of 1, 2 or 5 times a power of ten; none is negative zero.
  var ticks: [Double] {
    let rough = (high - low) / 5
    let power = pow(10, floor(log10(rough)))
    let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough } ?? rough
    return stride(from: ceil(low / step), through: floor(high / step), by: 1).map { $0 * step + 0 }
  }
}
