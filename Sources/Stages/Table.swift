import ArtifactStore
import Foundation
import StageKit

/// `table`: means of metrics, a row per set (and per place in a sweep), and how they compare.
let table = StageKind(
  name: "table",
  summary: "Collects the means of several metric stages, one row per stage and per place in its sweeps.",
  revision: 3,
  inputs: [Port("rows", .metrics, arity: .list, help: "Metrics; a mapping gives the rows other headings.")],
  parameters: [
    Parameter("measures", .list(.string), .optional, help: "Columns; every measure that occurs unless given."),
    Parameter(
      "join", .bool, .defaulting(.bool(false)),
      help: "Make one row of those at the same place in the sweeps, called like the first of them."),
    Parameter(
      "average", .list(.string), .optional,
      help: "Sweeps over whose places rows are averaged. The last part of a name will do."),
  ],
  // `trend` gives `expect` something to hold on to where the order of the rows means something:
  // `judge_score.least_rise: "> 0"` says that the judge's score rises from each row to the next, and
  // `s_dir.least_lead: "> 0"` that the first set is above every other one wherever they can be compared.
  outputs: { parameters in
    let measures = parameters["measures"]?.list?.compactMap(\.string) ?? []
    let trends = measures.flatMap { measure in Trend.allCases.map { $0.name(for: measure) } }
    return [OutputPort("table", .table), OutputPort("trend", .metrics, measures: measures.isEmpty ? nil : trends)]
  },
  check: { draft in tableComplaints(draft) },
  run: { context in
    let members = try context.inputs("rows").map { (member: $0, means: try context.means(of: $0.artifact)) }
    let given = (context.parameters["measures"]?.list ?? []).compactMap(\.string)
    let columns = given.isEmpty ? members.flatMap(\.means.measures).uniqued : given
    var rows = members.map { TableRow(label: $0.member.label, axes: $0.member.axes, means: $0.means.values) }
    if context.parameters.bool("join") { rows = joined(rows) }
    for name in (context.parameters["average"]?.list ?? []).compactMap(\.string) {
      rows = try averaged(rows, over: name)
    }

    let axes = rows.flatMap { $0.axes.map(\.name) }.uniqued
    let cells = rows.map { row in
      let place = axes.map { name in row.axes.first { $0.name == name }?.value.text ?? "" }
      return [row.label] + place + columns.map { name in row.means[name].map { "\($0)" } ?? "" }
    }
    try context.write(Data(CSV(header: ["name"] + axes + columns, rows: cells).text.utf8), item: "", to: "table")
    try context.write(Data(JSON.object(trends(of: columns, over: rows)).bytes), item: "rows", to: "trend")
  })

/// The means of one set, and where it stands in sweeps.
private struct TableRow: Hashable {
  let label: String
  let axes: [Axis]
  var means: [String: Double]

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
    TableRow(label: row.label, axes: row.axes.filter { $0.name != axis }, means: [:])
  }
  let groups = Dictionary(grouping: rows) { place(of: $0) }
  return rows.map(place).uniqued.map { place in
    var averaged = place
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
  case least_rise
  /// Of the first set over each other one at the same place.
  case least_lead, greatest_lead

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
    let rises = zip(means, means.dropFirst()).map { $1 - $0 }
    let leads = pairs.compactMap { pair in
      pair.leader.means[measure].flatMap { leader in pair.other.means[measure].map { leader - $0 } }
    }
    return Trend.allCases.compactMap { trend in
      let value =
        switch trend {
        case .least_rise: rises.min()
        case .least_lead: leads.min()
        case .greatest_lead: leads.max()
        }
      if value == nil, trend == .least_rise, measured.count == 1, !measured[0].axes.isEmpty {
        return JSON.Member(trend.name(for: measure), .nothingToMeasure)
      }
      return value.map { JSON.Member(trend.name(for: measure), .double($0)) }
    }
  }
}

// MARK: - Before it runs

/// What is wrong with a table as far as its rows' measures are known: columns that no row has, sweeps that none stands in,
/// expectations of which there will be nothing to measure.
private func tableComplaints(_ draft: StageDraft) -> [Complaint] {
  var complaints: [Complaint] = []
  for measure in draft.expected where !Trend.allCases.contains(where: { measure.utf8.hasEnd(".\($0.rawValue)") }) {
    complaints.append(
      Complaint(
        about: measure,
        "of a table, expectations are about how its rows compare, such as '\(measure).least_lead': give it that, or "
          + "expect '\(measure)' of the stage that measures"))
  }
  let members = draft.members["rows"] ?? []
  let known = members.compactMap(\.measures)
  guard known.count == members.count, complaints.isEmpty else { return complaints }
  let names = known.flatMap(\.self).uniqued
  let given = (draft.parameters["measures"]?.list ?? []).compactMap(\.string)
  for measure in given where !names.contains(measure) {
    complaints.append(
      Complaint(about: "measures", "no row has the measure '\(measure)': they have \(names.joined(separator: ", "))"))
  }
  // The same as for the numbers themselves, with any numbers.
  var rows = members.map { member in
    TableRow(
      label: member.label, axes: member.axes,
      means: Dictionary((member.measures ?? []).map { ($0, 0) }) { first, _ in first })
  }
  if draft.parameters["join"]?.bool ?? false { rows = joined(rows) }
  for name in (draft.parameters["average"]?.list ?? []).compactMap(\.string) {
    do { rows = try averaged(rows, over: name) } catch {
      return complaints + [Complaint(about: "average", "\(error)")]
    }
  }
  guard complaints.isEmpty, !rows.isEmpty else { return complaints }
  let possible = trends(of: given.isEmpty ? names : given, over: rows).map(\.name)
  for measure in draft.expected where !possible.contains(measure) {
    let trend = Trend.allCases.map { ".\($0.rawValue)" }.first { measure.utf8.hasEnd($0) } ?? ""
    let subject = String(decoding: measure.utf8.dropLast(trend.utf8.count), as: UTF8.self)
    complaints.append(
      Complaint(
        about: measure,
        names.contains(subject)
          ? "'\(measure)' compares rows, and there are none to compare: give the table more rows, or leave it out"
          : "no row has the measure '\(subject)': they have \(names.joined(separator: ", "))"))
  }
  return complaints
}

extension Collection<UInt8> where Self: BidirectionalCollection {
  fileprivate func hasEnd(_ text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }
}
