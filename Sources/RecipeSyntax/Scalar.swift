/// A scalar of a recipe: its text, and what the text means.
package struct Scalar: Sendable, Hashable {
  /// The types of YAML 1.2's core schema.
  package enum Meaning: Sendable, Hashable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string
  }

  /// Without quotes, escapes resolved.
  package let text: String
  /// Written without quotes.
  package let isPlain: Bool
  package let meaning: Meaning

  /// A scalar as written; only a plain one can mean anything but a string.
  package init(_ text: String, isPlain: Bool) {
    self.text = text
    self.isPlain = isPlain
    meaning = isPlain ? Self.meaning(of: text) : .string
  }

  package var isNull: Bool { meaning == .null }

  /// What plain `text` means (YAML 1.2.2, section 10.3.2).
  private static func meaning(of text: String) -> Meaning {
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE": return .bool(true)
    case "false", "False", "FALSE": return .bool(false)
    case ".nan", ".NaN", ".NAN": return .double(.nan)
    default: break
    }
    if text.hasPrefix("0o"), let value = Int(text.dropFirst(2), radix: 8), !isSign(text.dropFirst(2).first) {
      return .int(value)
    }
    if text.hasPrefix("0x"), let value = Int(text.dropFirst(2), radix: 16), !isSign(text.dropFirst(2).first) {
      return .int(value)
    }
    let unsigned = isSign(text.first) ? text.dropFirst() : text[...]
    if [".inf", ".Inf", ".INF"].contains(unsigned) { return .double(text.hasPrefix("-") ? -.infinity : .infinity) }
    guard isDecimal(unsigned) else { return .string }
    if unsigned.utf8.allSatisfy(isDigit), let value = Int(text) { return .int(value) }
    return Double(text).map(Meaning.double) ?? .string
  }

  /// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
  private static func isDecimal(_ text: Substring) -> Bool {
    var rest = text.utf8[...]
    func digits() -> Int {
      let count = rest.prefix(while: isDigit).count
      rest = rest.dropFirst(count)
      return count
    }
    var count = digits()
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      count += digits()
    }
    guard count > 0 else { return false }
    if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
      rest = rest.dropFirst()
      if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
      guard digits() > 0 else { return false }
    }
    return rest.isEmpty
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
  private static func isSign(_ character: Character?) -> Bool { character == "-" || character == "+" }
}
