import ArtifactStore
import Foundation
import Imaging
import StageKit

/// `plot`: how numbers go with a parameter, or with the steps of a training.
struct Plot: Stage {
  static let name = "plot"
  static let summary =
    "Draws curves: means of metrics along a sweep, and columns of tables over one of them; or the rows of tables as points with names."
  static let revision = 2

  @Input(help: "Metrics and tables; a mapping gives them other names.") var curves: [Labeled<MeasurementsOrTables>]
  @Parameter(
    help: "From left to right: of metrics a swept parameter, of tables a column. The last part of its name will do.")
  var x: String
  @Parameter(help: "Measures and columns to draw; all that are numbers unless given.") var measures: [String]?
  @Parameter(help: "Above the plot.") var title = ""
  @Parameter(help: "Below the plot; the name of x unless given.") var xLabel: String?
  @Parameter(help: "Beside the plot; the measure, where it is one, unless given.") var yLabel: String?
  @Parameter(help: "How x goes from left to right.") var xScale = Scale.linear
  @Parameter(help: "How values go upwards.") var yScale = Scale.linear
  @Parameter(
    help:
      "A column of tables that names their rows, or the row's name where it is empty: the rows become points with these names, and no curve."
  )
  var points: String?
  @Parameter(
    help:
      "Of points: joins those than which no other is better in both, with less of x and with more (highest) or less (lowest) of the measure."
  )
  var front: Front?
  let comparison = ComparisonOptions()

  let figure = Output<Figures>()

  enum Scale: String, Choice {
    case linear, logarithmic

    var drawn: LinePlot.Axis.Scale { self == .linear ? .linear : .logarithmic }
  }

