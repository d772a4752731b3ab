/// Texts from outside as parts of other languages: one function for each.
///
/// Swift compares and searches strings by `Character`. A sign with a combining mark behind it, or a prepended mark before
/// it, is another `Character`: a search for `"<"` does not find that one, while every browser, shell and parser does. So
/// all of this looks at Unicode scalars.
package enum Escape {
  /// `text` with every scalar for which `replacement` has something replaced by that.
  static func replacing(in text: String, _ replacement: (Unicode.Scalar) -> String?) -> String {
    var escaped = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if let replacement = replacement(scalar) {
        escaped.append(contentsOf: replacement.unicodeScalars)
      } else {
        escaped.append(scalar)
      }
    }
    return String(escaped)
  }

  /// A scalar that would do something to those who look at it, as a text that says which it is: `\u{1B}`.
  static func named(_ scalar: Unicode.Scalar) -> String {
    "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
  }

  /// `text` with what nobody can see, or what changes how the rest is seen, made visible. White space stays.
  static func visible(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: \.isTreacherous) else { return text }
    return replacing(in: text) { $0.isTreacherous ? named($0) : nil }
  }
}

extension Unicode.Scalar {
  /// A control code but tab and line end; a line end that few know; an override, embedding or isolate of the direction of
  /// writing; or no character at all.
  package var isTreacherous: Bool {
    switch value {
    case 0x09, 0x0A, 0x0D: false
    case ..<0x20, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069, 0xFDD0...0xFDEF: true
    default: value & 0xFFFE == 0xFFFE
    }
  }

  /// Whether a line ends here for somebody.
  package var endsLine: Bool {
    switch value {
    case 0x0A...0x0D, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }

  /// Whether it joins what stands before it.
  var isMark: Bool {
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark: true
    default: false
    }
  }
}
