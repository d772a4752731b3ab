/// Names beside the points of a plot, so that none covers a point or another name while there is room.
struct PointLabels {
  /// What names stay inside of.
  private let frame: Rectangle
  private var taken: [Rectangle] = []
  private let style = TextStyle.caption

  init(frame: Rectangle) { self.frame = frame }

  /// Keeps names off a point.
  mutating func keepFree(_ point: Point) {
    taken.append(Rectangle(x: Int(point.x.rounded()) - 3, y: Int(point.y.rounded()) - 3, width: 7, height: 7))
  }

  /// The name at the first of the places around its point that is free: right, left, above, below, and then further away.
  mutating func line(_ name: String, beside point: Point, _ color: Color) -> TextLine {
    let (x, y) = (Int(point.x.rounded()), Int(point.y.rounded()))
    let (width, height) = (style.width(of: name), style.capitalHeight)
    let places = (0..<4).flatMap { step -> [Rectangle] in
      let gap = 7 + step * style.lineHeight
      return [
        (x + 7, y - height / 2 - step * style.lineHeight), (x + 7, y - height / 2 + step * style.lineHeight),
        (x - 7 - width, y - height / 2 - step * style.lineHeight),
        (x - 7 - width, y - height / 2 + step * style.lineHeight), (x - width / 2, y - gap - height),
        (x - width / 2, y + gap),
      ].map { Rectangle(x: $0.0, y: $0.1, width: width, height: height) }
    }
    let chosen = places.first(where: isFree) ?? places[0]
    taken.append(chosen)
    return TextLine(
      name, x: chosen.x, y: chosen.y, style: TextStyle(color: color, scale: style.scale, isBold: style.isBold))
  }

  private func isFree(_ place: Rectangle) -> Bool {
    guard place.x >= frame.x, place.y >= frame.y, place.right <= frame.right, place.bottom <= frame.bottom else {
      return false
    }
    return !taken.contains { other in
      place.x < other.right + 2 && other.x < place.right + 2 && place.y < other.bottom + 2
        && other.y < place.bottom + 2
    }
  }
}
