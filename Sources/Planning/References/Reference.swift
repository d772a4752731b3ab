import RecipeSyntax

/// A reference as it is written: `stage`, `stage.port`, `stage[axis=value].port`, `use.output`.
struct Reference {
  let name: String
  /// What it picks from sweeps.
  let selection: [(axis: String, value: String)]
  /// What stands behind the point.
  let port: String?

  /// Nil for a text with brackets that do not close, that are behind a point, or that have no `axis=value` in them.
  init?(_ text: String) {
    guard let open = text.firstIndex(of: "[") else {
      let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      (name, selection, port) = (parts[0], [], parts.count > 1 ? parts[1] : nil)
      return
    }
    guard let close = text.lastIndex(of: "]"), open < close, !text[..<open].contains(".") else { return nil }
    let rest = text[text.index(after: close)...]
    guard rest.isEmpty || (rest.first == "." && rest.count > 1) else { return nil }
    // A comma in front of something without `=` belongs to the value before it.
    var pieces: [String] = []
    for piece in text[text.index(after: open)..<close].split(separator: ",", omittingEmptySubsequences: false) {
      if piece.contains("=") {
        pieces.append(String(piece))
      } else if pieces.isEmpty {
        return nil
      } else {
        pieces[pieces.count - 1] += "," + piece
      }
    }
    name = String(text[..<open])
    selection = pieces.map { piece in
      let parts = piece.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(\.trimmed)
      return (String(parts[0]), String(parts[1]))
    }
    port = rest.isEmpty ? nil : String(rest.dropFirst())
  }
}

extension StringProtocol {
  /// Without the white space around it.
  var trimmed: SubSequence {
    let start = self.drop(while: \.isWhitespace)
    let count = start.reversed().drop(while: \.isWhitespace).count
    return self[start.startIndex..<start.index(start.startIndex, offsetBy: count)]
  }
}
