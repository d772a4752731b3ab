import Escaping
import Foundation

/// A table as comma-separated values (RFC 4180): a header, then rows. What artifacts of type `table` hold.
public struct CSV: Sendable, Hashable {
  public let header: [String]
  public let rows: [[String]]

  public init(header: [String], rows: [[String]]) {
    self.header = header
    self.rows = rows
  }

  /// Of a file's or an artifact's bytes, in UTF-8 or, with a byte order mark, in UTF-16.
  public init?(_ data: Data) {
    let isUTF16 = data.starts(with: [0xFF, 0xFE]) || data.starts(with: [0xFE, 0xFF])
    guard let text = isUTF16 ? String(data: data, encoding: .utf16) : String(decoding: data, as: UTF8.self) else {
      return nil
    }
    self.init(text)
  }

  /// A byte order mark in front and blank lines between rows are passed over; a line ends in LF, CR LF or CR.
  ///
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
    var wasCarriage = false
    // Of the line so far: a quoted empty cell is a cell, a line of nothing is none.
    var isBlank = true
    func finishCell() {
      row.append(String(decoding: cell, as: UTF8.self))
      cell.removeAll(keepingCapacity: true)
    }
    func finishRow() {
      defer { isBlank = true }
      guard !isBlank else { return cell.removeAll(keepingCapacity: true) }
      finishCell()
      rows.append(row)
      row = []
    }
    for byte in text.utf8.dropFirst(text.utf8.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0) {
      switch byte {
      case quote:
        // A doubled quote inside quotes is one of the text's own.
        if !isQuoted, wasQuote { cell.append(quote) }
        isQuoted.toggle()
        isBlank = false
      case _ where isQuoted: cell.append(byte)
      case comma:
        finishCell()
        isBlank = false
      case carriage: finishRow()
      case newline: if !wasCarriage { finishRow() }
      default:
        cell.append(byte)
        if !" \t".utf8.contains(byte) { isBlank = false }
      }
      wasQuote = byte == quote
      wasCarriage = byte == carriage && !isQuoted
    }
    guard !isQuoted else { return nil }
    finishRow()
    guard let header = rows.first, rows.allSatisfy({ $0.count == header.count }) else { return nil }
    self.header = header
    self.rows = Array(rows.dropFirst())
  }

  public var text: String {
    ([header] + rows).map { row in
      // A line of nothing would be read as no row.
      let isBlank = row.count == 1 && row[0].utf8.allSatisfy { " \t".utf8.contains($0) }
      return (isBlank ? "\"\(row[0])\"" : row.map(Escape.csv).joined(separator: ",")) + "\n"
    }.joined()
  }

  /// The cells below a heading, or nil where there is no such column.
  public func column(_ name: String) -> [String]? {
    header.firstIndex(of: name).map { index in rows.map { $0[index] } }
  }

  /// A number as a cell: `0.25`, `1e-05`, `inf`, `-inf` or `nan`.
  public static func cell<Number: BinaryFloatingPoint & LosslessStringConvertible>(_ value: Number) -> String {
    value.isNaN ? "nan" : value.description
  }

  /// The number that a cell holds: a decimal one, or one of the spellings of infinity and of no number that programs
  /// write; nil for any other text, and for a decimal number that is too large for one of 64 bits: it is not infinite.
  public static func number(_ cell: String) -> Double? {
    switch cell {
    case "inf", "+inf", "Inf", "Infinity", "+Infinity", "∞": .infinity
    case "-inf", "-Inf", "-Infinity", "-∞": -.infinity
    case "nan", "-nan", "NaN": .nan
    default:
      cell.utf8.allSatisfy { "0123456789+-.eE".utf8.contains($0) }
        ? Double(cell).flatMap { $0.isFinite ? $0 : nil } : nil
    }
  }

  /// Whether these cells of a column are numbers, except for empty ones.
  public static func areNumeric(_ cells: [String]) -> Bool {
    cells.allSatisfy { $0.isEmpty || number($0) != nil } && cells.contains { !$0.isEmpty }
  }
}
