import Foundation

/// Curves over one pair of axes: losses over steps, errors over a parameter.
public struct LinePlot: Sendable {
  public struct Axis: Sendable {
    public enum Scale: Sendable { case linear, logarithmic }

    /// What the axis measures, with the unit: `time (s)`.
    public let label: String
    public let scale: Scale
    /// What is shown, on a logarithmic axis widened to whole decades; nil for what the curves span.
    public let range: ClosedRange<Double>?

    public init(_ label: String, scale: Scale = .linear, range: ClosedRange<Double>? = nil) {
      self.label = label
      self.scale = scale
      self.range = range
    }
  }

  /// One curve, from point to point in the order given. A value that is not finite (or on a logarithmic axis not
  /// positive) interrupts it and is marked by a cross: at the upper edge where it is infinite, else at the lower one,
  /// with the value beside the first such cross. Of many points, about a thousand are drawn.
  public struct Curve: Sendable {
    /// For the legend.
    public let name: String
    public let points: [(x: Double, y: Double)]
    /// Whether each point gets a dot.
    public let hasDots: Bool
    /// What stands beside each point, where each is something of its own and no line joins all of them.
    public let labels: [String]?
    /// Of points with labels, those that a line joins, in its order.
    public let front: [Int]

    public init(_ name: String, _ points: [(x: Double, y: Double)], hasDots: Bool = false) {
      self.name = name
      self.points = points
      self.hasDots = hasDots
      labels = nil
      front = []
    }

    /// Points with a label each.
    /// - Parameter front: the points that a line joins, in its order.
    public init(_ name: String, points: [(x: Double, y: Double)], labels: [String], front: [Int] = []) {
      precondition(points.count == labels.count, "\(points.count) points, \(labels.count) labels")
      self.name = name
      self.points = points
      hasDots = true
      self.labels = labels
      self.front = front
    }

    /// At most 2,000 points, evenly chosen, the last among them.
    var thinned: [(x: Double, y: Double)] {
      let stride = max(1, points.count / 1000)
      return points.indices.filter { $0 % stride == 0 || $0 == points.count - 1 }.map { points[$0] }
    }
  }

  /// Above the plot; "" for none.
  public var title: String
  public var x: Axis
  public var y: Axis
  public var curves: [Curve]
  /// Pixels of the result.
  public var width = 640
  public var height = 400

  public init(title: String = "", x: Axis, y: Axis, curves: [Curve]) {
    self.title = title
    self.x = x
    self.y = y
    self.curves = curves
  }

  /// Colors that people tell apart whatever their color vision (Okabe and Ito, 2008), in the order of the curves.
  static let palette = [0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0xE69F00, 0x56B4E9, 0x000000].map(Color.init)

  private static let axisColor = Color(0x555555)
  private static let gridColor = Color(0xE6E6E6)
  private static let margin = 16
  /// The least width and height of the frame that holds the curves.
  private static let minimumSide = 100
  private static let swatchWidth = 18

