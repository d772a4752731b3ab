import RecipeSyntax

extension Expectation {
  /// An entry of `expect`; nil after reporting what is wrong with it.
  init?(_ key: Name, _ node: Node, into problems: inout Problems) {
    let parts = key.text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.allSatisfy(Name.isIdentifier) else {
      problems.report(
        "'\(key.text)' is not the name of a measure", at: key.location, hint: "such names are s_dir, or judge.tanned")
      return nil
    }
    guard let text = node.scalar?.text, let comparison = Comparison(text) else {
      problems.report(
        "the expectation of '\(key.text)' must be a comparison, not \(node.summary)", at: node.location,
        hint: "write \"> 0.15\", \">= 0.15\", \"< 0.2\", \"<= 0.2\", \"== 1\", \"0.1..0.2\" or \"0.15 ± 0.01\"",
        notes: node.notes)
      return nil
    }
    self.init(measure: key.text, comparison: comparison, text: text, location: key.location)
  }
}

extension Expectation.Comparison {
  /// `> 0.15`, `>= 0.15`, `< 0.2`, `<= 0.2`, `== 1`, `0.1..0.2`, `0.15 ± 0.01` or `0.15 +- 0.01`; nil for other texts.
  package init?(_ text: String) {
    // Two letters before one, so that `>=` is not taken for `>`.
    let operators: [(String, @Sendable (Double) -> Self)] = [
      (">=", Self.atLeast), ("<=", Self.atMost), ("==", Self.equal), (">", Self.greater), ("<", Self.less),
    ]
    for (sign, make) in operators where text.trimmed.hasPrefix(sign) {
      guard let number = text.trimmed.dropFirst(sign.count).number else { return nil }
      self = make(number)
      return
    }
    if let sign = text.firstRange(of: "..") {
      guard let low = text[..<sign.lowerBound].number, let high = text[sign.upperBound...].number, low <= high else {
        return nil
      }
      self = .within(low...high)
      return
    }
    guard let sign = text.firstRange(of: "±") ?? text.firstRange(of: "+-"),
      let target = text[..<sign.lowerBound].number,
      let tolerance = text[sign.upperBound...].number, tolerance >= 0
    else { return nil }
    self = .near(target, tolerance: tolerance)
  }
}

extension StringProtocol {
  /// The finite decimal number that this is, spaces around it aside.
  fileprivate var number: Double? {
    guard trimmed.allSatisfy({ "0123456789+-.eE".contains($0) }), let value = Double(trimmed), value.isFinite else {
      return nil
    }
    return value
  }
}
