import Escaping
import Foundation

extension JSON {
  /// What is wrong with a text that is not JSON.
  public struct SyntaxError: Error, Sendable, CustomStringConvertible {
    /// The offset in bytes of the first byte that does not fit.
    public let offset: Int
    public let expected: String
    public var description: String { "not JSON: expected \(expected) at byte \(offset)" }
  }

  /// The one value that `data` holds (RFC 8259), nested at most 64 levels deep; no object has two members of one name.
  /// - Throws: ``SyntaxError``.
  public init(parsing data: Data) throws(SyntaxError) {
    var parser = Parser(bytes: [UInt8](data))
    self = try parser.document()
  }

  /// The member `name` of the object that `data` holds, without a look at what the others are; nil where it has none.
  /// - Throws: ``SyntaxError`` where that cannot be told.
  public static func member(_ name: String, of data: Data) throws(SyntaxError) -> JSON? {
    var parser = Parser(bytes: [UInt8](data))
    return try parser.member(name)
  }

  /// The members of the object that `data` holds up to the first that has one of these names, without a look at that and
  /// what follows.
  /// - Throws: ``SyntaxError``.
  public static func members(of data: Data, before names: Set<String>) throws(SyntaxError) -> [JSON.Member] {
    var parser = Parser(bytes: [UInt8](data))
    return try parser.members(before: names)
  }
}

/// A member's name, which is the same as another one only byte by byte.
private struct ByteName: Hashable {
  let text: String

  static func == (a: Self, b: Self) -> Bool { a.text.isSame(as: b.text) }

  func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}

/// A recursive-descent parser over the bytes of a JSON text.
private struct Parser {
  let bytes: [UInt8]
  var position = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func document() throws(JSON.SyntaxError) -> JSON {
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw error("the end") }
    return value
  }

  mutating func member(_ wanted: String) throws(JSON.SyntaxError) -> JSON? {
    skipSpace()
    guard take("{") else { throw error("'{'") }
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw error("a member's name") }
      let name = try string()
      skipSpace()
      guard take(":") else { throw error("':'") }
      if name == wanted { return try value(depth: 1) }
      skipValue()
    } while take(",")
    return nil
  }

  mutating func members(before ends: Set<String>) throws(JSON.SyntaxError) -> [JSON.Member] {
    skipSpace()
    guard take("{") else { throw error("'{'") }
    var members: [JSON.Member] = []
    repeat {
      skipSpace()
      if members.isEmpty, next == UInt8(ascii: "}") { return [] }
      guard next == UInt8(ascii: "\"") else { throw error("a member's name") }
      let name = try string()
      skipSpace()
      guard take(":") else { throw error("':'") }
      if ends.contains(name) { return members }
      members.append(.init(name, try value(depth: 1)))
      skipSpace()
    } while take(",")
    guard take("}") else { throw error("',' or '}'") }
    return members
  }

  /// Goes to the comma or bracket behind a value, or to the end.
  private mutating func skipValue() {
    var depth = 0
    bytes.withUnsafeBufferPointer { bytes in
      while position < bytes.count {
        switch bytes[position] {
        case UInt8(ascii: "\""):
          position += 1
          while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
          }
        case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
        case UInt8(ascii: "]"), UInt8(ascii: "}"):
          if depth == 0 { return }
          depth -= 1
        case UInt8(ascii: ","): if depth == 0 { return }
        default: break
        }
        position += 1
      }
    }
  }

  private func error(_ expected: String) -> JSON.SyntaxError { .init(offset: position, expected: expected) }

  /// The byte at the position; 0, which is never part of a JSON text, at the end.
  private var next: UInt8 { position < bytes.count ? bytes[position] : 0 }

  private mutating func skipSpace() {
    while next == UInt8(ascii: " ") || next == UInt8(ascii: "\n") || next == UInt8(ascii: "\t")
      || next == UInt8(ascii: "\r")
    { position += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func value(depth: Int) throws(JSON.SyntaxError) -> JSON {
    guard depth < 64 else { throw error("at most 64 levels") }
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func word(_ text: StaticString, _ value: JSON) throws(JSON.SyntaxError) -> JSON {
    let end = position + text.utf8CodeUnitCount
    let matches = text.withUTF8Buffer { word in end <= bytes.count && bytes[position..<end].elementsEqual(word) }
    guard matches else { throw error("a value") }
    position = end
    return value
  }

  private mutating func object(depth: Int) throws(JSON.SyntaxError) -> JSON {
    position += 1
    var members: [JSON.Member] = []
    var names: Set<ByteName> = []
    skipSpace()
    if take("}") { return .object([]) }
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw error("a member's name") }
      let start = position
      let name = try string()
      guard names.insert(ByteName(text: name)).inserted else {
        position = start
        throw error("no second '\(name.abridged)'")
      }
      skipSpace()
      guard take(":") else { throw error("':'") }
      members.append(.init(name, try value(depth: depth + 1)))
      skipSpace()
    } while take(",")
    guard take("}") else { throw error("',' or '}'") }
    return .object(members)
  }

  private mutating func array(depth: Int) throws(JSON.SyntaxError) -> JSON {
    position += 1
    var values: [JSON] = []
    skipSpace()
    if take("]") { return .array([]) }
    repeat {
      values.append(try value(depth: depth + 1))
      skipSpace()
    } while take(",")
    guard take("]") else { throw error("',' or ']'") }
    return .array(values)
  }

  private mutating func number() throws(JSON.SyntaxError) -> JSON {
    let start = position
    var isWhole = true
    while true {
      switch next {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"): break
      case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): isWhole = false
      default:
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let value = Int(text) { return .int(value) }
        if let value = Double(text), value.isFinite { return .double(value) }
        position = start
        throw error("a value")
      }
      position += 1
    }
  }

  private mutating func string() throws(JSON.SyntaxError) -> String {
    position += 1
    let start = position
    while next >= 0x20, next != UInt8(ascii: "\""), next != UInt8(ascii: "\\") { position += 1 }
    var text = String(decoding: bytes[start..<position], as: UTF8.self)
    while !take("\"") {
      if take("\\") {
        text.unicodeScalars.append(try escaped())
      } else {
        let start = position
        while next >= 0x20, next != UInt8(ascii: "\""), next != UInt8(ascii: "\\") { position += 1 }
        guard position > start else { throw error("the end of a string") }
        text += String(decoding: bytes[start..<position], as: UTF8.self)
      }
    }
    return text
  }

  private mutating func escaped() throws(JSON.SyntaxError) -> Unicode.Scalar {
    let letter = next
    position += 1
    switch letter {
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
    case UInt8(ascii: "u"):
      let first = try hexadecimal()
      guard (0xD800..<0xDC00).contains(first) else { return Unicode.Scalar(first) ?? "\u{FFFD}" }
      guard take("\\"), take("u") else { throw error("the second half of a surrogate pair") }
      let second = try hexadecimal()
      guard (0xDC00..<0xE000).contains(second) else { throw error("the second half of a surrogate pair") }
      return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? "\u{FFFD}"
    default: throw error("an escape")
    }
  }

  private mutating func hexadecimal() throws(JSON.SyntaxError) -> UInt32 {
    guard position + 4 <= bytes.count,
      let value = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
    else { throw error("four hexadecimal digits") }
    position += 4
    return value
  }
}
