extension Escape {
  /// The content of an element of HTML, XML or SVG.
  package static func markup(_ text: String) -> String { markup(text, keepingWhiteSpace: true) }

  /// The value of an attribute of HTML, XML or SVG, between quotes of either kind. White space keeps its kind.
  package static func attribute(_ text: String) -> String { markup(text, keepingWhiteSpace: false) }

  private static func markup(_ text: String, keepingWhiteSpace: Bool) -> String {
    var isFirst = true
    return replacing(in: visible(text)) { scalar in
      defer { isFirst = false }
      switch scalar {
      case "&": return "&amp;"
      case "<": return "&lt;"
      case ">": return "&gt;"
      case "\"": return "&quot;"
      case "'": return "&#39;"
      // XML takes it for a line feed.
      case "\r": return "&#13;"
      case "\n", "\t": return keepingWhiteSpace ? nil : "&#\(scalar.value);"
      // It must not join the bracket or the quote in front of the text.
      default: return isFirst && scalar.isMark ? "&#\(scalar.value);" : nil
      }
    }
  }

  /// JSON as the content of a `script` element, which no text in it can end.
  package static func jsonInHTML(_ json: String) -> String {
    replacing(in: json) { scalar in
      switch scalar {
      case "<", ">", "&", "\u{2028}", "\u{2029}": "\\u" + hexadecimal(scalar.value, digits: 4)
      default: nil
      }
    }
  }

  /// The address of a file in the folder of a page: relative, whatever the name looks like.
  package static func address(ofFile name: String) -> String {
    "./"
      + name.utf8.map { byte in
        let isPlain = isLetterOrDigit(byte) || "-._/".utf8.contains(byte)
        return isPlain ? String(Unicode.Scalar(byte)) : "%" + hexadecimal(UInt32(byte), digits: 2)
      }.joined()
  }

  /// Lines of a label of a Mermaid diagram, quotes included. Mermaid knows HTML and writes entities with `#`.
  package static func mermaid(_ lines: String...) -> String {
    let escaped = lines.map { line in
      replacing(in: onOneLine(line)) { scalar in
        let isPlain = scalar.isASCII ? isLetterOrDigit(UInt8(scalar.value)) : !scalar.isMark
        return isPlain || " .,=:-_/()[]".unicodeScalars.contains(scalar) ? nil : "#\(scalar.value);"
      }
    }
    return "\"" + escaped.joined(separator: "<br/>") + "\""
  }

  /// A string of Graphviz's language, quotes included. Line ends are lines of a label.
  package static func dot(_ text: String) -> String {
    let escaped = replacing(in: visible(text)) { scalar in
      switch scalar {
      case "\"": "\\\""
      case "\\": "\\\\"
      case "\n": "\\n"
      case "\r": "\\r"
      // Graphviz reads entities of HTML in labels.
      case "&": "&amp;"
      default: nil
      }
    }
    return "\"" + escaped + "\""
  }

  static func hexadecimal(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
  }

  package static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & ~0x20)
  }
}
