extension Value {
  /// The value whose ``canonical`` spelling is `canonical`; nil for any other text.
  public init?(canonical: some StringProtocol) {
    var reader = CanonicalReader(canonical)
    guard let value = reader.value(), reader.rest.isEmpty else { return nil }
    self = value
  }
}

/// Takes a canonical spelling apart from its start.
private struct CanonicalReader {
  /// How deep lists and maps may stand in each other; recipes and JSON stay far below.
  static let depth = 64

  var rest: ArraySlice<UInt8>
  private var depth = 0

  init(_ text: some StringProtocol) { rest = Array(text.utf8)[...] }

  mutating func value() -> Value? {
    guard depth < Self.depth else { return nil }
    depth += 1
    defer { depth -= 1 }
    if take("null") { return .null }
    if take("bool:true") { return .bool(true) }
    if take("bool:false") { return .bool(false) }
    if take("int:") { return Int(word()).map(Value.int) }
    if take("double:") {
      _ = word()
      return take(":") ? UInt64(word(), radix: 16).map { .double(Double(bitPattern: $0)) } : nil
    }
    if take("string:") { return counted().map(Value.string) }
    if take("list:[") {
      return elements(until: "]") { $0.value() }.map(Value.list)
    }
    if take("map:{") {
      let entries = elements(until: "}") { reader -> Value.Entry? in
        guard let key = reader.counted(), reader.take("="), let value = reader.value() else { return nil }
        return Value.Entry(key: key, value: value)
      }
      // A map has each key once, and not in two spellings of the same letters either.
      guard let entries, Set(entries.map(\.key)).count == entries.count else { return nil }
      return .map(entries)
    }
    return nil
  }

  private mutating func take(_ text: StaticString) -> Bool {
    let bytes = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    guard rest.starts(with: bytes) else { return false }
    rest = rest.dropFirst(bytes.count)
    return true
  }

  /// What stands before the next sign that ends a number.
  private mutating func word() -> String {
    let bytes = rest.prefix { !":,]}".utf8.contains($0) }
    rest = rest.dropFirst(bytes.count)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A text behind its length in bytes.
  private mutating func counted() -> String? {
    guard let count = Int(word()), count >= 0, take(":"), rest.count >= count else { return nil }
    defer { rest = rest.dropFirst(count) }
    return String(decoding: rest.prefix(count), as: UTF8.self)
  }

  private mutating func elements<Element>(
    until end: StaticString, _ element: (inout CanonicalReader) -> Element?
  ) -> [Element]? {
    var elements: [Element] = []
    while !take(end) {
      guard elements.isEmpty || take(","), let next = element(&self) else { return nil }
      elements.append(next)
    }
    return elements
  }
}
