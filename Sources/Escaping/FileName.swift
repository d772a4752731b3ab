/// Names of things as names of files.
package enum FileName {
  /// The run's own page, whatever a recipe calls its pages.
  package static let report = "report.html"

  /// The name of the file for what is called `name`: readable, no longer than file systems take, nothing that a shell
  /// would take for its own, and another one for every other name.
  ///
  /// A name of letters, digits, `.`, `_` and `-` stays as it is, and a space is a `+`. A stage's place in sweeps stands
  /// behind signs `@`: `edited[target=angry face]` is `edited@target=angry+face`. From what else there is the rest is
  /// left, and a digest behind a `~` tells it from what looks like it. None of `+`, `@` and `~` stays as it is.
  /// - Parameter digest: of the whole name, in hexadecimal digits.
  package static func safe(_ name: String, digest: (String) -> String) -> String {
    if let plain = plain(name) ?? placed(name), plain.utf8.count <= longest { return plain }
    var readable = String.UnicodeScalarView()
    var size = 0
    for scalar in name.unicodeScalars {
      size += UTF8.width(scalar)
      guard size <= longestRest else { break }
      let kept: Unicode.Scalar = isPlain(scalar) && !scalar.isMark ? scalar : "_"
      if kept != "_" || readable.last != "_" { readable.append(kept) }
    }
    if readable.first.map({ $0 == "." || $0 == "-" }) ?? true { readable.insert("_", at: readable.startIndex) }
    return String(readable) + "~" + digest(name).prefix(16)
  }

  /// File systems take 255 bytes; some are left for an extension.
  private static let longest = 200
  /// What is left of a name in front of its digest, in bytes.
  private static let longestRest = 60

  private static func plain(_ name: some StringProtocol) -> String? {
    guard let first = name.unicodeScalars.first, first != ".", first != "-" else { return nil }
    return words(name)
  }

  /// A part of a name.
  private static func words(_ text: some StringProtocol) -> String? {
    guard text.unicodeScalars.first?.isMark != true, text.unicodeScalars.allSatisfy({ isPlain($0) || $0 == " " })
    else { return nil }
    return Escape.replacing(in: String(text)) { $0 == " " ? "+" : nil }
  }

  /// A stage's id, or that and a port: `stage[axis=value,axis=value].port`.
  private static func placed(_ name: String) -> String? {
    let (open, close) = (name.unicodeScalars.firstIndex(of: "["), name.unicodeScalars.lastIndex(of: "]"))
    guard let open, let close, open < close, let stage = plain(name[..<open]) else { return nil }
    let inside = name[name.unicodeScalars.index(after: open)..<close]
    var parts = [stage]
    for axis in inside.parts(at: ",", omittingEmpty: false) {
      let sides = axis.parts(at: "=", omittingEmpty: false)
      guard sides.count == 2, let side = plain(sides[0]), let value = words(sides[1]) else { return nil }
      parts.append("\(side)=\(value)")
    }
    let rest = name[name.unicodeScalars.index(after: close)...]
    guard rest.isEmpty || rest.unicodeScalars.first == "." else { return nil }
    if !rest.isEmpty {
      guard let port = words(String(rest.unicodeScalars.dropFirst())), !port.isEmpty else { return nil }
      parts.append(port)
    }
    return parts.joined(separator: "@")
  }

  private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return Escape.isLetterOrDigit(UInt8(scalar.value)) || "._-".unicodeScalars.contains(scalar) }
    switch scalar.properties.generalCategory {
    case .lowercaseLetter, .uppercaseLetter, .titlecaseLetter, .otherLetter, .modifierLetter, .decimalNumber,
      .nonspacingMark, .spacingMark:
      // Letters that fill a line without being seen, and variation selectors.
      return !scalar.properties.isDefaultIgnorableCodePoint
    default: return false
    }
  }
}
