import ArtifactStore
import Foundation
import JSONSyntax
import StageKit

/// `table`: means of metrics, a row per set (and per place in a sweep), and how they compare.
struct Table: Stage {
  static let name = "table"
  static let summary = "Collects the means of several metric stages, one row per stage and per place in its sweeps."
  static let revision = 3

  @Input(help: "Metrics; a mapping gives the rows other headings.") var rows: [Labeled<Measurements>]
  @Parameter(help: "Columns; every measure that occurs unless given.") var measures: [String]?
  @Parameter(help: "Merge rows at the same place of the sweeps into one, named after the first.")
  var join = false
  @Parameter(help: "Sweeps over whose places rows are averaged. The last part of a name will do.")
  var average: [String]?
  let comparison = ComparisonOptions()

  let table = Output<Tables>()
  /// Gives `expect` something to hold on to where the order of the rows means something:
  /// `attribute_probability.min_step: "> 0"` says that the classifier's score rises from each row to the next, and
  /// `s_dir.min_margin: "> 0"` that the first set is above every other one wherever they can be compared.
  let trend = Output<Measurements>()

  var made: [OutputPort]? {
    let measures = measures ?? []
    let trends = measures.flatMap { measure in Trend.allCases.map { $0.name(for: measure) } }
    return [table.port, trend.port(measures: measures.isEmpty ? nil : trends)]
  }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    let texts = (input.axes[$rows.name] ?? []).filter { $0.value.double == nil }.map(\.name)
    return input.estimate(columns: TableColumns(names: nil, texts: Set(["name"] + texts)))
  }

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    let issues = comparison.check(meansAt: $rows, of: measures, draft)
    return issues.isEmpty ? trendIssues(draft) : issues
  }

  func run(_ context: any StageContext) throws {
    let members = try rows.map { (label: $0.label, axes: $0.axes, means: try context.means(of: $0.artifact)) }
    let given = (measures ?? []).uniqued
    let columns = given.isEmpty ? members.flatMap(\.means.measures).uniqued : given
    let compared = try ComparedMeans(members, of: columns, by: comparison.items, context)
    let rows = try arranged(
      members.enumerated().map { place, member in
        TableRow(
          label: member.label, axes: member.axes, means: compared.values[place], items: compared.counts?[place])
      })

    let axes = rows.flatMap { $0.axes.map(\.name) }.uniqued
    let cells = rows.map { row in
      let place = axes.map { name in row.axes.first { $0.name == name }?.value.text ?? "" }
      let count = compared.counts == nil ? [] : [row.items.map(String.init) ?? ""]
      return [row.label] + place + count + columns.map { name in row.means[name].map { CSV.cell($0) } ?? "" }
    }
    let header = ["name"] + axes + (compared.counts == nil ? [] : ["items"]) + columns
    try context.write(Data(CSV(header: header, rows: cells).text.utf8), to: table)
    try context.write(Data(JSON.object(trends(of: columns, over: rows)).bytes), item: "rows", to: trend)
  }

  /// The rows, joined and averaged as the stage asks for.
  private func arranged(_ rows: [TableRow]) throws -> [TableRow] {
    var rows = join ? joined(rows) : rows
    for name in average ?? [] { rows = try averaged(rows, over: name) }
    return rows
  }

  /// What is wrong with trends that are expected of a table without the rows for them.
  private func trendIssues(_ draft: StageDraft) -> [ValidationIssue] {
    let members = draft[$rows]
    guard !members.isEmpty else { return [] }
    let rows: [TableRow]
    do {
      rows = try arranged(members.map { TableRow(label: $0.label, axes: $0.axes, means: [:], items: nil) })
    } catch { return [ValidationIssue(about: $average, "\(error)")] }
    let known = members.compactMap(\.measures)
    let names = known.flatMap(\.self).uniqued
    // A column that the recipe names is there, if empty: which measures there are may depend on what a world has.
    let given = measures ?? []
    func missing(_ measure: String, about subject: String) -> ValidationIssue? {
      guard known.count == members.count, !(names + given).contains(measure) else { return nil }
      return ValidationIssue(
        about: subject, "no row has the measure '\(measure)': they have \(names.joined(separator: ", "))")
    }
    let (leaders, others) = (rows.filter { $0.label == rows[0].label }, rows.filter { $0.label != rows[0].label })
    let hasPairs = leaders.contains { leader in others.contains(where: leader.isBeside) }
    return draft.expected.compactMap { expected in
      let scalars = expected.unicodeScalars
      guard let point = scalars.lastIndex(of: "."),
        let trend = Trend(rawValue: String(scalars[scalars.index(after: point)...]))
      else {
        let measure = scalars.lastIndex(of: ".").map { String(scalars[..<$0]) } ?? expected
        let trends = Trend.allCases.map(\.rawValue).joined(separator: ", ")
        return ValidationIssue(
          about: expected,
          "of a table, expectations are about how its rows compare (\(trends)), such as '\(measure).min_margin': give it "
            + "that, or expect '\(expected)' of the stage that measures")
      }
      if let issue = missing(String(scalars[..<point]), about: expected) { return issue }
      switch trend {
      case .minStep:
        // Along a sweep of one place there is nothing to compare, which is no mistake.
        return rows.count > 1 || !rows[0].axes.isEmpty
          ? nil : ValidationIssue(about: expected, "'\(expected)' needs a second row to rise to: the table has one")
      case .minMargin, .maxMargin:
        return hasPairs
          ? nil
          : ValidationIssue(
            about: expected, "'\(expected)' compares '\(rows[0].label)' with other sets: the table has rows of no other"
          )
      }
    }
  }
}

