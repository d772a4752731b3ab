/// A pattern over the names in one folder: `*` any letters, `?` one letter, `[a-c]` one of these, `[!a-c]` none of
/// these.
struct Glob {
  private enum Piece {
    case anything
    case anyLetter
    case oneOf([ClosedRange<Character>], negated: Bool)
    case letter(Character)

    func takes(_ letter: Character) -> Bool {
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

  static func isPattern(_ text: some StringProtocol) -> Bool { text.contains { "*?[".contains($0) } }

  init(_ pattern: some StringProtocol) {
    var pieces: [Piece] = []
    var rest = Array(pattern)[...]
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
    showsHidden = pattern.hasPrefix(".")
  }

  /// The set that `text` starts with, behind its `[`, and where it ends; nil where it does not end.
  private static func set(_ text: ArraySlice<Character>) -> (Piece, end: Int)? {
    var index = text.startIndex
    let isNegated = text.first == "!"
    if isNegated { index += 1 }
    var ranges: [ClosedRange<Character>] = []
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
    guard showsHidden || !name.hasPrefix(".") else { return false }
    let isASCII = name.utf8.allSatisfy { $0 < 0x80 }
    let letters = isASCII ? name.utf8.map { Character(Unicode.Scalar($0)) } : Array(name)
    var (letter, piece) = (0, 0)
    // Where to go on when the `*` met last has to take one letter more.
    var retry: (letter: Int, piece: Int)?
    while letter < letters.count {
      if piece < pieces.count, case .anything = pieces[piece] {
        piece += 1
        retry = (letter, piece)
      } else if piece < pieces.count, pieces[piece].takes(letters[letter]) {
        (letter, piece) = (letter + 1, piece + 1)
      } else if let again = retry {
        (letter, piece) = (again.letter + 1, again.piece)
        retry = (letter, piece)
      } else {
        return false
      }
    }
    return pieces[piece...].allSatisfy { if case .anything = $0 { true } else { false } }
  }
}
