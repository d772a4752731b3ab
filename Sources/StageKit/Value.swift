/// The value of a stage's parameter, after its declaration has been applied to what the recipe says.
///
/// A number has the type that the declaration gives it: `3` for a `.double` parameter is `.double(3)`.
public indirect enum Value: Sendable, Hashable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case list([Value])
  /// Entries in the order of their keys' UTF-8, so that the order in a recipe never matters.
  case map([Entry])

  public struct Entry: Sendable, Hashable {
    public let key: String
    public let value: Value
    public init(key: String, value: Value) { (self.key, self.value) = (key, value) }
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
  public var list: [Value]? { if case .list(let values) = self { values } else { nil } }
  public var entries: [Entry]? { if case .map(let entries) = self { entries } else { nil } }
}
