/// Where text stands relative to its anchor.
enum TextAlignment { case leading, center, trailing }

/// How text looks.
struct TextStyle {
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

  /// `text` broken between words into lines that fit into `width`, and inside of a word that is longer.
  func wrap(_ text: String, width: Int) -> [String] {
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

// Drawing clips: what falls outside of the picture is left out.
extension Image {
  /// Fills the rectangle with its top left corner at (`x`, `y`).
  mutating func fill(x: Int, y: Int, width: Int, height: Int, _ color: Color) {
    for row in max(y, 0)..<max(min(y + height, self.height), max(y, 0)) {
      for column in max(x, 0)..<max(min(x + width, self.width), max(x, 0)) { self[column, row] = color }
    }
  }

  /// Copies `picture` with its top left corner to (`x`, `y`).
  mutating func draw(_ picture: Image, x: Int, y: Int) {
    let columns = max(0, -x)..<max(min(picture.width, width - x), max(0, -x))
    for row in 0..<picture.height where row + y >= 0 && row + y < height {
      let source = (row * picture.width + columns.lowerBound) * 3
      let target = ((row + y) * width + x + columns.lowerBound) * 3
      pixels.replaceSubrange(
        target..<target + columns.count * 3, with: picture.pixels[source..<source + columns.count * 3])
    }
  }

  /// Writes one line of text. `y` is the top of its capitals; `x` its left end, middle or right end.
  mutating func draw(_ text: String, x: Int, y: Int, style: TextStyle = .body, align: TextAlignment = .leading) {
    let width = style.width(of: text)
    let left =
      switch align {
      case .leading: x
      case .center: x - width / 2
      case .trailing: x - width
      }
    style.forEachPixel(of: text) { plot(left + $0, y + $1, style.color) }
  }

  /// Writes one line of text upwards. `x` is the top of its capitals, to the left; `y` its middle.
  mutating func drawUpwards(_ text: String, x: Int, y: Int, style: TextStyle = .body) {
    let bottom = y + style.width(of: text) / 2
    style.forEachPixel(of: text) { plot(x + $1, bottom - $0, style.color) }
  }

  private mutating func plot(_ x: Int, _ y: Int, _ color: Color) {
    if x >= 0 && x < width && y >= 0 && y < height { self[x, y] = color }
  }
}

// MARK: - Smooth lines

/// A point in pixels; a pixel's centre is at its column and row.
struct Point: Equatable {
  var x, y: Double

  /// The distance to the segment from `a` to `b`.
  func distance(toSegment a: Point, _ b: Point) -> Double {
    let (dx, dy) = (b.x - a.x, b.y - a.y)
    let lengthSquared = dx * dx + dy * dy
    let along = lengthSquared == 0 ? 0 : min(max(((x - a.x) * dx + (y - a.y) * dy) / lengthSquared, 0), 1)
    let (ex, ey) = (x - a.x - along * dx, y - a.y - along * dy)
    return (ex * ex + ey * ey).squareRoot()
  }
}

/// How much of each pixel in a rectangle is covered by what one colour draws.
///
/// Strokes of a line that overlap, as they do at each of its points, cover a pixel once.
struct Coverage {
  let x, y, width, height: Int
  private var cover: [Float]

  /// Nothing is covered yet; what falls outside of the rectangle is left out.
  init(x: Int, y: Int, width: Int, height: Int) {
    (self.x, self.y, self.width, self.height) = (x, y, width, height)
    cover = [Float](repeating: 0, count: width * height)
  }

  /// Covers a line of the given thickness with round ends; a dot where both ends are the same.
  mutating func add(from start: Point, to end: Point, thickness: Double) {
    let reach = thickness / 2 + 1
    guard
      let columns = Self.span(start.x, end.x, reach, x, width), let rows = Self.span(start.y, end.y, reach, y, height)
    else { return }
    for row in rows {
      for column in columns {
        let distance = Point(x: Double(column), y: Double(row)).distance(toSegment: start, end)
        let covered = Float(min(max(thickness / 2 + 0.5 - distance, 0), 1))
        let index = (row - y) * width + column - x
        cover[index] = max(cover[index], covered)
      }
    }
  }

  /// The pixels within `reach` of [a, b], clipped.
  private static func span(_ a: Double, _ b: Double, _ reach: Double, _ start: Int, _ count: Int) -> Range<Int>? {
    let lower = max(min(a, b) - reach, Double(start)).rounded(.down)
    let upper = min(max(a, b) + reach, Double(start + count - 1)).rounded(.up)
    return lower <= upper ? max(Int(lower), start)..<min(Int(upper) + 1, start + count) : nil
  }

  /// Paints what is covered. The rectangle must lie inside of `image`.
  func paint(_ color: Color, onto image: inout Image) {
    for row in 0..<height {
      for column in 0..<width where cover[row * width + column] > 0 {
        let under = image[x + column, y + row]
        image[x + column, y + row] = color.over(under, cover: cover[row * width + column])
      }
    }
  }
}
