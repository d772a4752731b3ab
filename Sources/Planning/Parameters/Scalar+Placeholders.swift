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
    var pieces: [Piece] = []
    var plain: [UInt8] = []
    var rest = Array(text.utf8)[...]
    func cut() {
      pieces.append(.text(String(decoding: plain, as: UTF8.self)))
      plain = []
    }
    while let byte = rest.first {
      guard byte == dollar else {
        plain.append(byte)
        rest = rest.dropFirst()
        continue
      }
      let count = rest.prefix { $0 == dollar }.count
      rest = rest.dropFirst(count)
      let isBraced = rest.first == UInt8(ascii: "{")
      plain += repeatElement(dollar, count: isBraced ? count / 2 : count)
      guard isBraced, !count.isMultiple(of: 2) else { continue }
      cut()
      rest = rest.dropFirst()
      guard let end = rest.firstIndex(of: UInt8(ascii: "}")) else {
        let name = String(decoding: rest, as: UTF8.self).unicodeScalars.prefix { Name.isIdentifier("_\($0)") }
        return pieces + [.unclosed(String(name))]
      }
      pieces.append(.placeholder(String(decoding: rest[..<end], as: UTF8.self)))
      rest = rest[(end + 1)...]
    }
    cut()
    return pieces
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
