import ArtifactStore
import Foundation
import JSONSyntax
import StageKit

/// `table`: means of metrics, a row per set (and per place in a sweep), and how they compare.
struct Table: Stage {
  static let name = "table"
  static let summary = "Collects the means of several metric stages, one row per stage and per place in its sweeps."
  static let revision = 4

  @Input(help: "Metrics; a mapping gives the rows other headings.") var rows: [Labeled<Measurements>]
  @Parameter(help: "Columns; every measure that occurs unless given.") var measures: [String]?
  @Parameter(
    help:
      "Sets to merge into another one, {cost: scores}: each row of `cost` becomes part of the row of `scores` at its place in the sweeps, whose measures come first."
  )
  var join: NamedValues<String> = [:]
  @Parameter(help: "Sweeps over whose places rows are averaged. The last part of a name will do.")
  var average: [String]?
  let comparison = ComparisonOptions()
  let certainty = CertaintyOptions()

  let table = Output<Tables>()
  /// Gives `expect` something to hold on to where the order of the rows means something:
  /// `attribute_probability.min_step: "> 0"` says that the classifier's score rises from each row to the next, and
  /// `s_dir.min_margin: "> 0"` that the first set is above every other one wherever they can be compared, and
  /// `s_dir.lower_margin: "> 0"` that it is so beyond chance.
  let trend = Output<Measurements>()

  var made: [OutputPort]? {
    let measures = measures ?? []
    let trends = measures.flatMap { measure in certainty.trends.map { $0.name(for: measure) } }
    return [table.port, trend.port(measures: measures.isEmpty ? nil : trends)]
  }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    let axes = input.axes[$rows.name] ?? []
    let texts = axes.filter { $0.value.double == nil }.map(\.name)
    return input.estimate(columns: TableColumns(names: knownColumns(axes), texts: Set(["name"] + texts)))
  }

  /// Every column that there may be; nil where what is measured tells them.
  private func knownColumns(_ axes: [Axis]) -> [String]? {
    guard let measures else { return nil }
    let averaged = Set(average ?? [])
    let places = axes.map(\.name).uniqued.filter { !averaged.contains($0) && !averaged.contains(Axis.lastPart($0)) }
    return ["name"] + places + ["items"] + measures.flatMap { [$0] + certainty.possibleHeadings(of: $0) }
  }

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    let issues =
      comparison.check(meansAt: $rows, of: measures, draft) + certainty.check(draft, rows: $rows) + joinIssues(draft)
      + measureIssues(draft)
    return issues.isEmpty ? trendIssues(draft) : issues
  }

  func run(_ context: any StageContext) throws {
    let members = try rows.map { (label: $0.label, axes: $0.axes, means: try context.means(of: $0.artifact)) }
    let given = (measures ?? []).uniqued
    let columns = given.isEmpty ? members.flatMap(\.means.measures).uniqued : given
    let compared = try ComparedMeans(members, of: columns, by: comparison.items, context)
    let rows = try averaged(
      merged(
        members.enumerated().map { place, member in
          TableRow(
            label: member.label, axes: member.axes, means: compared.values[place], items: compared.counts?[place],
            numbers: certainty.isAsked ? compared.numbers[place] : [:])
        }))
    let sure = try certainty.of(columns, rows)

    let axes = rows.flatMap { $0.axes.map(\.name) }.uniqued
    let cells = rows.map { row in
      let place = axes.map { name in row.axes.first { $0.name == name }?.value.text ?? "" }
      let count = compared.counts == nil ? [] : [row.items.map(String.init) ?? ""]
      let numbers = columns.flatMap { name -> [String] in
        [row.means[name].map { CSV.cell($0) } ?? ""] + sure.cells(of: name, row)
      }
      return [row.label] + place + count + numbers
    }
    let headings = columns.flatMap { [$0] + sure.headings(of: $0) }
    let header = ["name"] + axes + (compared.counts == nil ? [] : ["items"]) + headings
    try context.write(Data(CSV(header: header, rows: cells).text.utf8), to: table)
    try context.write(Data(JSON.object(trends(of: columns, over: rows, sure)).bytes), item: "rows", to: trend)
  }

  private func merged(_ rows: [TableRow]) throws -> [TableRow] {
    try joined(rows, Dictionary(uniqueKeysWithValues: join.entries.map { ($0.name, $0.value) }))
  }

  private func averaged(_ rows: [TableRow]) throws -> [TableRow] {
    try (average ?? []).reduce(rows) { try Stages.averaged($0, over: $1) }
  }

  /// Columns that no set can fill.
  private func measureIssues(_ draft: StageDraft) -> [ValidationIssue] {
    let members = draft[$rows].map(\.measures)
    let known = members.compactMap(\.self).flatMap(\.self).uniqued
    guard let measures, members.allSatisfy({ $0 != nil }), !known.isEmpty else { return [] }
    return measures.uniqued.missing(from: Set(known)).map { name in
      ValidationIssue(
        about: $measures, "no set of 'rows' measures '\(name)': they measure \(known.joined(separator: ", "))")
    }
  }

  /// Names in `join` that no set has, or that are themselves merged.
  private func joinIssues(_ draft: StageDraft) -> [ValidationIssue] {
    let labels = draft[$rows].map(\.label).uniqued
    let merged = join.entries.map(\.name)
    return join.entries.flatMap { name, into -> [ValidationIssue] in
      if let unknown = [name, into].first(where: { !labels.contains($0) }) {
        return [
          ValidationIssue(
            about: $join, "no set of 'rows' is called '\(unknown)': they are \(labels.joined(separator: ", "))")
        ]
      }
      guard merged.contains(into) else { return [] }
      return [
        ValidationIssue(
          about: $join, "'\(name)' is to be merged into '\(into)', which is merged itself: name one that stays")
      ]
    }
  }

  /// What is wrong with trends that are expected of a table without the rows for them.
  private func trendIssues(_ draft: StageDraft) -> [ValidationIssue] {
    let members = draft[$rows]
    guard !members.isEmpty else { return [] }
    var rows = members.map { TableRow(label: $0.label, axes: $0.axes, means: [:], items: nil) }
    do { rows = try merged(rows) } catch { return [ValidationIssue(about: $join, "\(error)")] }
    do { rows = try averaged(rows) } catch { return [ValidationIssue(about: $average, "\(error)")] }
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
        let trends = certainty.trends.map(\.rawValue).joined(separator: ", ")
        return ValidationIssue(
          about: expected,
          "of a table, expectations are about how its rows compare (\(trends)), such as '\(measure).min_margin': give it "
            + "that, or expect '\(expected)' of the stage that measures")
      }
      if let issue = missing(String(scalars[..<point]), about: expected) { return issue }
      guard certainty.trends.contains(trend) else {
        return ValidationIssue(
          about: expected, "'\(expected)' is the bound of an interval: give the table `intervals`, t or bootstrap")
      }
      switch trend {
      case .minStep:
        // Along a sweep of one place there is nothing to compare, which is no mistake.
        return rows.count > 1 || !rows[0].axes.isEmpty
          ? nil : ValidationIssue(about: expected, "'\(expected)' needs a second row to rise to: the table has one")
      case .minMargin, .maxMargin, .lowerMargin, .upperMargin:
        return hasPairs
          ? nil
          : ValidationIssue(
            about: expected, "'\(expected)' compares '\(rows[0].label)' with other sets: the table has rows of no other"
          )
      }
    }
  }
}
