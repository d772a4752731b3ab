/// Where text stands relative to its anchor.
enum TextAlignment: Sendable { case leading, center, trailing }

/// How text looks.
struct TextStyle: Sendable {
  var color = Color(0x222222)
  /// Pixels of the result for each pixel of the font.
  var scale = 1
  /// Drawn twice, one font pixel apart.
  var isBold = false

  static let body = TextStyle()
  static let caption = TextStyle(color: Color(0x666666))
  static let heading = TextStyle(isBold: true)

  /// The height of a line from the top of its capitals to the baseline.
  var capitalHeight: Int { Font.capitalHeight * scale }
  /// From one line's top to the next one's.
  var lineHeight: Int { (Font.height + 2) * scale }

  /// The width of `text` on one line.
  func width(of text: String) -> Int {
    max(0, text.reduce(-Font.spacing) { $0 + advance(Font.glyph($1)) }) * scale
  }

  /// Font pixels from one glyph's left edge to the next one's.
  private func advance(_ glyph: Font.Glyph) -> Int { glyph.width + (isBold ? 1 : 0) + Font.spacing }

  /// `text` broken at its own line ends, between words into lines that fit into `width`, and inside of a word that is
  /// longer.
  func wrap(_ text: String, width: Int) -> [String] {
    text.split(whereSeparator: \.isNewline).flatMap { wrapLine($0, width: width) }
  }

  private func wrapLine(_ text: Substring, width: Int) -> [String] {
    var lines: [String] = []
    for word in text.split(whereSeparator: \.isWhitespace) {
      if let last = lines.last, self.width(of: "\(last) \(word)") <= width {
        lines[lines.count - 1] = "\(last) \(word)"
        continue
      }
      var line = ""
      for character in word {
        if !line.isEmpty && self.width(of: "\(line)\(character)") > width {
          lines.append(line)
          line = ""
        }
        line.append(character)
      }
      lines.append(line)
    }
    return lines
  }

  /// Calls `plot` for every pixel of one line of `text`, relative to the top left corner of the line.
  func forEachPixel(of text: String, _ plot: (_ x: Int, _ y: Int) -> Void) {
    var left = 0
    for character in text {
      let glyph = Font.glyph(character)
      for ink in glyph.ink {
        for y in ink.y * scale..<(ink.y + 1) * scale {
          for x in (left + ink.x) * scale..<(left + ink.x + (isBold ? 2 : 1)) * scale { plot(x, y) }
        }
      }
      left += advance(glyph)
    }
  }
}
