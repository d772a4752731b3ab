extension Escape {
  /// A cell of a CSV file (RFC 4180).
  package static func csv(_ cell: String) -> String {
    guard cell.utf8.contains(where: { ",\"\n\r".utf8.contains($0) }) else { return cell }
    return "\"" + replacing(in: cell) { $0 == "\"" ? "\"\"" : nil } + "\""
  }

  /// A cell of a table of GitHub's Markdown, or a text on one line of it.
  package static func markdown(_ text: String) -> String {
    let scalars = Array(visible(text).unicodeScalars)
    var escaped = String.UnicodeScalarView()
    for (place, scalar) in scalars.enumerated() {
      let (before, after) = (place > 0 ? scalars[place - 1] : " ", place + 1 < scalars.count ? scalars[place + 1] : " ")
      switch scalar {
      case "\\", "|", "*", "`", "<", "~", "$", "&": escaped.append(contentsOf: ["\\", scalar])
      // Inside of a word it means nothing, and names are full of it.
      case "_" where !before.isInWord || !after.isInWord: escaped.append(contentsOf: ["\\", scalar])
      // A link or a picture.
      case "]" where after == "(" || after == "[" || after == ":", "[" where before == "!":
        escaped.append(contentsOf: ["\\", scalar])
      // A name, the number of an issue, an address: what stands between keeps them from calling somebody or leading there.
      case "@" where after.isInWord, "#" where "0"..."9" ~= after, ":" where after == "/":
        escaped.append(contentsOf: "\(scalar)<!-- -->".unicodeScalars)
      case "\n" where before == "\r": break
      case "\n", "\r": escaped.append(contentsOf: "<br>".unicodeScalars)
      default: escaped.append(scalar)
      }
    }
    return String(escaped)
  }

  /// A name as code in Markdown: where it has the sign that ends code, as a text.
  package static func markdownCode(_ name: String) -> String {
    let line = onOneLine(name)
    return line.has("`") || line.isEmpty ? markdown(line) : "`" + line + "`"
  }

  /// Text of LaTeX, in a cell too.
  package static func latex(_ text: String) -> String {
    var last: Unicode.Scalar?
    return replacing(in: onOneLine(text)) { scalar in
      defer { last = scalar }
      switch scalar {
      case "&", "%", "$", "#", "_", "{", "}": return "\\" + String(scalar)
      case "~": return "\\textasciitilde{}"
      case "^": return "\\textasciicircum{}"
      case "\\": return "\\textbackslash{}"
      case "<": return "\\textless{}"
      case ">": return "\\textgreater{}"
      case "|": return "\\textbar{}"
      case "\"": return "\\symbol{34}"
      // What ends a row takes a star or a bracket behind it for its own; braces keep them apart.
      case "*": return "{*}"
      case "[": return "{[}"
      // Of two in a row one sign would be made.
      case "-", "'", "`", ",": return last == scalar ? "{}" + String(scalar) : nil
      default: return nil
      }
    }
  }
}

extension Unicode.Scalar {
  fileprivate var isInWord: Bool { properties.isAlphabetic || properties.numericType != nil || self == "_" }
}
