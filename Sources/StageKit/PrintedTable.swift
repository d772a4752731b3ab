import Escaping
import Foundation

/// A table as it is read, not calculated with: numbers aligned right, with three significant digits or as many as tell
/// the different ones of a column apart; columns called by the last part of their names. A number and its interval are one
/// column.
public struct PrintedTable: Sendable {
  private struct Column {
    let heading: String
    let isNumeric: Bool
    let cells: [Cell]
  }

  private enum Cell {
    case text(String)
    /// `3`, `0.125`, `1.20e-5`, `0.125 ± 0.012`
    case number(String)
  }

  private let columns: [Column]
  private let rowCount: Int

  /// - Parameter axes: names of columns whose cells say where in sweeps a row stands: they read as the recipe has them.
  public init(_ table: CSV, axes: Set<String> = []) {
    rowCount = table.rows.count
    let endings = table.header.map { $0.parts(at: ".").last ?? "" }
    columns = table.shownColumns.map { column in
      let (index, name) = (column.place, table.header[column.place])
      let isAlone = !endings[index].isEmpty && endings.count { $0 == endings[index] } == 1
      let texts = table.rows.map { $0[index] }
      let isNumeric = CSV.areNumeric(texts)
      let digits = isNumeric ? Self.digits(for: texts) : 0
      let cells = table.rows.map { row in
        let text = row[index]
        guard isNumeric, CSV.number(text) != nil else { return Cell.text(text) }
        if let interval = column.interval(in: row) { return .number(interval) }
        return axes.contains(name) ? .number(text) : Self.number(text, digits: digits).map(Cell.number) ?? .text(text)
      }
      return Column(heading: isAlone ? endings[index] : name, isNumeric: isNumeric, cells: cells)
    }
  }

  /// Significant digits: three, or as many more as it takes for different numbers to read differently. Two learning rates
  /// in a table are not one; two sums that only differ in the order of their terms are.
  private static func digits(for cells: [String]) -> Int {
    let cells = cells.filter { CSV.number($0)?.isFinite ?? false }
    func count(_ digits: Int) -> Int { Set(cells.compactMap { number($0, digits: digits) }).count }
    let (most, all) = (10, count(10))
    return (3..<most).first { count($0) >= all } ?? most
  }

  /// A cell with a number: an integer as it is, `inf`, `-inf` or `nan`; nil for any other cell.
  private static func number(_ cell: String, digits: Int) -> String? {
    if Int(cell) != nil { return cell }
    guard let value = CSV.number(cell) else { return nil }
    guard value.isFinite else { return CSV.cell(value) }
    // The exponent of the rounded number, as 9.996 is 10.0.
    let rounded = String(format: "%.\(digits - 1)e", value).split(separator: "e")
    guard rounded.count == 2, let exponent = Int(rounded[1]) else { return nil }
    return (-4...5).contains(exponent)
      ? String(format: "%.\(max(0, digits - 1 - exponent))f", value) : "\(rounded[0])e\(exponent)"
  }

  /// A table of GitHub's Markdown.
  public var markdown: String {
    func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |\n" }
    let rows = (0..<rowCount).map { row in
      line(
        columns.map { column in
          switch column.cells[row] {
          case .text(let text): Escape.markdown(text)
          case .number(let number): number
          }
        })
    }
    return line(columns.map { Escape.markdown($0.heading) })
      + line(columns.map { $0.isNumeric ? "---:" : "---" }) + rows.joined()
  }

  /// A LaTeX `tabular` with the rules of the package booktabs.
  public var latex: String {
    func line(_ cells: [String]) -> String { cells.joined(separator: " & ") + " \\\\\n" }
    let rows = (0..<rowCount).map { row in
      line(
        columns.map { column in
          switch column.cells[row] {
          case .text(let text): Escape.latex(text)
          case .number(let number): "$" + Self.power(number) + "$"
          }
        })
    }
    return "% needs \\usepackage{booktabs}\n"
      + "\\begin{tabular}{\(columns.map { $0.isNumeric ? "r" : "l" }.joined())}\n\\toprule\n"
      + line(columns.map { Escape.latex($0.heading) }) + "\\midrule\n" + rows.joined()
      + "\\bottomrule\n\\end{tabular}\n"
  }

  /// `1.20 \times 10^{-5}` for `1.20e-5`, `0.125 \pm 0.012` for `0.125 ± 0.012`
  private static func power(_ number: String) -> String {
    switch number {
    case "inf": return "\\infty"
    case "-inf": return "-\\infty"
    case "nan": return "\\mathrm{NaN}"
    default: break
    }
    if number.utf8.contains(UInt8(ascii: " ")) {
      return number.replacingScalar("±", with: "\\pm")
    }
    let parts = number.split(separator: "e")
    // Without the zero in front of Swift's `1e-05`.
    guard parts.count == 2, let exponent = Int(parts[1]) else { return number }
    return "\(parts[0]) \\times 10^{\(exponent)}"
  }
}
