import Foundation
import Imaging
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// The elements of an XML document, in order.
private final class Elements: NSObject, XMLParserDelegate {
  struct Element {
    let name: String
    let attributes: [String: String]
    var text = ""

    func number(_ name: String) -> Int? { attributes[name].flatMap { Int($0) } }
  }

  private(set) var all: [Element] = []
  private var open: [Int] = []

  init(_ xml: String) throws {
    super.init()
    let parser = XMLParser(data: Data(xml.utf8))
    parser.delegate = self
    try #require(parser.parse(), "\(String(describing: parser.parserError)) in\n\(xml.prefix(2000))")
  }

  func called(_ name: String) -> [Element] { all.filter { $0.name == name } }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    open.append(all.count)
    all.append(Element(name: name, attributes: attributes))
  }

  func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
    open.removeLast()
  }

  func parser(_ parser: XMLParser, foundCharacters text: String) {
    if let last = open.last { all[last].text += text }
  }
}

@Suite struct SVGTests {
  private let tile = Image(
    width: 2, height: 2, pixels: [255, 0, 0, 0, 255, 0, 0, 0, 255, 20, 40, 60])

  @Test func textsAreTexts() throws {
    let nasty = #"a<b> & "c" 'd' ]]> é 漢 ₀"# + "\u{1}\u{FFFF}"
    let figure = FigureLayout(title: nasty, columns: ["first"], rows: [.init("row", [.init(tile, caption: "0.5")])])
    let drawing = try figure.drawing()
    let texts = try Elements(drawing.svg()).called("text").map(\.text)
    #expect(texts.joined(separator: " ") == #"a<b> & "c" 'd' ]]> é 漢 ₀\u{1}\u{FFFF} first row 0.5"#)
    #expect(try drawing.svg() == figure.drawing().svg())
  }

  @Test func theDocumentHasTheSizeOfThePicture() throws {
    let drawing = try FigureLayout(title: "Title", rows: [.init("row", [.init(tile), nil, .init(tile)])]).drawing()
    let (image, svg) = (drawing.render(), try Elements(drawing.svg()))
    #expect((svg.all[0].number("width"), svg.all[0].number("height")) == (image.width, image.height))
    #expect(svg.all[0].attributes["viewBox"] == "0 0 \(image.width) \(image.height)")
    #expect(svg.all[0].attributes["xmlns"] == "http://www.w3.org/2000/svg")
    #expect(svg.all[1].attributes["fill"] == "#ffffff", "white behind everything")
  }

  @Test func picturesLieWhereTheyAreInPixels() throws {
    let large = Image(width: 512, height: 256, color: Color(0x2060A0))
    let drawing = try FigureLayout(title: "T", rows: [.init("a", [.init(tile)]), .init("b", [nil, .init(large)])])
      .drawing()
    let image = drawing.render()
    let pictures = try Elements(drawing.svg()).called("image")
    #expect(pictures.count == 2)
    for (picture, original) in zip(pictures, [tile, large]) {
      let (x, y) = (try #require(picture.number("x")), try #require(picture.number("y")))
      let (width, height) = (try #require(picture.number("width")), try #require(picture.number("height")))
      let filter: ResizeFilter = width > original.width ? .nearest : .lanczos
      let shown = original.resized(width: width, height: height, filter: filter)
      #expect(image.crop(x: x, y: y, width: width, height: height) == shown)
      #expect((picture.attributes["style"] == "image-rendering:pixelated") == (original == tile))

      let address = try #require(picture.attributes["href"])
      let data = try #require(Data(base64Encoded: String(address.dropFirst("data:image/png;base64,".count))))
      #expect(try Image(decoding: data, name: "embedded") == original, "with the pixels that it has")
    }
  }

  @Test func textsStandWhereTheyAreInPixels() throws {
    let figure = FigureLayout(
      title: "Title", columns: ["column", "a longer heading that is wrapped"],
      rows: [.init("the heading of a row\nin two lines", [.init(tile, caption: "caption")])])
    let plot = LinePlot(
      title: "Plot", x: .init("time (s)"), y: .init("loss"), curves: [.init("curve", [(0, 0), (1, 1)])])
    for drawing in [try figure.drawing(), try plot.drawing()] {
      let image = drawing.render()
      let texts = try Elements(drawing.svg()).called("text")
      #expect(texts.count >= 7)
      for text in texts {
        guard let x = text.number("x"), let baseline = text.number("y") else {
          #expect(text.text == "loss" && text.attributes["transform"]?.hasSuffix("rotate(-90)") == true)
          continue
        }
        let width = try #require(text.number("textLength"))
        let left =
          switch text.attributes["text-anchor"] {
          case "middle": x - width / 2
          case "end": x - width
          default: x
          }
        let ink = image.crop(x: left, y: baseline - 9, width: width, height: 9)
        #expect(ink.pixels.contains { $0 < 128 }, "nothing where '\(text.text)' is")
      }
    }
  }

  @Test func curvesAreLines() throws {
    let curves = [
      LinePlot.Curve("whole", [(0, 0), (5, 2), (10, 10)], hasDots: true),
      LinePlot.Curve("torn", [(0, 1), (1, .nan), (2, 2), (3, 3)]), LinePlot.Curve("nothing", [(7, .nan)]),
    ]
    let drawing = try LinePlot(x: .init("x"), y: .init("y"), curves: curves).drawing()
    let svg = try Elements(drawing.svg())
    let lines = svg.called("polyline").map { $0.attributes["points"]?.split(separator: " ") ?? [] }
    // The first point of each part twice, and a cross for each value that is no number.
    #expect(lines.map(\.count) == [4, 2, 3, 3, 3, 3, 3])
    #expect(
      svg.called("polyline").map { $0.attributes["stroke"] }
        == ["#0072b2", "#d55e00", "#d55e00", "#d55e00", "#d55e00", "#009e73", "#009e73"])
    let dots = svg.called("circle").compactMap { dot in
      dot.attributes["cx"].flatMap { Double($0) }.flatMap { x in
        dot.attributes["cy"].flatMap { Double($0) }.map { (x: x, y: $0) }
      }
    }
    #expect(lines[0].dropFirst().map(String.init) == dots.map { String(format: "%.2f,%.2f", $0.x, $0.y) })
    let image = drawing.render()
    for dot in dots { #expect(image[Int(dot.x), Int(dot.y)] == Color(0x0072B2), "a dot is where the pixels have it") }
  }
}
