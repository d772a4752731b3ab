/// A pattern over the names in one folder: `*` any letters, `?` one letter, `[a-c]` one of these, `[!a-c]` none of
/// these. Letters are Unicode scalars, and names are compared as they are, composed or not.
struct Glob {
  private enum Piece {
    case anything
    case anyLetter
    case oneOf([ClosedRange<Unicode.Scalar>], negated: Bool)
    case letter(Unicode.Scalar)

    func takes(_ letter: Unicode.Scalar) -> Bool {
      switch self {
      case .anything, .anyLetter: true
      case .oneOf(let ranges, let negated): ranges.contains { $0.contains(letter) } != negated
      case .letter(let expected): letter == expected
      }
    }
  }

  private let pieces: [Piece]
  /// Names that start with a dot are hidden from patterns that do not.
  private let showsHidden: Bool

  init(_ pattern: some StringProtocol) {
    var pieces: [Piece] = []
    var rest = Array(pattern.unicodeScalars)[...]
    while let letter = rest.popFirst() {
      switch letter {
      case "*": pieces.append(.anything)
      case "?": pieces.append(.anyLetter)
      case "[":
        if let (set, end) = Self.set(rest) {
          pieces.append(set)
          rest = rest[end...]
        } else {
          pieces.append(.letter("["))
        }
      default: pieces.append(.letter(letter))
      }
    }
    self.pieces = pieces
    showsHidden = pattern.utf8.first == UInt8(ascii: ".")
  }

  /// The set that `text` starts with, behind its `[`, and where it ends; nil where it does not end.
  private static func set(_ text: ArraySlice<Unicode.Scalar>) -> (Piece, end: Int)? {
    var index = text.startIndex
    let isNegated = text.first == "!"
    if isNegated { index += 1 }
    var ranges: [ClosedRange<Unicode.Scalar>] = []
    while index < text.endIndex, text[index] != "]" || ranges.isEmpty {
      let low = text[index]
      var high = low
      if index + 2 < text.endIndex, text[index + 1] == "-", text[index + 2] != "]" {
        high = text[index + 2]
        index += 2
      }
      ranges.append(min(low, high)...max(low, high))
      index += 1
    }
    return index < text.endIndex ? (.oneOf(ranges, negated: isNegated), index + 1) : nil
  }

  /// Whether the whole name fits. O(letters · pieces).
  func matches(_ name: String) -> Bool {
    guard showsHidden || name.utf8.first != UInt8(ascii: ".") else { return false }
    let letters = Array(name.unicodeScalars)
    var (letter, piece) = (0, 0)
    // Where to go on when the `*` met last has to take one letter more.
    var retry: (letter: Int, piece: Int)?
    while letter < letters.count {
      if piece < pieces.count, case .anything = pieces[piece] {
        piece += 1
        retry = (letter, piece)
      } else if piece < pieces.count, pieces[piece].takes(letters[letter]) {
        letter = letter + 1
        piece = piece + 1
      } else if let again = retry {
        letter = again.letter + 1
        piece = again.piece
        retry = (letter, piece)
      } else {
        return false
      }
    }
    return pieces[piece...].allSatisfy { if case .anything = $0 { true } else { false } }
  }
}

// MARK: - Patterns of paths

extension Glob {
  /// How many alternatives a pattern may stand for.
  static let alternativeLimit = 1000

  /// Whether there are signs in it that stand for others.
  static func isWild(_ text: some StringProtocol) -> Bool {
    text.utf8.contains { "*?[".utf8.contains($0) }
  }

  /// The paths or patterns that `{png,jpg}` in a text stands for, in the order written; the text itself where it has no
  /// braces with a comma in them. Nil for more than ``alternativeLimit``.
  static func alternatives(_ text: String) -> [String]? {
    var open = [Array(text.unicodeScalars)]
    var found: [String] = []
    while let next = open.popLast() {
      guard let (range, parts) = group(in: next) else {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: next)
        found.append(String(text))
        continue
      }
      guard open.count + found.count + parts.count <= alternativeLimit else { return nil }
      open += parts.reversed().map { Array(next[..<range.lowerBound] + $0 + next[range.upperBound...]) }
    }
    return found
  }

  /// The first braces that have a comma in them, and what stands between these commas. Sets such as `[{]` hold no braces.
  private static func group(
    in text: [Unicode.Scalar]
  ) -> (range: Range<Int>, parts: [ArraySlice<Unicode.Scalar>])? {
    /// For each open brace where it is, and where its commas are.
    var open: [(start: Int, commas: [Int])] = []
    var groups: [(range: Range<Int>, parts: [ArraySlice<Unicode.Scalar>])] = []
    var index = 0
    while index < text.count {
      switch text[index] {
      case "[": if let (_, end) = set(text[(index + 1)...]) { index = end - 1 }
      case "{": open.append((index, []))
      case "," where !open.isEmpty: open[open.count - 1].commas.append(index)
      case "}":
        guard let (start, commas) = open.popLast(), !commas.isEmpty else { break }
        let edges = [start] + commas + [index]
        groups.append((start..<index + 1, zip(edges, edges.dropFirst()).map { text[($0 + 1)..<$1] }))
      default: break
      }
      index += 1
    }
    return groups.min { $0.range.lowerBound < $1.range.lowerBound }
  }

  /// A pattern that matches this text alone.
  static func escaped(_ text: some StringProtocol) -> String {
    var escaped = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      escaped.append(contentsOf: "*?[{".unicodeScalars.contains(scalar) ? ["[", scalar, "]"] : [scalar])
    }
    return String(escaped)
  }
}
