import Imaging
import Testing

@Suite struct FigureTests {
  private let tile = Image(width: 64, height: 64, color: Color(0x2060A0))

  private func isBlank(_ image: Image) -> Bool { image.pixels.allSatisfy { $0 == 255 } }

  private func titled(_ title: String) throws -> Image { try FigureLayout(title: title, rows: []).drawing().render() }

  @Test func magnifiesSmallTilesAndShrinksLargeOnes() throws {
    #expect(try FigureLayout(rows: [.init("", [.init(tile)])]).drawing().render().width == 128 + 2 * 16)
    let large = Image(width: 512, height: 256, color: .black)
    let figure = try FigureLayout(rows: [.init("", [.init(large)])]).drawing().render()
    #expect((figure.width, figure.height) == (256 + 2 * 16, 128 + 2 * 16))
    // Beside a large tile, a small one grows to the same cell.
    let mixed = try FigureLayout(rows: [.init("", [.init(large), .init(tile)])]).drawing().render()
    #expect(mixed.crop(x: 16 + 256 + 6, y: 16, width: 256, height: 256) == tile.magnified(by: 4))
  }

  @Test func placesTilesInTheirCells() throws {
    let red = Image(width: 64, height: 64, color: Color(0xFF0000))
    let figure = try FigureLayout(rows: [.init("", [.init(tile), nil]), .init("", [nil, .init(red)])]).drawing()
      .render()
    let cells = [0, 1].map { row in
      [0, 1].map { figure.crop(x: 16 + $0 * 134, y: 16 + row * 134, width: 128, height: 128) }
    }
    #expect(cells[0][0] == tile.magnified(by: 2))
    #expect(cells[1][1] == red.magnified(by: 2))
    #expect(isBlank(cells[0][1]) && isBlank(cells[1][0]))
  }

  @Test func writesHeadingsAndCaptionsAroundTheTiles() throws {
    let plain = FigureLayout(rows: [.init("", [.init(tile)])])
    let labeled = FigureLayout(
      title: "Figure", columns: ["input"], rows: [.init("eileen", [.init(tile, caption: "MAE 0.012")])])
    let (small, large) = (try plain.drawing().render(), try labeled.drawing().render())
    let (left, top) = (large.width - small.width, 16 + 14 + 10 + 14 + 6)
    #expect(!isBlank(large.crop(x: 0, y: 0, width: large.width, height: 30)), "the title")
    #expect(!isBlank(large.crop(x: left, y: 40, width: 150, height: top - 40)), "the heading of the column")
    #expect(!isBlank(large.crop(x: 0, y: top, width: left, height: 128)), "the heading of the row")
    #expect(large.crop(x: 16 + left, y: top, width: 128, height: 128) == tile.magnified(by: 2))
    #expect(!isBlank(large.crop(x: 0, y: top + 128, width: large.width, height: 30)), "the caption")
    for edge in [0, large.width - 8] { #expect(isBlank(large.crop(x: edge, y: 0, width: 8, height: large.height))) }
    #expect(try labeled.drawing().render() == large)
  }

  @Test func breaksLongHeadings() throws {
    let name = String(repeating: "abcdefghij", count: 10)
    let figure = try FigureLayout(columns: [name, ""], rows: [.init(name, [.init(tile), .init(tile)])]).drawing()
      .render()
    let second = figure.crop(x: figure.width - 16 - 128 - 4, y: 0, width: 128, height: 40)
    #expect(isBlank(second), "the first column's heading runs into the second")
  }

  @Test func wrapsLongRowsTogether() throws {
    let tiles = (0..<5).map { _ in FigureLayout.Tile?.some(.init(tile)) }
    let figure = FigureLayout(
      columns: ["a", "", "b", "", "c"], rows: [.init("up", tiles), .init("down", Array(tiles.prefix(3)))])
    #expect(figure.wrapped(at: 5).rows.count == 2)
    let wrapped = figure.wrapped(at: 3, block: 2)
    #expect(wrapped.columns == ["a", ""])
    #expect(wrapped.rows.map(\.heading) == ["up", "down", "up", "down", "up", "down"])
    #expect(wrapped.rows.map(\.tiles.count) == [2, 2, 2, 1, 1, 0])
    #expect(wrapped.rows.map(\.columns) == [[], [], ["b", ""], [], ["c"], []])
    #expect(figure.wrapped(at: 1).rows.map(\.columns)[2] == ["a"], "a block that goes on keeps its heading")
    let (wide, narrow) = (try figure.drawing().render(), try wrapped.drawing().render())
    #expect(narrow.width < wide.width && narrow.height > 2 * wide.height)
  }

  @Test func refusesFiguresTooLargeForAPicture() throws {
    let row = FigureLayout.Row("", [FigureLayout.Tile?](repeating: .init(tile), count: 100))
    let figure = FigureLayout(title: "All", rows: .init(repeating: row, count: 100))
    #expect(throws: ImagingError.tooLarge(name: "figure \"All\"", width: 13426, height: 13450)) {
      try figure.drawing()
    }
  }

