import Escaping
import Foundation
import OrderedCollections
import Runs
import StageKit

/// A table of the runs, cell by cell.
struct TableDifference: Sendable {
  struct Cell: Sendable {
    /// What the row is called: its texts, or its number.
    let row: String
    let column: String
    /// Nil in a run whose table has no such cell.
    let values: [String?]
  }

  /// The file in the runs' folders.
  let file: String
  let header: [String]
  /// Every row of any run, with what each run has in each column.
  let rows: [(name: String, cells: [[String?]])]

  var cells: [Cell] {
    rows.flatMap { row in
      zip(header, row.cells).compactMap { column, values in
        Set(values).count > 1 ? Cell(row: row.name, column: column, values: values) : nil
      }
    }
  }

  /// Cells as people read them: numbers short, unless they would read the same.
  static func shown(_ cells: [String?]) -> [String?] {
    let short = cells.map { cell in cell.map { CSV.number($0).map(Readable.number) ?? $0 } }
    return Set(short).count == Set(cells).count ? short : cells
  }

  /// The tables that are not the same in all runs.
  /// - Throws: `StoreError`.
  static func all(_ runs: [ComparedRun]) throws -> [TableDifference] {
    let files = OrderedSet(runs.flatMap(\.files.keys)).filter { $0.fileExtension == "csv" }
    return try files.compactMap { file in
      guard Set(runs.map { $0.files[file] }).count > 1 else { return nil }
      let tables = try runs.map { try $0.files[file] == nil ? nil : $0.run?.file(file).flatMap { CSV($0) } }
      return TableDifference(file: file, tables)
    }
  }

  private init(file: String, _ tables: [CSV?]) {
    self.file = file
    let header = OrderedSet(tables.flatMap { $0?.header ?? [] })
    self.header = Array(header)
    // Rows go together by their texts, where these tell the rows of every table apart; else by their order.
    let keys = header.filter { column in
      tables.allSatisfy { table in table?.column(column).map { !CSV.areNumeric($0) } ?? true }
    }
    func names(_ table: CSV) -> [String] {
      table.rows.map { row in
        keys.compactMap { key in table.header.firstIndex(of: key).map { row[$0] } }.joined(separator: ", ")
      }
    }
    let areNamed =
      !keys.isEmpty && tables.allSatisfy { table in table.map { Set(names($0)).count == $0.rows.count } ?? true }
    let found = tables.map { table -> OrderedDictionary<String, [String]> in
      guard let table else { return [:] }
      let names = areNamed ? names(table) : table.rows.indices.map { "row \($0 + 1)" }
      return OrderedDictionary(zip(names, table.rows)) { first, _ in first }
    }
    rows = OrderedSet(found.flatMap(\.keys)).map { name in
      (
        name,
        header.map { column in
          zip(tables, found).map { table, rows in
            table?.header.firstIndex(of: column).flatMap { index in rows[name].map { $0[index] } }
          }
        }
      )
    }
  }
}
