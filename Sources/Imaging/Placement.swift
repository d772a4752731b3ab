/// Where a picture lies in the one that it was cut out of: what brings it back there.
///
/// Positions are in pixels from the top left corner of a picture, of which pixel i covers [i, i+1).
public struct Placement: Sendable, Equatable {
  /// A position in the picture that was cut, which may lie outside of it.
  public struct Point: Sendable, Equatable {
    public var x, y: Double

    public init(x: Double, y: Double) {
      self.x = x
      self.y = y
    }
  }

  /// The name of the picture that was cut.
  public let source: String
  /// Its size, upright.
  public let sourceWidth, sourceHeight: Int
  /// The size of what was cut out.
  public let width, height: Int
  /// Where corners of what was cut out lie in the picture; the fourth one follows: it is a parallelogram.
  public let topLeft, topRight, bottomLeft: Point

  /// Nil where it has no area, or a number is not finite or too large for any picture.
  public init?(
    source: String, sourceWidth: Int, sourceHeight: Int, width: Int, height: Int, topLeft: Point, topRight: Point,
    bottomLeft: Point
  ) {
    let sides = [sourceWidth, sourceHeight, width, height]
    let places = [topLeft, topRight, bottomLeft].flatMap { [$0.x, $0.y] }
    // Also false for what is not a number.
    guard sides.allSatisfy({ $0 > 0 && $0 <= Image.maximumPixelCount }), places.allSatisfy({ abs($0) < 1e7 }) else {
      return nil
    }
    let across = (x: topRight.x - topLeft.x, y: topRight.y - topLeft.y)
    let down = (x: bottomLeft.x - topLeft.x, y: bottomLeft.y - topLeft.y)
    guard abs(across.x * down.y - across.y * down.x) > 1e-6 else { return nil }
    self.source = source
    self.sourceWidth = sourceWidth
    self.sourceHeight = sourceHeight
    self.width = width
    self.height = height
    self.topLeft = topLeft
    self.topRight = topRight
    self.bottomLeft = bottomLeft
  }

  /// Where in the picture that was cut the position (`x`, `y`) of what was cut out lies.
  public func inSource(x: Double, y: Double) -> Point {
    let (u, v) = (x / Double(width), y / Double(height))
    return Point(
      x: topLeft.x + u * (topRight.x - topLeft.x) + v * (bottomLeft.x - topLeft.x),
      y: topLeft.y + u * (topRight.y - topLeft.y) + v * (bottomLeft.y - topLeft.y))
  }

  /// Where in what was cut out the position (`x`, `y`) of the picture lies, which may be outside of it.
  public func inCutOut(x: Double, y: Double) -> Point {
    let across = (x: topRight.x - topLeft.x, y: topRight.y - topLeft.y)
    let down = (x: bottomLeft.x - topLeft.x, y: bottomLeft.y - topLeft.y)
    let area = across.x * down.y - across.y * down.x
    let (dx, dy) = (x - topLeft.x, y - topLeft.y)
    return Point(
      x: (dx * down.y - dy * down.x) / area * Double(width), y: (across.x * dy - across.y * dx) / area * Double(height))
  }
}