  @Test func everyCharacterHasALookOfItsOwn() throws {
    let ascii = (33...126).map { String(UnicodeScalar($0)) }
    let characters = ascii + "₀₁²°±×·−—…→←↑↓≤≥≈√αβγΔδεηθλμσ".map(String.init)
    let box = try titled("\u{25A1}")
    var seen: [[UInt8]: String] = [:]
    for character in characters {
      let look = try titled(character)
      #expect(look != box, "\(character) is missing")
      #expect(!isBlank(look))
      let twin = seen.updateValue(character, forKey: look.pixels)
      #expect(twin == nil, "\(character) looks like \(twin ?? "")")
    }
    #expect(try titled("é") == titled("e"))
    #expect(try titled("漢") == box)
  }
}

@Suite struct LinePlotTests {
  private let axis = LinePlot.Axis("step")

  /// How many pixels have the color of the first curve.
  private func inkCount(_ image: Image) -> Int {
    stride(from: 0, to: image.pixels.count, by: 3).count { Array(image.pixels[$0..<$0 + 3]) == [0x00, 0x72, 0xB2] }
  }

  @Test func drawsWhatItIsGiven() throws {
    let points = (0...100).map { (x: Double($0), y: Double($0 * $0)) }
    let plot = LinePlot(title: "Loss", x: axis, y: .init("loss"), curves: [.init("", points)])
    let image = try plot.drawing().render()
    #expect((image.width, image.height) == (640, 400))
    #expect(inkCount(image) > 300)
    #expect(try plot.drawing().render() == image)
    // From the lower left to the upper right corner.
    #expect(image[image.width - 25, 30] != .white || image[image.width - 26, 40] != .white)
  }

  @Test func drawsACurveOnceHoweverOftenItTurns() throws {
    // A point in the middle of a line changes nothing, though strokes overlap there.
    let two = try LinePlot(x: axis, y: axis, curves: [.init("", [(0, 0), (10, 10)])]).drawing().render()
    let three = try LinePlot(x: axis, y: axis, curves: [.init("", [(0, 0), (5, 5), (10, 10)])]).drawing().render()
    expectEqual(three, two, tolerance: 1, "the line of three points")
  }

  @Test func survivesWhateverNumbersCome() throws {
    let strange: [[(x: Double, y: Double)]] = [
      [], [(1, 1)], [(0, .nan), (1, .infinity), (2, -.infinity)], [(0, 1), (1, .nan), (2, 1)],
      [(-1e300, 1e300), (1e300, -1e300)], [(0, 1e-300), (1, 2e-300)], [(1e18, 5), (1e18.nextUp, 5)],
      [(.greatestFiniteMagnitude, 0), (0, .leastNonzeroMagnitude)], [(0, 0), (0, 0)],
    ]
    for points in strange {
      for scale in [LinePlot.Axis.Scale.linear, .logarithmic] {
        for range in [nil, 0.5...2.0] {
          let axis = LinePlot.Axis("x", scale: scale, range: range)
          let image = try LinePlot(x: axis, y: axis, curves: [.init("curve", points, hasDots: true)]).drawing().render()
          #expect(image.width == 640)
        }
      }
    }
  }

