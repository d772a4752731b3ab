extension [Unicode.Scalar] {
  /// In Unicode's normal form C (UAX #15).
  ///
  /// By the standard library: Foundation's `precomposedStringWithCanonicalMapping` leaves some Korean syllables apart.
  /// Runs of combining marks are sorted before, which takes the library time that grows with their square.
  var canonicallyComposed: [Unicode.Scalar] {
    guard !allSatisfy(\.isASCII) else { return self }
    var scalars = replacing(Self.vowels)
    var position = 0
    while position < scalars.count {
      let end = scalars[position...].firstIndex { $0.combiningClass == 0 } ?? scalars.count
      if end - position > 1 { scalars[position..<end].sort { $0.combiningClass < $1.combiningClass } }
      position = end + 1
    }
    let text = String(String.UnicodeScalarView(scalars))
    return [Unicode.Scalar](String(decoding: text._nfcCodeUnits, as: UTF8.self).unicodeScalars)
  }

  /// Tibetan vowels of two marks, which count as no marks themselves and are never composed.
  private static let vowels: [Unicode.Scalar: [Unicode.Scalar]] = [
    "\u{F73}": ["\u{F71}", "\u{F72}"], "\u{F75}": ["\u{F71}", "\u{F74}"], "\u{F81}": ["\u{F71}", "\u{F80}"],
  ]
}

extension [Unicode.Scalar] {
  /// With other characters for those that `forms` names.
  func replacing(_ forms: [Unicode.Scalar: [Unicode.Scalar]]) -> [Unicode.Scalar] {
    reduce(into: []) { result, scalar in
      if let form = forms[scalar] { result += form } else { result.append(scalar) }
    }
  }
}

extension Unicode.Scalar {
  fileprivate var combiningClass: UInt8 { properties.canonicalCombiningClass.rawValue }
}
