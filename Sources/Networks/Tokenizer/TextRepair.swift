import Foundation

/// Texts as OpenAI's CLIP repairs them before it reads them: what ftfy 6 (Speer 2019) does to a text, then what HTML's
/// character references stand for, twice.
///
/// Wrongly decoded text, "Ã©" for "é", stays as it is: recipes are UTF-8, and ftfy guesses.
enum TextRepair {
  /// How many repairs may bring others about: more than in any text that was met with.
  private static let passLimit = 20

  static func repaired(_ text: String) -> String {
    var result: [Unicode.Scalar] = []
    // Where there is a tag, references are meant as they are.
    var unescapes = true
    for line in lines(Array(text.unicodeScalars)) {
      unescapes = unescapes && !line.contains("<")
      result += repaired(line, unescapes: unescapes)
    }
    result = HTMLEntities.unescaped(HTMLEntities.unescaped(result))
    return String(String.UnicodeScalarView(result))
  }

  /// Each with its end, and none longer than a million.
  private static func lines(_ text: [Unicode.Scalar]) -> [ArraySlice<Unicode.Scalar>] {
    var lines: [ArraySlice<Unicode.Scalar>] = []
    var rest = text[...]
    while !rest.isEmpty {
      let length = rest.firstIndex(of: "\n").map { $0 - rest.startIndex + 1 } ?? rest.count
      lines.append(rest.prefix(min(length, 1_000_000)))
      rest = rest.dropFirst(min(length, 1_000_000))
    }
    return lines
  }

  /// Repairs until nothing is left to repair: one repair may bring another one about.
  private static func repaired(_ line: ArraySlice<Unicode.Scalar>, unescapes: Bool) -> [Unicode.Scalar] {
    var line = Array(line)
    for _ in 0..<passLimit {
      let before = line
      if unescapes { line = HTMLEntities.unescapedWhereClosed(line) }
      line = withoutTerminalEscapes(line.flatMap(plain)).canonicallyComposed
      if line == before { break }
    }
    return line
  }

  // MARK: Characters

  /// What a character is written as where it is only a matter of typography or of how it got here: the characters of a
  /// ligature, of usual width, straight quotes, line feeds; nothing for a control.
  private static func plain(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
    switch scalar.value {
    case 0x20..<0x7F: [scalar]
    // ftfy takes line ends first and joins "\r\n"; to the tokenizer white space is white space.
    case 0x0D, 0x2028, 0x2029: ["\n"]
    case 0...8, 0x0B, 0x0E...0x1F, 0x7F, 0x206A...0x206F, 0xFEFF, 0xFFF9...0xFFFC: scalar == "\u{1B}" ? [scalar] : []
    case 0x80...0x9F: [Windows1252.scalar(of: UInt8(scalar.value))]
    case 0x02BC, 0x2018...0x201B: ["'"]
    case 0x201C...0x201F: ["\""]
    case 0x3000: [" "]
    case 0xFF01...0xFFEF:
      Array(String(Character(scalar)).precomposedStringWithCompatibilityMapping.unicodeScalars)
    default: ligatures[scalar] ?? [scalar]
    }
  }

  private static let ligatures: [Unicode.Scalar: [Unicode.Scalar]] = [
    "Ĳ": "IJ", "ĳ": "ij", "ŉ": "ʼn", "Ǳ": "DZ", "ǲ": "Dz", "ǳ": "dz", "Ǆ": "DŽ", "ǅ": "Dž", "ǆ": "dž", "Ǉ": "LJ",
    "ǈ": "Lj", "ǉ": "lj", "Ǌ": "NJ", "ǋ": "Nj", "ǌ": "nj", "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl",
    "ﬅ": "ſt", "ﬆ": "st",
  ].mapValues { Array(($0 as String).unicodeScalars) }

  /// Without escape characters, and without what makes them colors of a terminal: `[`, numbers, and a letter.
  private static func withoutTerminalEscapes(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    guard text.contains("\u{1B}") else { return text }
    var result: [Unicode.Scalar] = []
    var rest = text[...]
    while let next = rest.popFirst() {
      guard next == "\u{1B}" else {
        result.append(next)
        continue
      }
      guard rest.first == "[" else { continue }
      let after = rest.dropFirst().drop { $0 == ";" || $0.properties.generalCategory == .decimalNumber }
      if let letter = after.first, letter.isASCII, letter.properties.isAlphabetic { rest = after.dropFirst() }
    }
    return result
  }
}
