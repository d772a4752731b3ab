extension String {
  /// What one of several is called that are made of an item: `ada-2`.
  package func part(_ number: Int) -> String { "\(self)-\(number)" }

  /// What the item is called that one of this name may be a part of: `ada` for `ada-2`.
  package var wholeOfPart: String? {
    let digits = utf8.reversed().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    let rest = utf8.dropLast(digits.count)
    guard let first = digits.last, first != UInt8(ascii: "0"), rest.count > 1, rest.last == UInt8(ascii: "-") else {
      return nil
    }
    return String(decoding: rest.dropLast(), as: UTF8.self)
  }
}

extension Sequence<String> {
  /// Those that are not in `others`, in their order.
  package func missing(from others: Set<String>) -> [String] { filter { !others.contains($0) } }
}

extension Collection<String> {
  /// The first few, as a message names them: `'ada', 'bob' and 4 more`.
  package var quoted: String { quoted(upTo: 5) }

  /// The first `limit` of them, as a message names them; "none" for none.
  package func quoted(upTo limit: Int) -> String {
    guard !isEmpty else { return "none" }
    return prefix(limit).map { "'\($0)'" }.joined(separator: ", ")
      + (count > limit ? " and \(count - limit) more" : "")
  }
}
