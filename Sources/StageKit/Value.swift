/// The value of a stage's parameter, after its declaration has been applied to what the recipe says.
///
/// A number has the type that the declaration gives it: `3` for a `.double` parameter is `.double(3)`.
public indirect enum Value: Sendable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case list([Value])
  /// Entries in the order of their keys' UTF-8, so that the order in a recipe never matters.
  case map([Entry])

  public struct Entry: Sendable {
    public let key: String
    public let value: Value
    public init(key: String, value: Value) {
      self.key = key
      self.value = value
    }
  }

  /// A map whose entries are put in canonical order.
  public static func map(_ entries: [String: Value]) -> Value {
    .map(
      entries.sorted { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) }.map {
        Entry(key: $0.key, value: $0.value)
      })
  }

  /// One spelling per value, with its type: what a preimage is made of.
  ///
  /// Doubles are written by bit pattern as well as in decimal, so that no two values share a spelling.
  public var canonical: String {
    switch self {
    case .null: "null"
    case .bool(let value): "bool:\(value)"
    case .int(let value): "int:\(value)"
    case .double(let value): "double:\(value):\(String(value.bitPattern, radix: 16))"
    case .string(let value): "string:\(value.utf8.count):\(value)"
    case .list(let values): "list:[" + values.map(\.canonical).joined(separator: ",") + "]"
    case .map(let entries):
      "map:{" + entries.map { "\($0.key.utf8.count):\($0.key)=\($0.value.canonical)" }.joined(separator: ",") + "}"
    }
  }

  public var int: Int? { if case .int(let value) = self { value } else { nil } }
  /// The number, whichever of the two number types it has.
  public var double: Double? {
    switch self {
    case .double(let value): value
    case .int(let value): Double(value)
    default: nil
    }
  }
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  /// Whether it is a text, a number, or true or false.
  public var isScalar: Bool { string != nil || double != nil || bool != nil }
  public var list: [Value]? { if case .list(let values) = self { values } else { nil } }
  public var entries: [Entry]? { if case .map(let entries) = self { entries } else { nil } }
}

// MARK: - Equality

/// Texts are the same where their bytes are: Swift's own equality of strings takes the composed and the decomposed form
/// of a letter for one, which are two prompts to a tokenizer.
extension Value: Hashable {
  public static func == (a: Value, b: Value) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.int(let a), .int(let b)): a == b
    case (.double(let a), .double(let b)): a == b
    case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
    case (.list(let a), .list(let b)): a == b
    case (.map(let a), .map(let b)): a == b
    default: false
    }
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .null: hasher.combine(0)
    case .bool(let value): hasher.combine(value)
    case .int(let value): hasher.combine(value)
    case .double(let value): hasher.combine(value)
    case .string(let value): value.hashBytes(into: &hasher)
    case .list(let values): hasher.combine(values)
    case .map(let entries): hasher.combine(entries)
    }
  }
}

extension Value.Entry: Hashable {
  public static func == (a: Value.Entry, b: Value.Entry) -> Bool {
    a.key.utf8.elementsEqual(b.key.utf8) && a.value == b.value
  }

  public func hash(into hasher: inout Hasher) {
    key.hashBytes(into: &hasher)
    hasher.combine(value)
  }
}

extension String {
  fileprivate func hashBytes(into hasher: inout Hasher) {
    var text = self
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
