import Imaging
import Testing

@Suite struct ResizingTests {
  struct Case: Sendable, CustomStringConvertible {
    let reference: String
    let filter: ResizeFilter
    let width, height: Int
    var description: String { "resized-\(reference)-\(width)x\(height)" }
  }

  static let cases: [Case] = [(17, 13), (61, 50), (48, 10)].flatMap { width, height in
    [("bicubic", ResizeFilter.bicubic), ("lanczos", .lanczos)].map { name, filter in
      Case(reference: name, filter: filter, width: width, height: height)
    }
  }

  /// One level of tolerance: Pillow weighs in fixed point, and both round at the end.
  @Test(arguments: cases) func agreesWithPillow(_ it: Case) throws {
    let source = try Fixture.image("resize.png")
    let actual = source.resized(width: it.width, height: it.height, filter: it.filter)
    let expected = try Fixture.expected("\(it)", width: it.width, height: it.height)
    expectEqual(actual, expected, tolerance: 1, "\(it)")
  }

  @Test(arguments: [ResizeFilter.nearest, .bicubic, .lanczos])
  func keepsPlainColors(filter: ResizeFilter) {
    let plain = Image(width: 20, height: 30, color: Color(0x12C8FF))
    for (width, height) in [(1, 1), (7, 100), (41, 3)] {
      let resized = plain.resized(width: width, height: height, filter: filter)
      #expect(resized == Image(width: width, height: height, color: Color(0x12C8FF)))
    }
  }

  @Test func magnifiesPixelsToSquares() throws {
    let source = try Fixture.image("rgb.png")
    let large = source.magnified(by: 3)
    for y in 0..<large.height {
      for x in 0..<large.width { #expect(large[x, y] == source[x / 3, y / 3]) }
    }
  }

  @Test func cropsPixels() {
    let picture = Image(width: 3, height: 2, pixels: (0..<18).map { UInt8($0) })
    #expect(picture.crop(x: 1, y: 0, width: 2, height: 1).pixels == [3, 4, 5, 6, 7, 8])
  }

  @Test func convertsToNumbersAndBack() {
    let image = Image(width: 256, height: 1, pixels: (0...255).flatMap { [UInt8($0), UInt8(255 - $0), 128] })
    for range: ClosedRange<Float> in [-1...1, 0...1, 0...255] {
      let numbers = image.floats(in: range)
      #expect(numbers.min() == range.lowerBound && numbers.max() == range.upperBound)
      #expect(Image(width: 256, height: 1, floats: numbers, in: range) == image)
    }
    let odd = Image(width: 2, height: 1, floats: [-9, 9, .nan, .infinity, -.infinity, 0], in: -1...1)
    #expect(odd.pixels == [0, 255, 0, 255, 0, 128])
  }
}
