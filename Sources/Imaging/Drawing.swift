/// What is drawn on a white picture, in order: rendered as pixels by ``render()``, as a document by ``svg()``.
///
/// Coordinates are pixels from the top left corner, in both.
public struct Drawing: Sendable {
  enum Element: Sendable {
    case text(TextLine)
    case picture(Image, in: Rectangle)
    case fill(Rectangle, Color)
    case polyline(Polyline)
  }

  public let width: Int
  public let height: Int
  private(set) var elements: [Element] = []

  /// Nothing but white.
  /// - Parameter name: what it is to be called in an error.
  /// - Throws: ``ImagingError/tooLarge(name:width:height:)`` where it has too many pixels for one picture.
  init(width: Int, height: Int, name: String) throws(ImagingError) {
    try Image.checkSize(width: width, height: height, name: name)
    self.width = width
    self.height = height
  }

  mutating func draw(_ text: TextLine) {
    if !text.text.isEmpty { elements.append(.text(text)) }
  }

  /// Draws `picture` scaled to `rectangle`: in pixels sharp squares where that magnifies it.
  mutating func draw(_ picture: Image, in rectangle: Rectangle) { elements.append(.picture(picture, in: rectangle)) }

  mutating func fill(_ rectangle: Rectangle, _ color: Color) { elements.append(.fill(rectangle, color)) }

  mutating func draw(_ polyline: Polyline) { elements.append(.polyline(polyline)) }

  /// The texts in it that ``render()`` cannot write in full, and the characters in each that it draws a box for; in a
  /// document every viewer has glyphs of its own.
  public var unwritable: [(text: String, characters: [Character])] {
    elements.compactMap { element in
      guard case .text(let line) = element else { return nil }
      let missing = Font.missing(in: line.text)
      return missing.isEmpty ? nil : (line.text, missing)
    }
  }

  /// The drawing as a picture.
  public func render() -> Image {
    var image = Image(width: width, height: height, color: .white)
    for element in elements {
      switch element {
      case .text(let text): image.paint(text)
      case .fill(let rectangle, let color): image.paint(rectangle, color)
      case .polyline(let polyline): image.paint(polyline)
      case .picture(let picture, let place):
        let filter: ResizeFilter = place.width < picture.width ? .lanczos : .nearest
        let shown = picture.resized(width: place.width, height: place.height, filter: filter)
        image.paint(shown, x: place.x, y: place.y)
      }
    }
    return image
  }
}

/// One line of text.
struct TextLine: Sendable {
  let text: String
  /// Its left end, middle or right end; upwards, the top of its capitals, to the left.
  let x: Int
  /// The top of its capitals; upwards, its lower end, middle or upper end.
  let y: Int
  let style: TextStyle
  let alignment: TextAlignment
  /// Whether it runs from the bottom to the top.
  let isUpward: Bool

  init(
    _ text: String, x: Int, y: Int, style: TextStyle = .body, align alignment: TextAlignment = .leading,
    isUpward: Bool = false
  ) {
    self.text = text
    self.x = x
    self.y = y
    self.style = style
    self.alignment = alignment
    self.isUpward = isUpward
  }
}

/// Some columns and rows of pixels.
struct Rectangle: Sendable {
  let x, y, width, height: Int

  var right: Int { x + width }
  var bottom: Int { y + height }
}

/// A point in pixels; a pixel's center is at its column and row.
struct Point: Sendable, Equatable {
  var x, y: Double
}

/// A line from point to point with round ends, maybe with a dot on each point.
struct Polyline: Sendable {
  /// The points of each uninterrupted part, at least one.
  let runs: [[Point]]
  let color: Color
  let thickness: Double
  /// Nil for no dots.
  let dotDiameter: Double?
  /// What is outside of it is left out. It lies inside of the drawing.
  let bounds: Rectangle
}
