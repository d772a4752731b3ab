import Escaping
import Foundation

/// A table as comma-separated values (RFC 4180): a header, then rows. What artifacts of type `table` hold.
public struct CSV: Sendable, Hashable {
  public let header: [String]
  public let rows: [[String]]

  public init(header: [String], rows: [[String]]) { (self.header, self.rows) = (header, rows) }

  /// Of a file's or an artifact's bytes.
  public init?(_ data: Data) { self.init(String(decoding: data, as: UTF8.self)) }

  /// Nil for a text without a header, with an unclosed quote, or with a row of another width than the header's.
  public init?(_ text: String) {
    let (quote, comma, newline, carriage) = (
      UInt8(ascii: "\""), UInt8(ascii: ","), UInt8(ascii: "\n"), UInt8(ascii: "\r")
    )
    var rows: [[String]] = []
    var row: [String] = []
    var cell: [UInt8] = []
    var isQuoted = false
    var wasQuote = false
    func finishCell() {
      row.append(String(decoding: cell, as: UTF8.self))
      cell.removeAll(keepingCapacity: true)
    }
    for byte in text.utf8 {
      switch byte {
      case quote:
        // A doubled quote inside quotes is one of the text's own.
        if !isQuoted, wasQuote { cell.append(quote) }
        isQuoted.toggle()
      case _ where isQuoted: cell.append(byte)
      case comma: finishCell()
      case carriage: break
      case newline:
        finishCell()
        rows.append(row)
        row = []
      default: cell.append(byte)
      }
      wasQuote = byte == quote
    }
    guard !isQuoted else { return nil }
    if !row.isEmpty || !cell.isEmpty {
      finishCell()
      rows.append(row)
    }
    guard let header = rows.first, rows.allSatisfy({ $0.count == header.count }) else { return nil }
    (self.header, self.rows) = (header, Array(rows.dropFirst()))
  }

  public var text: String {
    ([header] + rows).map { $0.map(Escape.csv).joined(separator: ",") + "\n" }.joined()
  }

  /// The cells below a heading, or nil where there is no such column.
  public func column(_ name: String) -> [String]? {
    header.firstIndex(of: name).map { index in rows.map { $0[index] } }
  }

  /// Whether these cells of a column are numbers, except for empty ones.
  public static func areNumeric(_ cells: [String]) -> Bool {
    cells.allSatisfy { $0.isEmpty || Double($0) != nil } && cells.contains { !$0.isEmpty }
  }
}
