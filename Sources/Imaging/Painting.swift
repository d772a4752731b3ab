// What falls outside of the picture is left out.
extension Image {
  /// Fills a rectangle.
  mutating func paint(_ rectangle: Rectangle, _ color: Color) {
    for row in max(rectangle.y, 0)..<max(min(rectangle.bottom, height), max(rectangle.y, 0)) {
      for column in max(rectangle.x, 0)..<max(min(rectangle.right, width), max(rectangle.x, 0)) {
        self[column, row] = color
      }
    }
  }

  /// Copies `picture` with its top left corner to (`x`, `y`).
  mutating func paint(_ picture: Image, x: Int, y: Int) {
    let columns = max(0, -x)..<max(min(picture.width, width - x), max(0, -x))
    for row in 0..<picture.height where row + y >= 0 && row + y < height {
      let source = (row * picture.width + columns.lowerBound) * 3
      let target = ((row + y) * width + x + columns.lowerBound) * 3
      pixels.replaceSubrange(
        target..<target + columns.count * 3, with: picture.pixels[source..<source + columns.count * 3])
    }
  }

  /// Writes one line of text.
  mutating func paint(_ text: TextLine) {
    let width = text.style.width(of: text.text)
    let start =
      switch text.alignment {
      case .leading: 0
      case .center: width / 2
      case .trailing: width
      }
    text.style.forEachPixel(of: text.text) { x, y in
      if text.isUpward {
        plot(text.x + y, text.y + start - x, text.style.color)
      } else {
        plot(text.x - start + x, text.y + y, text.style.color)
      }
    }
  }

  /// Draws a curve.
  mutating func paint(_ curve: Polyline) {
    var coverage = Coverage(curve.bounds)
    for run in curve.runs {
      var last = run[0]
      for point in run {
        coverage.add(from: last, to: point, thickness: curve.thickness)
        if let diameter = curve.dotDiameter { coverage.add(from: point, to: point, thickness: diameter) }
        last = point
      }
    }
    coverage.paint(curve.color, onto: &self)
  }

  private mutating func plot(_ x: Int, _ y: Int, _ color: Color) {
    if x >= 0 && x < width && y >= 0 && y < height { self[x, y] = color }
  }
}

// MARK: - Smooth lines

extension Point {
  /// The distance to the segment from `a` to `b`.
  func distance(toSegment a: Point, _ b: Point) -> Double {
    let (dx, dy) = (b.x - a.x, b.y - a.y)
    let lengthSquared = dx * dx + dy * dy
    let along = lengthSquared == 0 ? 0 : min(max(((x - a.x) * dx + (y - a.y) * dy) / lengthSquared, 0), 1)
    let (ex, ey) = (x - a.x - along * dx, y - a.y - along * dy)
    return (ex * ex + ey * ey).squareRoot()
  }
}

/// How much of each pixel in a rectangle is covered by what one color draws.
///
/// Strokes of a line that overlap, as they do at each of its points, cover a pixel once.
struct Coverage {
  private let x, y, width, height: Int
  private var cover: [Float]

  /// Nothing is covered yet; what falls outside of the rectangle is left out.
  init(_ rectangle: Rectangle) {
    x = rectangle.x
    y = rectangle.y
    width = rectangle.width
    height = rectangle.height
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
