import ArtifactStore
import Foundation
import StageKit

/// `table`: means of metrics, a row per set.
let table = StageKind(
  name: "table",
  summary: "Collects the means of several metric stages, one row per stage.",
  revision: 1,
  inputs: [Port("rows", .metrics, arity: .list, help: "Metrics; a mapping gives the rows other headings.")],
  parameters: [
    Parameter("measures", .list(.string), .optional, help: "Columns; every measure that occurs unless given.")
  ],
  outputs: { _ in [OutputPort("table", .table)] },
  run: { context in
    var columns = (context.parameters["measures"]?.list ?? []).compactMap(\.string)
    let isFixed = !columns.isEmpty
    let rows = try context.inputs("rows").map { row in
      var sums: [String: (total: Double, count: Int)] = [:]
      for item in row.artifact.items {
        let values = try JSONDecoder().decode([String: Double?].self, from: context.read(item))
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
          if !isFixed, !columns.contains(name) { columns.append(name) }
          guard let value else { continue }
          sums[name, default: (0, 0)].total += value
          sums[name, default: (0, 0)].count += 1
        }
      }
      return (label: row.label, means: sums.mapValues { $0.total / Double($0.count) })
    }
    let cells = rows.map { row in [row.label] + columns.map { name in row.means[name].map { "\($0)" } ?? "" } }
    try context.write(Data(CSV(header: ["name"] + columns, rows: cells).text.utf8), item: "", to: "table")
  })
