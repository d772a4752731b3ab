import RecipeSyntax

extension Expectation {
  /// An entry of `expect`; nil after reporting what is wrong with it.
  init?(_ key: Name, _ node: Node, into problems: inout Problems) {
    let parts = key.text.unicodeScalars.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.allSatisfy({ Name.isIdentifier(String($0)) }) else {
      problems.report(
        "'\(key.text)' is not the name of a measure", at: key.location, hint: "such names are s_dir, or s_dir.min_step")
      return nil
    }
    // What a baseline's number is shows once the stage has its place.
    guard let text = node.scalar?.text, let comparison = Comparison(text) ?? Comparison(text, baseline: 0) else {
      problems.report(
        "the expectation of '\(key.text)' must be a comparison, not \(node.summary)", at: node.location,
        suggestion: node.scalar.flatMap { Comparison.meant(by: $0.text) },
        hint: "write " + Self.forms.dropLast().map { "\"\($0.text)\"" }.joined(separator: ", ")
          + (Self.forms.last.map { " or \"\($0.text)\"" } ?? ""),
        notes: node.notes)
      return nil
    }
    self.init(measure: key.text, comparison: comparison, text: text, location: key.location)
  }
}

extension Expectation.Comparison {
  /// `> 0.15`, `>= 0.15`, `< 0.2`, `<= 0.2`, `== 1`, `0.1..0.2`, `0.15 ± 0.01` or `0.15 +- 0.01`; nil for other texts.
  /// - Parameter baseline: what `baseline`, `baseline + 0.01` or `baseline - 0.01` in the place of a number stand for.
  package init?(_ text: String, baseline: Double? = nil) {
    // Two letters before one, so that `>=` is not taken for `>`.
    let operators: [(String, @Sendable (Double) -> Self)] = [
      (">=", Self.atLeast), ("<=", Self.atMost), ("==", Self.equal), (">", Self.greater), ("<", Self.less),
    ]
    let text = Array(text.trimmed.utf8)
    for (sign, make) in operators where text.starts(with: sign.utf8) {
      guard let number = Self.number(text.dropFirst(sign.utf8.count), baseline) else { return nil }
      self = make(number)
      return
    }
    if let (low, high) = Self.numbers(text, around: "..", baseline) {
      guard low <= high else { return nil }
      self = .within(low...high)
      return
    }
    guard
      let (target, tolerance) = Self.numbers(text, around: "±", baseline) ?? Self.numbers(text, around: "+-", baseline),
      tolerance >= 0
    else { return nil }
    self = .near(target, tolerance: tolerance)
  }

  /// The numbers on both sides of the only place of `sign`.
  private static func numbers(_ text: [UInt8], around sign: String, _ baseline: Double?) -> (Double, Double)? {
    guard let place = text.firstRange(of: Array(sign.utf8)), let first = number(text[..<place.lowerBound], baseline),
      let second = number(text[place.upperBound...], baseline)
    else { return nil }
    return (first, second)
  }

  /// A number, or `baseline` with or without one that is added to it or taken from it.
  private static func number(_ bytes: some Collection<UInt8>, _ baseline: Double?) -> Double? {
    let text = String(decoding: bytes, as: UTF8.self).trimmed
    let word = "baseline"
    guard let baseline, text.utf8.starts(with: word.utf8) else { return number(bytes) }
    let rest = String(decoding: text.utf8.dropFirst(word.utf8.count), as: UTF8.self).trimmed
    guard let sign = rest.utf8.first else { return baseline }
    guard let step = number(rest.utf8.dropFirst()), step >= 0 else { return nil }
    switch sign {
    case UInt8(ascii: "+"): return baseline + step
    case UInt8(ascii: "-"): return baseline - step
    default: return nil
    }
  }

  /// A finite decimal number, spaces around it aside: as in YAML, but with a digit on both sides of the point, so that
  /// no point too many is taken for one (`0...50`).
  private static func number(_ bytes: some Collection<UInt8>) -> Double? {
    let text = String(decoding: bytes, as: UTF8.self).trimmed
    guard let value = Scalar(text, isPlain: true).value.double, value.isFinite else { return nil }
    let unsigned = text.utf8.drop { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    // Neither `.5` nor `5.`, nor the octal and hexadecimal numbers of YAML.
    let parts = unsigned.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.allSatisfy({ digits.contains($0.first ?? 0) }),
      unsigned.allSatisfy({ digits.contains($0) || ".eE+-".utf8.contains($0) })
    else { return nil }
    return value
  }

  /// What was meant by a text that is no comparison, where that can be told.
  static func meant(by text: String) -> String? {
    func isComparison(_ text: String) -> Bool { Self(text) != nil }
    // `0...50` and `0 to 50` for a range, `=> 1` and `=1` for a bound, `1e-3+/-1e-4` for a tolerance.
    let slips = [
      ("....", ".."), ("...", ".."), ("…", ".."), (" to ", ".."), ("=>", ">="), ("=<", "<="), ("≥", ">="), ("≤", "<="),
      ("===", "=="), ("=", "=="), ("+/-", "±"), ("+-", "±"),
    ]
    let text = text.trimmed
    for (slip, right) in slips {
      let bytes = Array(text.utf8)
      guard let place = bytes.firstRange(of: Array(slip.utf8)) else { continue }
      let parts = [bytes[..<place.lowerBound], bytes[place.upperBound...]].map { String(decoding: $0, as: UTF8.self) }
      let mended =
        parts[0].trimmed + right + (right == ".." || right == "±" ? parts[1].trimmed : " " + parts[1].trimmed)
      if isComparison(mended) { return mended }
    }
    return completed(text).flatMap { isComparison($0) ? $0 : nil }
  }

  /// The text with a zero beside every point that lacks a digit on one side.
  private static func completed(_ text: String) -> String? {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    let point = UInt8(ascii: ".")
    let bytes = Array(text.utf8)
    var made: [UInt8] = []
    for (index, byte) in bytes.enumerated() {
      let before = index > 0 ? bytes[index - 1] : 0
      let after = index + 1 < bytes.count ? bytes[index + 1] : 0
      guard byte == point, before != point, after != point else {
        made.append(byte)
        continue
      }
      if !digits.contains(before) { made.append(UInt8(ascii: "0")) }
      made.append(byte)
      if !digits.contains(after) { made.append(UInt8(ascii: "0")) }
    }
    return made == bytes ? nil : String(decoding: made, as: UTF8.self)
  }
}