  enum Front: String, Choice { case highest, lowest }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    input.estimate().reporting(
      input.all(at: $curves).compactMap(\.columns).flatMap { columns in
        ([x] + (measures ?? [])).compactMap { issue(about: $0, in: columns) }
          + (points.flatMap { issue(aboutNames: $0, in: columns) }.map { [$0] } ?? [])
      }.uniqued)
  }

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    $measures.emptiness + sweepIssues(draft) + comparison.check(meansAt: $curves, of: measures, draft)
      + pointIssues(draft)
  }

  func run(_ context: any StageContext) throws {
    let curves = try measuredCurves(context) + tabulatedCurves(context)
    let drawn = curves.map(\.measure).uniqued
    let layout = LinePlot(
      title: title, x: .init(xLabel ?? Axis.heading(x), scale: xScale.drawn),
      y: .init(yLabel ?? (drawn.count == 1 ? drawn[0] : ""), scale: yScale.drawn),
      curves: zip(names(of: curves), curves).map { line($0, $1) })
    try context.write(layout.drawing(), to: figure)
  }

  private func line(_ name: String, _ curve: PlotCurve) -> LinePlot.Curve {
    guard let labels = curve.labels else { return .init(name, curve.points, hasDots: curve.hasDots) }
    let front = front.map { paretoFront(of: curve.points, isUpward: $0 == .highest) } ?? []
    return .init(name, points: curve.points, labels: labels, front: front)
  }

  /// What is wrong with asking for points.
  private func pointIssues(_ draft: StageDraft) -> [ValidationIssue] {
    if points == nil, front != nil {
      return [ValidationIssue(about: $front, "a front is one of points: say in 'points' which column names them")]
    }
    if points != nil, draft.types(at: $curves).contains(.metrics) {
      return [ValidationIssue(about: $points, "points are rows of tables: put the metrics into a 'table' first")]
    }
    return []
  }

  private func issue(aboutNames name: String, in columns: TableColumns) -> ValidationIssue? {
    do {
      _ = try columns.names.map { try meant(name, among: $0, what: "column", of: $curves.name) }
      return nil
    } catch { return ValidationIssue(about: $points, "\(error)") }
  }

  /// What is known to be wrong with a column that is to be drawn.
  private func issue(about name: String, in columns: TableColumns) -> ValidationIssue? {
    do {
      let column = try columns.names.map { try meant(name, among: $0, what: "column", of: $curves.name) } ?? name
      return columns.texts.contains(column)
        ? ValidationIssue(about: $curves, "the column '\(column)' of a table is not made of numbers") : nil
    } catch { return ValidationIssue(about: $curves, "\(error)") }
  }

  /// What is known to be wrong with metrics that are to be drawn along the swept axis `x`.
  private func sweepIssues(_ draft: StageDraft) -> [ValidationIssue] {
    let (types, members) = (draft.types(at: $curves), draft[$curves])
    guard types.count == members.count else { return [] }
    let issue = zip(types, members).lazy.filter { $0.0 == .metrics }.compactMap { _, member -> ValidationIssue? in
      do {
        _ = try place(along: x, axes: member.axes, of: member.label)
        return nil
      } catch { return ValidationIssue(about: $x, "\(error)") }
    }.first
    return issue.map { [$0] } ?? []
  }

  /// The means of metrics along the axis `x`. Members that differ in their label or at other axes are several curves.
  private func measuredCurves(_ context: any StageContext) throws -> [PlotCurve] {
    let members = try curves.filter { $0.artifact.type == .metrics }.map { member in
      (label: member.label, axes: member.axes, means: try context.means(of: member.artifact))
    }
    let names = try members.map { member in
      try measures?.map { try meant($0, among: member.means.measures, what: "measure", of: member.label) }
        ?? member.means.measures
    }
    let compared = try ComparedMeans(members, of: names.flatMap(\.self).uniqued, by: comparison.items, context)
    let places = try members.enumerated().map { index, member in
      let (axis, number) = try place(along: x, axes: member.axes, of: member.label)
      return MeasuredPlace(
        label: member.label, along: [axis], x: number, others: member.axes.filter { $0.name != axis.name },
        measures: names[index], means: compared.values[index])
    }
    // What goes along with x (zipped sweeps), or does not change, tells no curves apart.
    let telling = Set(
      Dictionary(grouping: places) { PlaceInSweeps(label: $0.label, axes: $0.along) }.values.flatMap { beside in
        Dictionary(grouping: beside.flatMap(\.others).uniqued, by: \.name).filter { $0.value.count > 1 }.keys
      })
    let groups = Dictionary(grouping: places) { $0.curve(toldBy: telling) }
    return places.map { $0.curve(toldBy: telling) }.uniqued.flatMap { curve in
      let places = groups[curve, default: []].sorted { $0.x < $1.x }
      return places.flatMap(\.measures).uniqued.map { measure in
        PlotCurve(
          label: curve.label, axes: curve.axes, measure: measure,
          points: places.compactMap { place in place.means[measure].map { (place.x, $0) } }, hasDots: true)
      }
    }
  }

  /// The columns of tables over the column `x`.
  private func tabulatedCurves(_ context: any StageContext) throws -> [PlotCurve] {
    try curves.filter { $0.artifact.type == .table }.flatMap { member in
      guard let table = CSV(try context.read(member.artifact.items[0])) else {
        throw InputError("'\(member.label)' is no table: a heading and rows of the same width are expected")
      }
      func numbers(_ column: String) throws -> [Double?] {
        let cells = table.column(column) ?? []
        guard CSV.areNumeric(cells) else {
          let other = cells.first { !$0.isEmpty && CSV.number($0) == nil }.map { ": '\($0)' is none" } ?? ""
          throw InputError("the column '\(column)' of '\(member.label)' is not made of numbers\(other)")
        }
        return cells.map(CSV.number)
      }
      func column(_ name: String) throws -> String {
        try meant(name, among: table.header, what: "column", of: member.label)
      }
      let xColumn = try column(x)
      let places = try numbers(xColumn)
      let drawn =
        try measures?.map(column)
        ?? table.header.filter { $0 != xColumn && CSV.areNumeric(table.column($0) ?? []) }
      let names = try points.map(column).flatMap(table.column)
      let rows = table.column("name")
      return try drawn.map { column in
        let values = try numbers(column)
        let shown = places.indices.filter { places[$0] != nil && values[$0] != nil }
        return PlotCurve(
          label: member.label, axes: member.axes, measure: column,
          points: shown.map { (places[$0] ?? .nan, values[$0] ?? .nan) }, hasDots: false,
          labels: names.map { names in shown.map { names[$0].isEmpty ? rows?[$0] ?? "" : names[$0] } })
      }
    }
  }
}

