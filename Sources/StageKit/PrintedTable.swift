import Foundation

/// A table as it is read, not calculated with: numbers with three significant digits and aligned right, columns called
/// by the last part of their names.
public struct PrintedTable: Sendable {
  private struct Column {
    let heading: String
    let isNumeric: Bool
    let cells: [Cell]
  }

  private enum Cell {
    case text(String)
    /// `3`, `0.125`, `1.20e-5`
    case number(String)
  }

  private let columns: [Column]
  private let rowCount: Int

  public init(_ table: CSV) {
    rowCount = table.rows.count
    let endings = table.header.map { String($0.split(separator: ".").last ?? "") }
    columns = table.header.enumerated().map { index, name in
      let isAlone = !endings[index].isEmpty && endings.count { $0 == endings[index] } == 1
      let texts = table.rows.map { $0[index] }
      let isNumeric = CSV.areNumeric(texts)
      let cells = texts.map { text in (isNumeric ? Self.number(text) : nil).map(Cell.number) ?? .text(text) }
      return Column(heading: isAlone ? endings[index] : name, isNumeric: isNumeric, cells: cells)
    }
  }

  /// A cell with a number: with three significant digits, an integer as it is, `inf`, `-inf` or `nan`; nil for any
  /// other.
  private static func number(_ cell: String) -> String? {
    if Int(cell) != nil { return cell }
    guard let value = CSV.number(cell) else { return nil }
    guard value.isFinite else { return CSV.cell(value) }
    // The exponent of the rounded number, as 9.996 is 10.0.
    let rounded = String(format: "%.2e", value).split(separator: "e")
    guard rounded.count == 2, let exponent = Int(rounded[1]) else { return nil }
    return (-4...5).contains(exponent)
      ? String(format: "%.\(max(0, 2 - exponent))f", value) : "\(rounded[0])e\(exponent)"
  }

  /// A table of GitHub's Markdown.
  public var markdown: String {
    func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |\n" }
    let rows = (0..<rowCount).map { row in
      line(
        columns.map { column in
          switch column.cells[row] {
          case .text(let text): Self.escaped(text, Self.markdownEscapes)
          case .number(let number): number
          }
        })
    }
    return line(columns.map { Self.escaped($0.heading, Self.markdownEscapes) })
      + line(columns.map { $0.isNumeric ? "---:" : "---" }) + rows.joined()
  }

  /// A LaTeX `tabular` with the rules of the package booktabs.
  public var latex: String {
    func line(_ cells: [String]) -> String { cells.joined(separator: " & ") + " \\\\\n" }
    let rows = (0..<rowCount).map { row in
      line(
        columns.map { column in
          switch column.cells[row] {
          case .text(let text): Self.escaped(text, Self.latexEscapes)
          case .number(let number): "$" + Self.power(number) + "$"
          }
        })
    }
    return "% needs \\usepackage{booktabs}\n"
      + "\\begin{tabular}{\(columns.map { $0.isNumeric ? "r" : "l" }.joined())}\n\\toprule\n"
      + line(columns.map { Self.escaped($0.heading, Self.latexEscapes) }) + "\\midrule\n" + rows.joined()
      + "\\bottomrule\n\\end{tabular}\n"
  }

  /// `1.20 \times 10^{-5}` for `1.20e-5`
  private static func power(_ number: String) -> String {
    switch number {
    case "inf": return "\\infty"
    case "-inf": return "-\\infty"
    case "nan": return "\\mathrm{NaN}"
    default: break
    }
    let parts = number.split(separator: "e")
    return parts.count == 2 ? "\(parts[0]) \\times 10^{\(parts[1])}" : number
  }

  private static func escaped(_ text: String, _ escapes: [Character: String]) -> String {
    text.map { escapes[$0] ?? String($0) }.joined()
  }

  private static let markdownEscapes: [Character: String] = [
    "\\": "\\\\", "|": "\\|", "*": "\\*", "`": "\\`", "<": "\\<", "\n": "<br>", "\r\n": "<br>", "\r": "<br>",
  ]

  /// What ends a row takes a star or a bracket behind it for its own; braces keep them apart.
  private static let latexEscapes: [Character: String] = [
    "&": "\\&", "%": "\\%", "$": "\\$", "#": "\\#", "_": "\\_", "{": "\\{", "}": "\\}", "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}", "\\": "\\textbackslash{}", "*": "{*}", "[": "{[}", "\n": " ", "\r\n": " ", "\r": " ",
  ]
}
