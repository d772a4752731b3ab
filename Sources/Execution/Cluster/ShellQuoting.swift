import Foundation

extension String {
  /// As one word of a bash command.
  public var shellQuoted: String {
    let isPlain = !isEmpty && utf8.allSatisfy { "_-+./:=,@%".utf8.contains($0) || isLetterOrDigit($0) }
    if isPlain { return self }
    guard unicodeScalars.contains(where: \.isControl) else { return "'" + replacing("'", with: "'\\''") + "'" }
    let escaped = unicodeScalars.map { scalar -> String in
      if scalar.isControl { return String(format: "\\x%02x", scalar.value) }
      return scalar == "'" || scalar == "\\" ? "\\\(scalar)" : "\(scalar)"
    }
    return "$'" + escaped.joined() + "'"
  }

  /// Without line ends and other control characters, as for a comment.
  var onOneLine: String { String(String.UnicodeScalarView(unicodeScalars.map { $0.isControl ? " " : $0 })) }

  private func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & ~0x20)
  }
}

extension Unicode.Scalar {
  fileprivate var isControl: Bool { properties.generalCategory == .control || value == 0x2028 || value == 0x2029 }
}
