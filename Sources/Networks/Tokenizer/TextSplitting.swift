/// How a text is cleaned and cut into words before byte pairs are merged, exactly as in OpenAI's CLIP.
///
/// Not done here: repairing wrongly decoded text (ftfy) and resolving HTML entities, which their code does first.
enum TextSplitting {
  /// Lower case, with every run of white space one space and none at the ends.
  static func cleaned(_ text: String) -> String {
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
  static func words(_ text: String) -> [String] {
    let scalars = Array(text.unicodeScalars)
    var words: [String] = []
    var position = 0
    while position < scalars.count {
      let rest = scalars[position...]
      let length =
        fixedWords.first { rest.starts(with: $0, by: matches) }?.count
        ?? run(rest, of: .letter) ?? (Kind(rest[position]) == .number ? 1 : nil) ?? run(rest, of: .other)
      if let length {
        words.append(String(String.UnicodeScalarView(rest.prefix(length))))
      }
      position += length ?? 1
    }
    return words
  }

  private static let fixedWords = [startOfText, endOfText, "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"]
    .map { Array($0.unicodeScalars) }

  /// The pattern ignores case, and ſ is an s in that.
  private static func matches(_ a: Unicode.Scalar, _ b: Unicode.Scalar) -> Bool { a == b || (a == "ſ" && b == "s") }

  private enum Kind {
    case letter, number, space, other

    init(_ scalar: Unicode.Scalar) {
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
      case .decimalNumber, .letterNumber, .otherNumber: self = .number
      // Where case is ignored, the iota below a vowel is the letter iota; but it is no letter either. Nothing matches it.
      case .nonspacingMark where scalar.value == 0x345: self = .space
      default: self = scalar.properties.isWhitespace ? .space : .other
      }
    }
  }

  /// The length of the run of `kind` at the beginning, nil where there is none.
  private static func run(_ scalars: ArraySlice<Unicode.Scalar>, of kind: Kind) -> Int? {
    let length = scalars.prefix { Kind($0) == kind }.count
    return length > 0 ? length : nil
  }
}
