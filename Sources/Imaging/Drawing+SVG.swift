import Escaping
import Foundation

extension Drawing {
  /// The drawing as an SVG document that needs nothing else: text is text, lines are lines, and pictures are embedded
  /// with the pixels that they have. The same drawing always gives the same bytes.
  /// - Throws: ``ImagingError/cannotEncode(width:height:detail:)`` for a picture that cannot be written as PNG.
  public func svg() throws(ImagingError) -> String {
    let size = "width=\"\(width)\" height=\"\(height)\""
    var svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" \(size) viewBox=\"0 0 \(width) \(height)\" "
    svg += "font-family=\"Helvetica, Arial, sans-serif\">\n<rect \(size) fill=\"#ffffff\"/>\n"
    for element in elements {
      switch element {
      case .text(let text): svg += text.svg
      case .fill(let rectangle, let color):
        svg += "<rect \(rectangle.attributes) fill=\"\(color.code)\" shape-rendering=\"crispEdges\"/>\n"
      case .polyline(let polyline): svg += polyline.svg
      case .picture(let picture, let place):
        let png = try picture.pngData().base64EncodedString()
        let rendering = place.width > picture.width ? " style=\"image-rendering:pixelated\"" : ""
        svg += "<image \(place.attributes) preserveAspectRatio=\"none\"\(rendering) "
        svg += "href=\"data:image/png;base64,\(png)\"/>\n"
      }
    }
    return svg + "</svg>\n"
  }
}

extension TextLine {
  fileprivate var svg: String {
    // The baseline is where the capitals stand.
    let place =
      isUpward
      ? "transform=\"translate(\(x + style.capitalHeight) \(y)) rotate(-90)\""
      : "x=\"\(x)\" y=\"\(y + style.capitalHeight)\""
    let anchor =
      switch alignment {
      case .leading: ""
      case .center: " text-anchor=\"middle\""
      case .trailing: " text-anchor=\"end\""
      }
    // Whatever font there is takes the room that the layout has for it.
    return "<text \(place)\(anchor) font-size=\"\(style.fontSize)\"\(style.isBold ? " font-weight=\"bold\"" : "") "
      + "fill=\"\(style.color.code)\" textLength=\"\(style.width(of: text))\" lengthAdjust=\"spacingAndGlyphs\">"
      + "\(Escape.markup(text))</text>\n"
  }
}

extension TextStyle {
  /// The size in pixels at which Helvetica is about as wide as the bitmap font.
  fileprivate var fontSize: Double { (isBold ? 12.5 : 11.5) * Double(scale) }
}

extension Rectangle {
  fileprivate var attributes: String { "x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\"" }
}

extension Polyline {
  /// In a document of its own, which cuts it off at the bounds.
  fileprivate var svg: String {
    var svg = "<svg \(bounds.attributes) viewBox=\"\(bounds.x) \(bounds.y) \(bounds.width) \(bounds.height)\">\n"
    for run in runs {
      // The first point twice, so that one alone is a dot.
      let points = ([run[0]] + run).map { "\(Self.fixed($0.x)),\(Self.fixed($0.y))" }.joined(separator: " ")
      svg += "<polyline points=\"\(points)\" fill=\"none\" stroke=\"\(color.code)\" stroke-width=\"\(thickness)\" "
      svg += "stroke-linecap=\"round\" stroke-linejoin=\"round\"/>\n"
      guard let dotDiameter else { continue }
      for point in run {
        svg += "<circle cx=\"\(Self.fixed(point.x))\" cy=\"\(Self.fixed(point.y))\" r=\"\(dotDiameter / 2)\" "
        svg += "fill=\"\(color.code)\"/>\n"
      }
    }
    return svg + "</svg>\n"
  }

  /// A coordinate. SVG counts from the edges of pixels, not from their centers.
  private static func fixed(_ value: Double) -> String { String(format: "%.2f", value + 0.5) }
}

extension Color {
  /// `#0072b2`
  fileprivate var code: String { String(format: "#%02x%02x%02x", red, green, blue) }
}
