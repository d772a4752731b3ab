/// What names a stage, some places of it in sweeps, and one of its outputs: `stage`, `stage[axis=value].port`.
///
/// A value is written as it stands in the stage's id. Quotes hold what would end it (`["a, b"]`), as do brackets.
package struct Address {
  /// What stands in front of the brackets: a stage; and, where there are none, maybe a point and an output.
  package let base: String
  /// What it picks from sweeps.
  package let selection: [(axis: String, value: String)]
  /// What stands behind the brackets.
  package let port: String?

  /// Nil for a text with brackets that do not close, that have something else behind them than an output, or that have no
  /// `axis=value` in them.
  package init?(_ text: String) {
    guard text.utf8.contains(UInt8(ascii: "[")) else {
      base = text
      selection = []
      port = nil
      return
    }
    let scalars = Array(text.unicodeScalars)
    guard let open = scalars.firstIndex(of: "["), let (pieces, end) = Self.pieces(of: scalars[(open + 1)...]) else {
      return nil
    }
    let rest = scalars[end...]
    guard rest.isEmpty || (rest.first == "." && rest.count > 1) else { return nil }
    var selection: [(axis: String, value: String)] = []
    for piece in pieces {
      guard let equals = piece.firstIndex(of: "=") else {
        // A comma in front of something without `=` belongs to the value before it.
        guard let last = selection.popLast() else { return nil }
        selection.append((last.axis, last.value + "," + Self.text(piece)))
        continue
      }
      selection.append((Self.text(piece[..<equals]).trimmed, Self.text(piece[(equals + 1)...])))
    }
    base = Self.text(scalars[..<open])
    self.selection = selection.map { ($0.axis, $0.value.trimmed) }
    port = rest.isEmpty ? nil : Self.text(rest.dropFirst())
  }

  private typealias Scalars = ArraySlice<Unicode.Scalar>

  private static func text(_ scalars: Scalars) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return String(text)
  }

  /// What stands between the commas up to the bracket that closes, and what is behind that; nil where none closes.
  private static func pieces(of text: Scalars) -> (pieces: [Scalars], end: Int)? {
    var pieces: [Scalars] = []
    var start = text.startIndex
    var depth = 0
    var isQuoted = false
    // Quotes open where a value starts; elsewhere they are signs like others.
    var isStart = false
    var index = start
    while index < text.endIndex {
      let scalar = text[index]
      if isQuoted {
        if scalar == "\\" { index += 1 }
        if scalar == "\"" { isQuoted = false }
      } else {
        switch scalar {
        case "\"" where isStart: isQuoted = true
        case "[", "{": depth += 1
        case "]" where depth == 0: return (pieces + [text[start..<index]], index + 1)
        case "]", "}": depth -= 1
        case "," where depth == 0:
          pieces.append(text[start..<index])
          start = index + 1
        default: break
        }
        isStart = scalar == " " && isStart || "=[{,:".unicodeScalars.contains(scalar)
      }
      index += 1
    }
    return nil
  }
}

extension StringProtocol {
  /// Without the white space around it.
  package var trimmed: String {
    func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace }
    let scalars = unicodeScalars.drop(while: isSpace)
    var trimmed = String.UnicodeScalarView()
    trimmed.append(contentsOf: scalars.reversed().drop(while: isSpace).reversed())
    return String(trimmed)
  }
}
