/// How a text is cleaned and cut into words before byte pairs are merged.
enum TextSplitting {
  enum Piece {
    case word(String)
    /// The mark of a text's start or end, written out in it.
    case start, end
  }

  /// The words of a text, as the code that its vocabulary is from sees them.
  static func pieces(of text: String, _ cleaning: Tokenizer.Cleaning) -> [Piece] {
    switch cleaning {
    case .openai:
      words(cleaned(TextRepair.repaired(text)), ignoringCase: true).map { mark($0) ?? .word($0) }
    case .huggingFace:
      cut(text).flatMap { part in
        mark(part).map { [$0] }
          ?? words(loweredOneByOne(Array(part.unicodeScalars).canonicallyComposed), ignoringCase: false).map(Piece.word)
      }
    }
  }

  private static func mark(_ text: String) -> Piece? {
    text == startOfText ? .start : text == endOfText ? .end : nil
  }

  /// The text cut before and after each mark.
  private static func cut(_ text: String) -> [String] {
    var parts: [[Unicode.Scalar]] = [[]]
    var rest = Array(text.unicodeScalars)[...]
    while let next = rest.first {
      if next == "<", let mark = marks.first(where: { rest.starts(with: $0) }) {
        parts += [mark, []]
        rest = rest.dropFirst(mark.count)
      } else {
        parts[parts.count - 1].append(next)
        rest = rest.dropFirst()
      }
    }
    return parts.map { String(String.UnicodeScalarView($0)) }
  }

  /// Each character by itself in lower case, whatever stands around it.
  private static func loweredOneByOne(_ text: [Unicode.Scalar]) -> String {
    text.reduce(into: "") { $0 += $1.properties.lowercaseMapping }
  }

  /// Lower case, with every run of white space one space and none at the ends.
  private static func cleaned(_ text: String) -> String {
    var scalars: [Unicode.Scalar] = []
    for scalar in text.unicodeScalars {
      if !scalar.properties.isWhitespace {
        scalars.append(scalar)
      } else if scalars.last != " " {
        scalars.append(" ")
      }
    }
    let end = scalars.lastIndex { !isStripped($0) }.map { $0 + 1 } ?? 0
    let begin = scalars.firstIndex { !isStripped($0) } ?? end
    return lowercased(Array(scalars[begin..<end]))
  }

  /// What Python's `strip` removes: white space and the information separators.
  private static func isStripped(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }

  /// Unicode's full lower case with the rule for a final sigma, as Python's `lower`.
  private static func lowercased(_ scalars: [Unicode.Scalar]) -> String {
    var result = ""
    for (index, scalar) in scalars.enumerated() {
      if scalar == "Σ", isFinal(index, scalars) {
        result += "ς"
      } else {
        result += scalar.properties.lowercaseMapping
      }
    }
    return result
  }

  private static func isFinal(_ index: Int, _ scalars: [Unicode.Scalar]) -> Bool {
    func isCased(_ scalar: Unicode.Scalar?) -> Bool { scalar?.properties.isCased ?? false }
    return isCased(scalars[..<index].last { !$0.properties.isCaseIgnorable })
      && !isCased(scalars[(index + 1)...].first { !$0.properties.isCaseIgnorable })
  }

  static let startOfText = "<|startoftext|>"
  static let endOfText = "<|endoftext|>"

  /// The matches, one after the other, of
  /// `<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+` in a cleaned text.
  /// Where case is ignored, ſ is an s.
  private static func words(_ text: String, ignoringCase: Bool) -> [String] {
    let scalars = Array(text.unicodeScalars)
    // Hugging Face's looks for marks before it lowers case, and not again.
    let fixedWords = ignoringCase ? marks + contractions : contractions
    var words: [String] = []
    var position = 0
    while position < scalars.count {
      let rest = scalars[position...]
      let length =
        fixedWords.first { rest.starts(with: $0) { $0 == $1 || ignoringCase && ($0 == "ſ" && $1 == "s") } }?.count
        ?? run(rest, of: .letter, ignoringCase)
        ?? (Kind(rest[position], ignoringCase) == .number ? 1 : nil) ?? run(rest, of: .other, ignoringCase)
      if let length {
        words.append(String(String.UnicodeScalarView(rest.prefix(length))))
      }
      position += length ?? 1
    }
    return words
  }

  private static let contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map { Array($0.unicodeScalars) }
  private static let marks = [startOfText, endOfText].map { Array($0.unicodeScalars) }

  private enum Kind {
    case letter, number, space, other

    init(_ scalar: Unicode.Scalar, _ ignoringCase: Bool) {
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
      case .decimalNumber, .letterNumber, .otherNumber: self = .number
      // Where case is ignored, the iota below a vowel is the letter iota; but it is no letter either. Nothing matches it.
      case .nonspacingMark where scalar.value == 0x345 && ignoringCase: self = .space
      default: self = scalar.properties.isWhitespace ? .space : .other
      }
    }
  }

  /// The length of the run of `kind` at the beginning, nil where there is none.
  private static func run(_ scalars: ArraySlice<Unicode.Scalar>, of kind: Kind, _ ignoringCase: Bool) -> Int? {
    let length = scalars.prefix { Kind($0, ignoringCase) == kind }.count
    return length > 0 ? length : nil
  }
}
