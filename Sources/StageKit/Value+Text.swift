import ArtifactStore
import Foundation
import JSONSyntax
import RecipeSyntax

extension Value {
  /// The value as a recipe would show it, for people: `300`, `0.5`, `[a, b]`. Not unique, see ``Value/canonical``.
  public var text: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .int(let value): "\(value)"
    case .double(let value): "\(value)"
    case .string(let value): value
    case .list(let values): "[" + values.map(\.text).joined(separator: ", ") + "]"
    case .map(let entries): "{" + entries.map { "\($0.key): \($0.value.text)" }.joined(separator: ", ") + "}"
    }
  }

  /// The value as it stands in names of stages and in references: as a recipe would write it, a text in quotes where it
  /// could be taken for another value or for what stands around it. No two values share a spelling, not even for Swift,
  /// to which the composed and the decomposed form of a text are the same.
  public var spelling: String {
    switch self {
    case .double(let value) where value.isNaN: ".nan"
    case .double(let value) where value.isInfinite: value < 0 ? "-.inf" : ".inf"
    case .null, .bool, .int, .double: text
    case .string(let value): Self.spelling(value)
    case .list(let values): "[" + values.map(\.spelling).joined(separator: ", ") + "]"
    case .map(let entries):
      "{" + entries.map { "\(Self.spelling($0.key)): \($0.value.spelling)" }.joined(separator: ", ") + "}"
    }
  }

  /// The text that is written in quotes, as ``spelling`` has it; nil for anything else.
  public init?(quoted text: String) {
    guard text.utf8.first == UInt8(ascii: "\""), let json = try? JSON(parsing: Data(text.utf8)), let value = json.string
    else { return nil }
    self = .string(value)
  }

  private static func spelling(_ text: String) -> String {
    let isASCII = text.utf8.allSatisfy { $0 < 0x80 }
    // What is composed otherwise than usual, or joins the sign in front of it, is written by its numbers.
    let isStable =
      isASCII
      || text.utf8.elementsEqual(text.precomposedStringWithCanonicalMapping.utf8)
        && !(text.unicodeScalars.first?.properties.isMark ?? false)
    if isStable, isPlain(text) { return text }
    var quoted = "\""
    for scalar in text.unicodeScalars {
      let properties = scalar.properties
      if scalar == "\"" || scalar == "\\" {
        quoted += "\\\(scalar)"
      } else if properties.isShown, !properties.isMark, isStable || scalar.isASCII {
        quoted.unicodeScalars.append(scalar)
      } else {
        for unit in UTF16.encode(scalar) ?? .init() {
          let digits = String(unit, radix: 16)
          quoted += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
        }
      }
    }
    return quoted + "\""
  }

  /// Whether a text without quotes stands for itself alone.
  private static func isPlain(_ text: String) -> Bool {
    let scalars = text.unicodeScalars
    guard let first = scalars.first, let last = scalars.last, first != " ", last != " " else { return false }
    return Scalar(text, isPlain: true).meaning == .string
      && scalars.allSatisfy { $0.properties.isShown && !",[]{}\"\\=".unicodeScalars.contains($0) }
  }
}

extension Unicode.Scalar.Properties {
  /// Whether a reader sees it: a letter, a mark, a sign, or a plain space.
  fileprivate var isShown: Bool {
    switch generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    case .spaceSeparator: isPatternWhitespace
    default: true
    }
  }

  fileprivate var isMark: Bool {
    [.nonspacingMark, .spacingMark, .enclosingMark].contains(generalCategory)
  }
}
