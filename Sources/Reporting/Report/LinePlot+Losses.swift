import Imaging
import StageKit

extension LinePlot {
  /// The curves of a table whose first column counts steps or iterations; nil for any other table.
  init?(losses table: CSV) {
    guard let first = table.header.first, first.hasPrefix("step") || first.hasPrefix("iteration"),
      table.rows.count > 1
    else { return nil }
    let curves = table.header.indices.dropFirst().compactMap { column -> Curve? in
      let points = table.rows.compactMap { row -> (x: Double, y: Double)? in
        guard let x = CSV.number(row[0]), let y = CSV.number(row[column]) else { return nil }
        return (x, y)
      }
      return points.count > 1 ? Curve(table.header[column], points) : nil
    }
    guard !curves.isEmpty else { return nil }
    self.init(x: Axis(first), y: Axis(""), curves: curves)
  }
}
