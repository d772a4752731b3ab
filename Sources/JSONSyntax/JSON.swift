import Foundation

/// A JSON value whose objects keep the order of their members, so that what is written is the same every time.
public enum JSON: Sendable, Hashable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case array([JSON])
  case object([Member])
  /// A value that is written already, such as one of thousands that several threads write.
  case written([UInt8])

  public struct Member: Sendable, Hashable {
    public let name: String
    public let value: JSON
    public init(_ name: String, _ value: JSON) { (self.name, self.value) = (name, value) }
  }

  /// The first member called `name`. O(members).
  public subscript(name: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  public var string: String? { if case .string(let value) = self { value } else { nil } }
  public var int: Int? { if case .int(let value) = self { value } else { nil } }
  public var array: [JSON]? { if case .array(let values) = self { values } else { nil } }
  public var members: [Member]? { if case .object(let members) = self { members } else { nil } }
  /// The number, written with or without a fraction, or as one of the texts for what JSON has no number for.
  public var double: Double? {
    switch self {
    case .double(let value): value
    case .int(let value): Double(value)
    case .string("Infinity"): .infinity
    case .string("-Infinity"): -.infinity
    case .string("NaN"): .nan
    default: nil
    }
  }

  /// `value`, or null where there is none.
  public static func optional(_ value: String?) -> JSON { value.map(JSON.string) ?? .null }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .int(value) }
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSON)...) { self = .object(elements.map { Member($0, $1) }) }
}

// MARK: - Writing

extension JSON {
  /// The value on one line. A number that JSON cannot hold is the text "Infinity", "-Infinity" or "NaN".
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// ``text`` in UTF-8.
  public var bytes: [UInt8] {
    var writer = JSONWriter(isPretty: false)
    writer.write(self)
    return writer.bytes
  }

  /// The value on several lines, indented by two spaces a level; each element of an array has a line of its own.
  public var prettyText: String { String(decoding: prettyBytes, as: UTF8.self) }

  /// What a file holds that a person may read: ``prettyText`` in UTF-8.
  public var prettyData: Data { Data(prettyBytes) }

  private var prettyBytes: [UInt8] {
    var writer = JSONWriter(isPretty: true)
    writer.write(self)
    writer.endLine()
    return writer.bytes
  }
}

/// JSON in UTF-8 in the making.
private struct JSONWriter {
  private(set) var bytes: [UInt8] = []
  /// Whether members and elements start lines of their own.
  private var indents: Bool
  private var depth = 0
  private let isPretty: Bool

  init(isPretty: Bool) { (self.isPretty, indents) = (isPretty, isPretty) }

  mutating func endLine() { append("\n") }

  mutating func write(_ value: JSON) {
    switch value {
    case .null: append("null")
    case .bool(let value): append(value ? "true" : "false")
    case .int(let value): bytes.append(contentsOf: value.description.utf8)
    case .double(let value):
      if value.isFinite {
        bytes.append(contentsOf: value.description.utf8)
      } else {
        append(value.isNaN ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"")
      }
    case .string(let value): write(value)
    case .written(let text): bytes.append(contentsOf: text)
    case .array(let values):
      open("[")
      let indents = self.indents
      for (index, value) in values.enumerated() {
        separate(index)
        self.indents = false
        write(value)
        self.indents = indents
      }
      close("]", isEmpty: values.isEmpty)
    case .object(let members):
      open("{")
      for (index, member) in members.enumerated() {
        separate(index)
        write(member.name)
        append(isPretty ? ": " : ":")
        write(member.value)
      }
      close("}", isEmpty: members.isEmpty)
    }
  }

  private mutating func append(_ text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  private mutating func open(_ bracket: StaticString) {
    append(bracket)
    depth += 1
  }

  private mutating func separate(_ index: Int) {
    if index > 0 { append(isPretty && !indents ? ", " : ",") }
    if indents { startLine() }
  }

  private mutating func close(_ bracket: StaticString, isEmpty: Bool) {
    depth -= 1
    if indents, !isEmpty { startLine() }
    append(bracket)
  }

  private mutating func startLine() {
    append("\n")
    for _ in 0..<depth { append("  ") }
  }

  private mutating func write(_ string: String) {
    var string = string
    append("\"")
    string.withUTF8 { text in
      // Most texts have nothing to escape; bytes above ASCII are the same in JSON.
      var plain = 0
      for (index, byte) in text.enumerated() where Self.isSpecial(byte) {
        bytes.append(contentsOf: text[plain..<index])
        escape(byte)
        plain = index + 1
      }
      bytes.append(contentsOf: text[plain...])
    }
    append("\"")
  }

  private static func isSpecial(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
  }

  private mutating func escape(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): append("\\\"")
    case UInt8(ascii: "\\"): append("\\\\")
    case UInt8(ascii: "\n"): append("\\n")
    case UInt8(ascii: "\t"): append("\\t")
    case UInt8(ascii: "\r"): append("\\r")
    default:
      append("\\u00")
      bytes.append(byte < 16 ? UInt8(ascii: "0") : UInt8(ascii: "1"))
      bytes.append(Self.digits[Int(byte & 15)])
    }
  }

  private static let digits = Array("0123456789abcdef".utf8)
}
