extension Sequence<String> {
  /// Those that are not in `others`, in their order.
  package func missing(from others: Set<String>) -> [String] { filter { !others.contains($0) } }
}

extension Collection<String> {
  /// The first few, as a message names them: `'ada', 'bob' and 4 more`.
  package var quoted: String {
    prefix(5).map { "'\($0)'" }.joined(separator: ", ") + (count > 5 ? " and \(count - 5) more" : "")
  }
}
