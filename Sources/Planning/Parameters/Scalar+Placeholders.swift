import RecipeSyntax

/// `${name}` in a text, and the `$` that are none of it.
///
/// In front of `{`, two `$` are one that stays: `$${x}` is the text `${x}`, and `$$${x}` a `$` with the value of x behind
/// it. Elsewhere a `$` is a `$`.
extension Scalar {
  enum Piece {
    case text(String)
    case placeholder(String)
    /// A `${` without `}`, and the name behind it.
    case unclosed(String)
  }

  /// The text cut at each `${name}`.
  var pieces: [Piece] {
    let dollar = UInt8(ascii: "$")
    let bytes = text.utf8
    var pieces: [Piece] = []
    var start = bytes.startIndex
    var rest = bytes[...]
    while let first = rest.firstIndex(of: dollar) {
      let end = rest[first...].firstIndex { $0 != dollar } ?? bytes.endIndex
      rest = rest[end...]
      guard rest.first == UInt8(ascii: "{") else { continue }
      let count = bytes.distance(from: first, to: end)
      pieces.append(.text(String(text[start..<first]) + String(repeating: "$", count: count / 2)))
      start = end
      guard !count.isMultiple(of: 2) else { continue }
      rest = rest.dropFirst()
      guard let close = rest.firstIndex(of: UInt8(ascii: "}")) else {
        let name = Substring(rest).unicodeScalars.prefix { Name.isIdentifier("_\($0)") }
        return pieces + [.unclosed(String(name))]
      }
      pieces.append(.placeholder(String(text[rest.startIndex..<close])))
      start = bytes.index(after: close)
      rest = rest[start...]
    }
    return pieces + [.text(String(text[start...]))]
  }

  /// The names in it that stand for parameters.
  var placeholders: [String] {
    guard text.utf8.contains(UInt8(ascii: "$")) else { return [] }
    return pieces.compactMap { if case .placeholder(let name) = $0 { name } else { nil } }
  }

  /// The text where no parameter is used in it, with what stands for `$`; nil where one is, or is begun.
  var literal: Scalar? {
    guard text.utf8.contains(UInt8(ascii: "$")) else { return self }
    var literal = ""
    for piece in pieces {
      guard case .text(let text) = piece else { return nil }
      literal += text
    }
    return literal.utf8.elementsEqual(text.utf8) ? self : Scalar(literal, isPlain: false)
  }
}
