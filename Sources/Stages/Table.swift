import ArtifactStore
import Foundation
import StageKit

/// `table`: means of metrics, a row per set (and per place in a sweep), and how they go from row to row.
let table = StageKind(
  name: "table",
  summary: "Collects the means of several metric stages, one row per stage and per place in its sweeps.",
  revision: 1,
  inputs: [Port("rows", .metrics, arity: .list, help: "Metrics; a mapping gives the rows other headings.")],
  parameters: [
    Parameter("measures", .list(.string), .optional, help: "Columns; every measure that occurs unless given."),
    Parameter(
      "join", .bool, .defaulting(.bool(false)),
      help: "Make one row of those at the same place in the sweeps, called like the first of them."),
  ],
  // `trend` gives `expect` something to hold on to where the order of the rows means something:
  // `judge_score.least_rise: "> 0"` says that the judge's score rises from each row to the next.
  outputs: { parameters in
    let measures = parameters["measures"]?.list?.compactMap(\.string) ?? []
    let trends = measures.isEmpty ? nil : measures.map { "\($0).least_rise" }
    return [OutputPort("table", .table), OutputPort("trend", .metrics, measures: trends)]
  },
  run: { context in
    var columns = (context.parameters["measures"]?.list ?? []).compactMap(\.string)
    let isFixed = !columns.isEmpty
    var rows = try context.inputs("rows").map { row in
      var sums: [String: (total: Double, count: Int)] = [:]
      for item in row.artifact.items {
        // In the order in which they were measured.
        for member in try JSON(parsing: context.read(item)).members ?? [] {
          let name = member.name
          if !isFixed, !columns.contains(name) { columns.append(name) }
          guard let value = member.value.double else { continue }
          sums[name, default: (0, 0)].total += value
          sums[name, default: (0, 0)].count += 1
        }
      }
      return (label: row.label, axes: row.axes, means: sums.mapValues { $0.total / Double($0.count) })
    }
    if context.parameters.bool("join") {
      var places: [[Axis]: Int] = [:]
      rows = rows.reduce(into: []) { joined, row in
        if let place = places[row.axes] {
          joined[place].means.merge(row.means) { first, _ in first }
        } else {
          places[row.axes] = joined.count
          joined.append(row)
        }
      }
    }
    let axes = rows.flatMap { $0.axes.map(\.name) }.uniqued
    let cells = rows.map { row in
      let place = axes.map { name in row.axes.first { $0.name == name }?.value.text ?? "" }
      return [row.label] + place + columns.map { name in row.means[name].map { "\($0)" } ?? "" }
    }
    try context.write(Data(CSV(header: ["name"] + axes + columns, rows: cells).text.utf8), item: "", to: "table")
    let rises = columns.compactMap { name in
      let means = rows.compactMap { $0.means[name] }
      return zip(means, means.dropFirst()).map { $1 - $0 }.min().map { "\"\(name).least_rise\":\($0)" }
    }
    try context.write(Data(("{" + rises.joined(separator: ",") + "}").utf8), item: "rows", to: "trend")
  })