  /// The plot, on white: title, legend (where a curve has a name), axes with round ticks, curves. Where title and
  /// legend would leave no room for the curves, it is larger than asked for.
  /// - Throws: ``ImagingError/tooLarge(name:width:height:)`` where that is too large for a picture.
  public func drawing() throws(ImagingError) -> Drawing {
    let style = TextStyle.body
    let yTicks = Ticks(y, values: curves.flatMap { $0.points.map(\.y) }, maximumCount: max(2, height / 65))
    let yLabelWidth = y.label.isEmpty ? 0 : style.lineHeight + 4
    let left = Self.margin + yLabelWidth + (yTicks.labels.map(style.width).max() ?? 0) + 8
    let right = max(width - Self.margin - 8, left + Self.minimumSide)
    let xTicks = Ticks(x, values: curves.flatMap { $0.points.map(\.x) }, maximumCount: max(2, (right - left) / 70))

    let titleLines = TextStyle.heading.wrap(title, width: right - Self.margin)
    let belowTitle =
      Self.margin + titleLines.count * TextStyle.heading.lineHeight + (titleLines.isEmpty ? 0 : 4)
    let legend = legend(left: left, right: right, top: belowTitle)
    let top = (legend.map { $0.y + $0.lines.count * style.lineHeight + 4 }.max() ?? belowTitle) + 4
    let belowFrame = 2 * style.lineHeight + 4 + Self.margin
    let bottom = max(height - belowFrame, top + Self.minimumSide)

    var canvas = try Drawing(
      width: right + Self.margin + 8, height: bottom + belowFrame, name: title.isEmpty ? "plot" : "plot \"\(title)\"")
    for (index, line) in titleLines.enumerated() {
      canvas.draw(
        TextLine(
          line, x: canvas.width / 2, y: Self.margin + index * TextStyle.heading.lineHeight, style: .heading,
          align: .center))
    }
    let frame = Frame(left: left, top: top, right: right, bottom: bottom, x: xTicks, y: yTicks)
    drawAxes(frame, onto: &canvas)
    var labels = PointLabels(frame: Rectangle(x: left, y: top, width: right - left, height: bottom - top))
    for point in curves.filter({ $0.labels != nil }).flatMap(\.points) {
      if let place = frame.place(of: point) { labels.keepFree(place) }
    }
    for (index, curve) in curves.enumerated() {
      let color = Self.palette[index % Self.palette.count]
      draw(curve, color, in: frame, onto: &canvas)
      for (point, label) in zip(curve.points, curve.labels ?? []) {
        if let place = frame.place(of: point) { canvas.draw(labels.line(label, beside: place, color)) }
      }
      if !legend.isEmpty { draw(legend[index], of: curve, color, onto: &canvas) }
    }
    return canvas
  }

  /// A curve's name in the legend.
  private struct LegendEntry {
    /// Where it begins.
    let x, y: Int
    let lines: [String]
  }

  /// Where each curve's name is; empty where no curve has one.
  private func legend(left: Int, right: Int, top: Int) -> [LegendEntry] {
    guard curves.contains(where: { !$0.name.isEmpty }) else { return [] }
    let style = TextStyle.body
    let indent = Self.swatchWidth + 6
    var (x, y, lineCount) = (left, top, 1)
    return curves.map { curve in
      let lines = style.wrap(curve.name, width: right - left - indent)
      let width = indent + (lines.map(style.width).max() ?? 0)
      if x > left && x + width > right { (x, y, lineCount) = (left, y + lineCount * style.lineHeight, 1) }
      defer { (x, lineCount) = (x + width + 16, max(lineCount, lines.count)) }
      return LegendEntry(x: x, y: y, lines: lines)
    }
  }

  private func draw(_ entry: LegendEntry, of curve: Curve, _ color: Color, onto canvas: inout Drawing) {
    let style = TextStyle.body
    let middle = entry.y + style.capitalHeight / 2
    if curve.labels == nil || !curve.front.isEmpty {
      canvas.fill(Rectangle(x: entry.x, y: middle - 1, width: Self.swatchWidth, height: 2), color)
    }
    if curve.hasDots {
      canvas.fill(Rectangle(x: entry.x + Self.swatchWidth / 2 - 2, y: middle - 2, width: 4, height: 4), color)
    }
    for (index, line) in entry.lines.enumerated() {
      canvas.draw(TextLine(line, x: entry.x + Self.swatchWidth + 6, y: entry.y + index * style.lineHeight))
    }
  }

