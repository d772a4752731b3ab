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
}