/// Where a member with these axes stands along the one that `x` means.
private func place(along x: String, axes: [Axis], of label: String) throws -> (axis: Axis, number: Double) {
  let name = try meant(x, among: axes.map(\.name), what: "swept axis", of: label)
  guard let axis = axes.first(where: { $0.name == name }), let number = axis.value.double else {
    let text = axes.first { $0.name == name }?.value.text ?? ""
    throw InputError("'\(label)' is swept along '\(name)' over \(text), which is no number")
  }
  guard number.isFinite else {
    throw InputError("'\(label)' is swept along '\(name)' over \(CSV.cell(number))")
  }
  return (axis, number)
}

/// A curve, and what it is of.
private struct PlotCurve {
  let label: String
  /// Where it stands in sweeps.
  let axes: [Axis]
  let measure: String
  let points: [(x: Double, y: Double)]
  let hasDots: Bool
  /// The name of each point, where they are no curve.
  var labels: [String]?
}

/// The places of those points than which no other is better: at most as much of x and, upwards, at least as much of y, and
/// not the same of both. From left to right; points that are no numbers are never among them.
func paretoFront(of points: [(x: Double, y: Double)], isUpward: Bool) -> [Int] {
  func isBetter(_ a: (x: Double, y: Double), _ b: (x: Double, y: Double)) -> Bool {
    a.x <= b.x && (isUpward ? a.y >= b.y : a.y <= b.y) && (a.x, a.y) != (b.x, b.y)
  }
  let finite = points.indices.filter { points[$0].x.isFinite && points[$0].y.isFinite }
  return finite.filter { place in !finite.contains { isBetter(points[$0], points[place]) } }
    .sorted { (points[$0].x, $0) < (points[$1].x, $1) }
}

// MARK: - Names

/// What each curve is called: whatever is not the same for all of them.
private func names(of curves: [PlotCurve]) -> [String] {
  func differs<Part: Hashable>(_ part: (PlotCurve) -> Part) -> Bool { Set(curves.map(part)).count > 1 }
  func axis(_ name: String, of curve: PlotCurve) -> Axis? { curve.axes.first { $0.name == name } }
  let (labeled, measured) = (differs(\.label), differs(\.measure))
  let axes = curves.flatMap { $0.axes.map(\.name) }.uniqued.filter { name in differs { axis(name, of: $0) } }
  return curves.map { curve in
    let parts =
      (labeled ? [curve.label] : []) + axes.compactMap { axis($0, of: curve)?.heading }
      + (measured ? [curve.measure] : [])
    return parts.joined(separator: ", ")
  }
}

/// The means of one member, at its place along x.
private struct MeasuredPlace {
  let label: String
  /// Its coordinate along x, and the number that this is.
  let along: [Axis]
  let x: Double
  let others: [Axis]
  let measures: [String]
  let means: [String: Double]

  /// The curve that it is on, where the axes with these names tell curves apart.
  func curve(toldBy names: Set<String>) -> PlaceInSweeps {
    PlaceInSweeps(label: label, axes: others.filter { names.contains($0.name) })
  }
}

/// A label, and where it stands at some of its axes.
struct PlaceInSweeps: Hashable {
  let label: String
  let axes: [Axis]
}
