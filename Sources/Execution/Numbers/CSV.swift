/// A table as comma-separated values (RFC 4180): a header, then rows.
struct CSV: Sendable, Hashable {
  let header: [String]
  let rows: [[String]]

  /// Nil for a text without a header or with an unclosed quote.
  init?(_ text: String) {
    var rows: [[String]] = []
    var row: [String] = []
    var cell = ""
    var isQuoted = false
    var previous: Character?
    for character in text {
      defer { previous = character }
      switch character {
      case "\"":
        // A doubled quote inside quotes is one of the text's own.
        if !isQuoted, previous == "\"" { cell.append("\"") }
        isQuoted.toggle()
      case _ where isQuoted: cell.append(character)
      case ",":
        row.append(cell)
        cell = ""
      case "\n", "\r\n":
        rows.append(row + [cell])
        (row, cell) = ([], "")
      default: cell.append(character)
      }
    }
    guard !isQuoted else { return nil }
    if !row.isEmpty || !cell.isEmpty { rows.append(row + [cell]) }
    guard let header = rows.first else { return nil }
    (self.header, self.rows) = (header, Array(rows.dropFirst()))
  }

  init(header: [String], rows: [[String]]) { (self.header, self.rows) = (header, rows) }

  var text: String {
    ([header] + rows).map { $0.map(Self.quoted).joined(separator: ",") + "\n" }.joined()
  }

  private static func quoted(_ cell: String) -> String {
    guard cell.contains(where: { ",\"\n\r".contains($0) || $0 == "\r\n" }) else { return cell }
    return "\"" + cell.replacing("\"", with: "\"\"") + "\""
  }
}
