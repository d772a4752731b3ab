/// How the names of a network's parameters here become those in a published file, and back: a table.
///
/// In a pattern, `#` stands for a number, `~` for the same number counted from the last level, and `*` at the end for
/// whatever follows; they correspond from left to right. Of several rules that fit a name, the first whose tensors a
/// file has counts.
struct KeyMap: Sendable {
  struct Rule: Sendable {
    let ours: KeyPattern
    /// Several are parts of ours, one after another along the first axis.
    let theirs: [KeyPattern]
    /// Whether theirs has the two axes of ours in the other order.
    var isTransposed = false

    init(_ ours: String, _ theirs: String..., transposed: Bool = false) {
      self.ours = KeyPattern(ours)
      self.theirs = theirs.map { KeyPattern($0) }
      isTransposed = transposed
    }
  }

  let rules: [Rule]
  /// What `~` counts from.
  var levels = 0

  init(_ rules: [Rule], levels: Int = 0) {
    self.rules = rules
    self.levels = levels
  }

  /// Files that have the names used here.
  static let same = KeyMap([Rule("*", "*")])

  /// The rules for every part of every place: `(a, x)` and `(b, y)` make `a.b.*` and `x.y.*`.
  static func rules(_ places: [(ours: String, theirs: String)], _ parts: [(ours: String, theirs: String)]) -> [Rule] {
    places.flatMap { place in
      parts.map { Rule("\(place.ours).\($0.ours).*", "\(place.theirs).\($0.theirs).*") }
    }
  }

  /// What a parameter may be in a file: the names of its parts, for each rule that fits.
  func theirs(_ ours: String) -> [(names: [String], isTransposed: Bool)] {
    let bytes = Array(ours.utf8)
    return rules.compactMap { rule in
      rule.ours.values(in: bytes, levels: levels).map { values in
        (rule.theirs.map { $0.filled(with: values, levels: levels) }, rule.isTransposed)
      }
    }
  }

  /// The parameter of which a file's tensor is all or a part; nil where there is none.
  func ours(_ theirs: String) -> String? {
    let bytes = Array(theirs.utf8)
    for rule in rules {
      for pattern in rule.theirs {
        if let values = pattern.values(in: bytes, levels: levels) {
          return rule.ours.filled(with: values, levels: levels)
        }
      }
    }
    return nil
  }
}

/// A name with places for numbers and for its end: see ``KeyMap``.
struct KeyPattern: Sendable {
  private enum Piece: Sendable {
    case text([UInt8])
    case number, reversedNumber, rest
  }

  private let pieces: [Piece]

  init(_ text: String) {
    var pieces: [Piece] = []
    var run: [UInt8] = []
    for byte in text.utf8 {
      let piece: Piece? =
        switch byte {
        case UInt8(ascii: "#"): .number
        case UInt8(ascii: "~"): .reversedNumber
        case UInt8(ascii: "*"): .rest
        default: nil
        }
      guard let piece else {
        run.append(byte)
        continue
      }
      if !run.isEmpty { pieces.append(.text(run)) }
      run = []
      pieces.append(piece)
    }
    self.pieces = run.isEmpty ? pieces : pieces + [.text(run)]
  }

  func matches(_ name: String) -> Bool { values(in: Array(name.utf8), levels: 0) != nil }

  /// What stands at the pattern's places in a name, given as UTF-8, numbers counted from the first level; nil where it does not fit.
  func values(in name: [UInt8], levels: Int) -> [String]? {
    var rest = name[...]
    var values: [String] = []
    for piece in pieces {
      switch piece {
      case .text(let text):
        guard rest.starts(with: text) else { return nil }
        rest = rest.dropFirst(text.count)
      case .number, .reversedNumber:
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard digits.count < 10, let number = Int(String(decoding: digits, as: UTF8.self)) else { return nil }
        rest = rest.dropFirst(digits.count)
        if case .reversedNumber = piece {
          values.append(String(levels - 1 - number))
        } else {
          values.append("\(number)")
        }
      case .rest:
        values.append(String(decoding: rest, as: UTF8.self))
        rest = []
      }
    }
    return rest.isEmpty ? values : nil
  }

  func filled(with values: [String], levels: Int) -> String {
    var values = values[...]
    var name = ""
    for piece in pieces {
      switch piece {
      case .text(let text): name += String(decoding: text, as: UTF8.self)
      case .number, .rest: name += values.popFirst() ?? ""
      case .reversedNumber: name += String(levels - 1 - (Int(values.popFirst() ?? "") ?? 0))
      }
    }
    return name
  }
}