  private func drawAxes(_ frame: Frame, onto canvas: inout Drawing) {
    let style = TextStyle.body
    let (width, height) = (frame.right - frame.left, frame.bottom - frame.top)
    for (position, label) in zip(frame.y.positions, frame.y.labels) {
      let row = Int(frame.row(position).rounded())
      canvas.fill(Rectangle(x: frame.left, y: row, width: width + 1, height: 1), Self.gridColor)
      canvas.draw(TextLine(label, x: frame.left - 8, y: row - style.capitalHeight / 2, align: .trailing))
    }
    for (position, label) in zip(frame.x.positions, frame.x.labels) {
      let column = Int(frame.column(position).rounded())
      canvas.fill(Rectangle(x: column, y: frame.top, width: 1, height: height), Self.gridColor)
      canvas.fill(Rectangle(x: column, y: frame.bottom, width: 1, height: 5), Self.axisColor)
      canvas.draw(TextLine(label, x: column, y: frame.bottom + 9, align: .center))
    }
    for position in frame.y.positions {
      canvas.fill(
        Rectangle(x: frame.left - 4, y: Int(frame.row(position).rounded()), width: 4, height: 1), Self.axisColor)
    }
    canvas.fill(Rectangle(x: frame.left, y: frame.top, width: 1, height: height + 1), Self.axisColor)
    canvas.fill(Rectangle(x: frame.left, y: frame.bottom, width: width + 1, height: 1), Self.axisColor)
    canvas.draw(
      TextLine(
        x.label, x: (frame.left + frame.right) / 2, y: frame.bottom + 9 + style.lineHeight + 4, align: .center))
    canvas.draw(
      TextLine(y.label, x: Self.margin, y: (frame.top + frame.bottom) / 2, align: .center, isUpward: true))
  }

  private func draw(_ curve: Curve, _ color: Color, in frame: Frame, onto canvas: inout Drawing) {
    // Dots on the border are whole.
    let rim = 3
    let bounds = Rectangle(
      x: frame.left - rim, y: frame.top - rim, width: frame.right - frame.left + 1 + 2 * rim,
      height: frame.bottom - frame.top + 1 + 2 * rim)
    func draw(_ runs: [[Point]], dotDiameter: Double?) {
      canvas.draw(Polyline(runs: runs, color: color, thickness: 1.6, dotDiameter: dotDiameter, bounds: bounds))
    }
    if curve.labels == nil {
      let places = curve.thinned.map(frame.place)
      draw(places.split(separator: nil).map { $0.compactMap(\.self) }, dotDiameter: curve.hasDots ? 5 : nil)
    } else {
      draw(curve.points.compactMap(frame.place).map { [$0] }, dotDiameter: 6)
      let front = curve.front.compactMap { frame.place(of: curve.points[$0]) }
      if !front.isEmpty { draw([front], dotDiameter: nil) }
    }
    drawMarks(of: curve, color, in: frame, within: bounds, onto: &canvas)
  }

  /// A cross for each value that has no place on the axis.
  private func drawMarks(
    of curve: Curve, _ color: Color, in frame: Frame, within bounds: Rectangle, onto canvas: inout Drawing
  ) {
    var told: Set<String> = []
    for point in curve.thinned {
      guard let x = frame.x.position(of: point.x), (0...1).contains(x), frame.y.position(of: point.y) == nil else {
        continue
      }
      let (column, size) = (frame.column(x), 3.0)
      let isAbove = point.y > 0
      let row = Double(isAbove ? frame.top : frame.bottom)
      let cross = [-1.0, 1].map { slope in
        [Point(x: column - size, y: row - slope * size), Point(x: column + size, y: row + slope * size)]
      }
      canvas.draw(Polyline(runs: cross, color: color, thickness: 1.6, dotDiameter: nil, bounds: bounds))
      let text = point.y.isNaN ? "NaN" : isAbove ? "inf" : point.y.isInfinite ? "−inf" : "≤ 0"
      guard told.insert(text).inserted else { continue }
      let place = Int(column.rounded())
      let isNearRight = place > (frame.left + frame.right) / 2
      canvas.draw(
        TextLine(
          text, x: place + (isNearRight ? -6 : 6), y: (isAbove ? frame.top + 4 : frame.bottom - 12), style: .caption,
          align: isNearRight ? .trailing : .leading))
    }
  }

  /// The plot's rectangle in pixels. Ticks give positions from 0 to 1 along the axes.
  private struct Frame {
    let left, top, right, bottom: Int
    let x, y: Ticks

    func column(_ position: Double) -> Double { Double(left) + position * Double(right - left) }
    func row(_ position: Double) -> Double { Double(bottom) - position * Double(bottom - top) }

    /// Nil where a value has no place on its axis.
    func place(of point: (x: Double, y: Double)) -> Point? {
      guard let x = x.position(of: point.x), let y = y.position(of: point.y) else { return nil }
      return Point(x: column(x), y: row(y))
    }
  }
}
