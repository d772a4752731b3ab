extension Escape {
  /// One word of a bash command.
  package static func shell(_ text: String) -> String {
    let isPlain = !text.isEmpty && text.utf8.allSatisfy { "_-+./:=,@%".utf8.contains($0) || isLetterOrDigit($0) }
    if isPlain { return text }
    guard text.unicodeScalars.contains(where: \.isHiddenInScripts) else {
      return "'" + replacing(in: text) { $0 == "'" ? "'\\''" : nil } + "'"
    }
    let escaped = replacing(in: text) { scalar in
      if scalar.isHiddenInScripts {
        return String(scalar).utf8.map { "\\x" + hexadecimal(UInt32($0), digits: 2) }.joined().lowercased()
      }
      return scalar == "'" || scalar == "\\" ? "\\" + String(scalar) : nil
    }
    return "$'" + escaped + "'"
  }

  /// A string of Python, quotes included. JSON has the same ones.
  package static func python(_ text: String) -> String {
    let escaped = replacing(in: text) { scalar in
      switch scalar {
      case "\"", "\\": return "\\" + String(scalar)
      case "\n": return "\\n"
      case "\t": return "\\t"
      case "\r": return "\\r"
      default:
        guard scalar.isHiddenInScripts else { return nil }
        return scalar.value > 0xFFFF
          ? "\\U" + hexadecimal(scalar.value, digits: 8) : "\\u" + hexadecimal(scalar.value, digits: 4)
      }
    }
    return "\"" + escaped + "\""
  }

  /// A command as a part of a string of Python in a `shell` directive of Snakemake, in which braces are Snakemake's.
  package static func snakemakeShell(_ command: String) -> String {
    let quoted = replacing(in: python(command)) { scalar in
      switch scalar {
      case "{": "{{"
      case "}": "}}"
      default: nil
      }
    }
    return String(quoted.unicodeScalars.dropFirst().dropLast())
  }

  /// A text as a part of one line, such as a comment: line ends are spaces.
  package static func onOneLine(_ text: String) -> String {
    var last: Unicode.Scalar?
    let line = replacing(in: text) { scalar in
      defer { last = scalar }
      if scalar == "\n", last == "\r" { return "" }
      return scalar.endsLine || scalar == "\t" ? " " : nil
    }
    return visible(line)
  }

  /// A text on several lines as a terminal may show it: nothing in it moves the cursor, rings, or is seen at another
  /// place than where it stands.
  package static func terminal(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 < 0x20 && $0 != 0x0A || $0 > 0x7E }) else { return text }
    // A carriage return would have what follows written over what stands there.
    return visible(replacing(in: text) { $0 == "\r" ? named($0) : nil })
  }

  /// A text that is a part of a message: like ``terminal(_:)``, on one line.
  package static func message(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 < 0x20 || $0 > 0x7E }) else { return text }
    return terminal(replacing(in: text) { $0.endsLine ? named($0) : nil })
  }

  /// JSON on its way to a terminal: the same value, in which nothing does something.
  package static func jsonOnTerminal(_ json: String) -> String {
    // JSON itself escapes what comes before 0x20.
    var text = json
    // Of many megabytes, mostly; without a branch, many bytes are looked at at once.
    let isPlain = text.withUTF8 { bytes in bytes.reduce(UInt8(0)) { max($0, $1) } <= 0x7E }
    if isPlain { return json }
    return replacing(in: json) { scalar in
      guard scalar.isTreacherous else { return nil }
      guard scalar.value > 0xFFFF else { return "\\u" + hexadecimal(scalar.value, digits: 4).lowercased() }
      let (high, low) = ((scalar.value - 0x10000) >> 10 + 0xD800, (scalar.value - 0x10000) & 0x3FF + 0xDC00)
      return "\\u\(hexadecimal(high, digits: 4))\\u\(hexadecimal(low, digits: 4))".lowercased()
    }
  }
}

extension Unicode.Scalar {
  /// What a reader of a script would not see, or would see as the end of a line.
  fileprivate var isHiddenInScripts: Bool { isTreacherous || value < 0x20 }
}