/// The means of one set, and where it stands in sweeps.
private struct TableRow: Hashable {
  let label: String
  let axes: [Axis]
  var means: [String: Double]
  /// How many items the means are over, where rows differ in that.
  var items: Int?

  /// Whether no axis says that this row and the other one stand at different places.
  func isBeside(_ other: TableRow) -> Bool {
    axes.allSatisfy { axis in other.axes.allSatisfy { $0.name != axis.name || $0 == axis } }
  }
}

/// Those at the same place as one row, called like the first of them.
private func joined(_ rows: [TableRow]) -> [TableRow] {
  var places: [[Axis]: Int] = [:]
  return rows.reduce(into: []) { joined, row in
    if let place = places[row.axes] {
      joined[place].means.merge(row.means) { first, _ in first }
    } else {
      places[row.axes] = joined.count
      joined.append(row)
    }
  }
}

/// One row for those that differ in nothing but their places along an axis, with the means of their means.
private func averaged(_ rows: [TableRow], over name: String) throws -> [TableRow] {
  let axis = try meant(name, among: rows.flatMap { $0.axes.map(\.name) }.uniqued, what: "swept axis", of: "rows")
  func place(of row: TableRow) -> TableRow {
    TableRow(label: row.label, axes: row.axes.filter { $0.name != axis }, means: [:], items: nil)
  }
  let groups = Dictionary(grouping: rows) { place(of: $0) }
  return rows.map(place).uniqued.map { place in
    var averaged = place
    averaged.items = (groups[place] ?? []).compactMap(\.items).reduce(nil) { ($0 ?? 0) + $1 }
    let sets = (groups[place] ?? []).map(\.means)
    for measure in sets.flatMap(\.keys).uniqued {
      let values = sets.compactMap { $0[measure] }
      averaged.means[measure] = values.reduce(0, +) / Double(values.count)
    }
    return averaged
  }
}

/// What is said of a measure over all rows.
private enum Trend: String, CaseIterable {
  /// From each row to the next.
  case minStep = "min_step"
  /// Of the first set over each other one at the same place.
  case minMargin = "min_margin"
  case maxMargin = "max_margin"

  func name(for measure: String) -> String { "\(measure).\(rawValue)" }
}

/// The trends of each measure, as far as there are rows to compare. Along a sweep of one place there is no step to
/// compare, and so none that is wrong.
private func trends(of measures: [String], over rows: [TableRow]) -> [JSON.Member] {
  let leaders = rows.filter { $0.label == rows[0].label }
  let others = rows.filter { $0.label != rows[0].label }
  let pairs = leaders.flatMap { leader in others.filter(leader.isBeside).map { (leader: leader, other: $0) } }
  return measures.flatMap { measure in
    let measured = rows.filter { $0.means[measure] != nil }
    let means = measured.compactMap { $0.means[measure] }
    let rises = zip(means, means.dropFirst()).map { difference($1, $0) }
    let leads = pairs.compactMap { pair in
      pair.leader.means[measure].flatMap { leader in pair.other.means[measure].map { difference(leader, $0) } }
    }
    return Trend.allCases.compactMap { trend in
      let value =
        switch trend {
        case .minStep: least(rises)
        case .minMargin: least(leads)
        case .maxMargin: least(leads.map { -$0 }).map { -$0 }
        }
      if value == nil, trend == .minStep, measured.count == 1, !measured[0].axes.isEmpty {
        return JSON.Member(trend.name(for: measure), .nothingToMeasure)
      }
      return value.map { JSON.Member(trend.name(for: measure), .double($0)) }
    }
  }
}

/// a − b; 0 where both are the same, also where they are infinite.
private func difference(_ a: Double, _ b: Double) -> Double { a == b ? 0 : a - b }

/// The smallest of all; no number where one of them is none, which `min` might pass over.
private func least(_ values: [Double]) -> Double? { values.first(where: \.isNaN) ?? values.min() }