  /// What has no place on the axis leaves a gap, a cross at its edge and a word, and the axes stay as they were.
  @Test(arguments: [
    (Double.infinity, LinePlot.Axis.Scale.linear, "inf"), (-.infinity, .linear, "−inf"), (.nan, .linear, "NaN"),
    (0, .logarithmic, "≤ 0"), (-3, .logarithmic, "≤ 0"),
  ])
  func marksWhatIsNotFinite(value: Double, scale: LinePlot.Axis.Scale, word: String) throws {
    func svg(_ values: [Double]) throws -> String {
      let points = values.enumerated().map { (x: Double($0), y: $1) }
      return try LinePlot(x: axis, y: .init("y", scale: scale), curves: [.init("", points)]).drawing().svg()
    }
    func words(_ svg: String) -> [String] { svg.matches(of: />([^<\n]+)<\/text>/).map { String($0.1) } }
    let (whole, torn) = (try svg([1, 2, 3, 4]), try svg([1, value, value, 4]))
    #expect(whole.matches(of: /<polyline/).count == 1)
    #expect(torn.matches(of: /<polyline/).count == 2 + 2 * 2)
    #expect(words(torn).filter { $0 == word }.count == 1)
    #expect(words(torn).filter { $0 != word } == words(whole))
  }

  @Test func makesRoomForTitleAndLegend() throws {
    let curves = (0..<40).map { LinePlot.Curve("a curve with a long name, number \($0)", [(0, 0), (1, Double($0))]) }
    var plot = LinePlot(title: String(repeating: "long title ", count: 40), x: axis, y: axis, curves: curves)
    #expect(try plot.drawing().render().height > 400)
    (plot.width, plot.height) = (1, 1)
    #expect(try plot.drawing().render().width > 100)
  }

  @Test func breaksLongNamesInTheLegend() throws {
    let name = String(repeating: "a long name ", count: 20)
    let curves = ["first", name, "last"].map { LinePlot.Curve($0, [(0, 0), (1, 1)]) }
    let image = try LinePlot(x: axis, y: axis, curves: curves).drawing().render()
    #expect(image.width == 640)
    let edge = image.crop(x: 640 - 16, y: 0, width: 16, height: image.height)
    #expect(edge.pixels.allSatisfy { $0 == 255 }, "a name runs out of the picture")
  }

  @Test func drawsAboutAThousandOfManyPoints() throws {
    func plot(_ count: Int) throws -> String {
      let points = (0..<count).map { (x: Double($0), y: Double($0)) }
      return try LinePlot(x: axis, y: axis, curves: [.init("", points, hasDots: true)]).drawing().svg()
    }
    #expect(try plot(100).matches(of: /<circle/).count == 100)
    #expect((1000...2000).contains(try plot(54_321).matches(of: /<circle/).count))
  }

  @Test func ticksAreRoundNumbers() {
    func labels(
      _ values: [Double], _ scale: LinePlot.Axis.Scale = .linear, range: ClosedRange<Double>? = nil
    ) -> [String] {
      Ticks(.init("", scale: scale, range: range), values: values, maximumCount: 5).labels
    }
    #expect(labels([0, 1]) == ["0", "0.2", "0.4", "0.6", "0.8", "1.0"])
    #expect(labels([0.1, 0.3]) == ["0.10", "0.15", "0.20", "0.25", "0.30"])
    #expect(labels([3, 197]) == ["0", "50", "100", "150", "200"])
    #expect(labels([-0.04, 0.05]) == ["−0.04", "−0.02", "0", "0.02", "0.04", "0.06"])
    #expect(labels([0, 4e-5]) == ["0", "1e-5", "2e-5", "3e-5", "4e-5"])
    #expect(labels([0, 3e6]) == ["0", "1e6", "2e6", "3e6"])
    #expect(labels([7, 7]).contains("7.0"))
    #expect(labels([], range: 0...10) == ["0", "2", "4", "6", "8", "10"])
    #expect(labels([0.5, 2e-6], .logarithmic) == ["1e-6", "0.0001", "0.01", "1"])
    #expect(labels([20, 50], .logarithmic) == ["10", "100"])
    let ticks = Ticks(.init("", scale: .logarithmic), values: [1, 100], maximumCount: 5)
    #expect(ticks.position(of: 10) == 0.5)
    #expect(ticks.position(of: 0) == nil)
  }
}
