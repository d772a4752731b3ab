import Escaping

/// Tables on a terminal.
package enum AlignedText {
  /// Rows of cells, each column as wide as its widest cell.
  package static func rows(_ rows: [[String]]) -> String {
    let rows = rows.map { $0.map(Escape.message) }
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
      let cells = row.enumerated().map { column, cell in
        column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
      }
      return cells.joined(separator: "  ") + "\n"
    }.joined()
  }
}
