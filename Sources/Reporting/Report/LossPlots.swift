import Imaging
import StageKit

/// Losses over steps or iterations, from tables whose first column counts them: of one table all in one plot; of several
/// that a sweep made, each loss in a plot with a curve for every place. The learning rate, which is no loss, has a plot of
/// its own where it changes.
struct LossPlots {
  private static let learningRate = "learning_rate"

  let plots: [(title: String, plot: LinePlot)]

  /// - Parameter tables: with what to call each of several.
  init(_ tables: [(label: String, table: CSV)]) {
    guard let first = tables.first?.table else {
      plots = []
      return
    }
    let columns = first.header.dropFirst()
    let x = LinePlot.Axis(first.header[0])
    func curves(_ column: String) -> [LinePlot.Curve] {
      tables.compactMap { label, table in
        Self.curve(tables.count > 1 ? label : column, of: column, in: table)
      }
    }
    func plot(_ title: String, _ curves: [LinePlot.Curve]) -> (title: String, plot: LinePlot)? {
      curves.isEmpty ? nil : (title, LinePlot(x: x, y: .init(""), curves: curves))
    }
    let losses = columns.filter { $0 != Self.learningRate }
    var plots =
      tables.count > 1
      ? losses.compactMap { plot($0, curves($0)) }
      : [plot("", losses.flatMap(curves))].compactMap(\.self)
    let rates = columns.contains(Self.learningRate) ? curves(Self.learningRate) : []
    if rates.contains(where: { curve in curve.points.contains { $0.y != curve.points[0].y } }) {
      plots += [plot("learning rate", rates)].compactMap(\.self)
    }
    self.plots = plots
  }

  /// Whether a table is one of losses.
  static func areLosses(_ table: CSV) -> Bool {
    guard let first = table.header.first, first.hasPrefix("step") || first.hasPrefix("iteration") else { return false }
    return table.header.dropFirst().contains { curve($0, of: $0, in: table) != nil }
  }

  private static func curve(_ name: String, of column: String, in table: CSV) -> LinePlot.Curve? {
    guard let place = table.header.firstIndex(of: column) else { return nil }
    let points = table.rows.compactMap { row -> (x: Double, y: Double)? in
      guard let x = CSV.number(row[0]), let y = CSV.number(row[place]) else { return nil }
      return (x, y)
    }
    return points.count > 1 ? LinePlot.Curve(name, points) : nil
  }
}
