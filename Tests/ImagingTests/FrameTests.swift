import Foundation
import Testing

@testable import Imaging

/// Parts of pictures at other sizes, and their way back.
@Suite struct FrameTests {
  private let source: Image

  init() throws { source = try Fixture.image("resize.png") }

  private func rounded(_ image: FloatImage) -> Image {
    Image(width: image.width, height: image.height, floats: image.values, in: -1...1)
  }

  // MARK: Sampling

  /// Pillow's float32 pictures, of which nothing is rounded between columns and rows.
  @Test func agreesWithPillow() throws {
    let frame = Frame(left: 3.25, top: 2.5, width: 37.5, height: 27.5)
    let part = source.sampled(frame, width: 24, height: 20, border: .reflect)
    expectEqual(rounded(part), try Fixture.expected("framed-24x20", width: 24, height: 20), tolerance: 1, "a part")
  }

  @Test(arguments: Border.allCases) func goesOnBeyondTheBorder(border: Border) throws {
    let frame = Frame(left: 0, top: 0, width: 48, height: 36).fitted(.contain, width: 32, height: 32)
    #expect(frame == Frame(left: 0, top: -6, width: 48, height: 48))
    let square = source.sampled(frame, width: 32, height: 32, border: border)
    let expected = try Fixture.expected("contained-\(border.rawValue)-32x32", width: 32, height: 32)
    expectEqual(rounded(square), expected, tolerance: 1, "\(border)")
  }

  @Test func bordersAreRepeatedWithoutEnd() {
    #expect((-7...7).map { Border.reflect.index($0, of: 3) } == [0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1])
    #expect((-2...4).map { Border.edge.index($0, of: 3) } == [0, 0, 0, 1, 2, 2, 2])
    #expect((-3...3).map { Border.reflect.index($0, of: 1) } == [0, 0, 0, 0, 0, 0, 0])
  }

  /// Bytes and float32 give the same.
  @Test func numbersAreSampledAsBytesAre() {
    let numbers = FloatImage(width: source.width, height: source.height, values: source.floats(in: -1...1))
    let frame = Frame(left: -10, top: 4.5, width: 60, height: 21)
    let a = source.sampled(frame, width: 33, height: 19, border: .edge)
    let b = numbers.sampled(frame, width: 33, height: 19, border: .edge)
    #expect(zip(a.values, b.values).allSatisfy { abs($0 - $1) < 2e-6 })
    #expect(a.values.allSatisfy { abs($0) <= 1 })
  }

  @Test func framesFit() {
    let wide = Frame(left: 10, top: 0, width: 300, height: 100)
    #expect(wide.fitted(.cover, width: 50, height: 50) == Frame(left: 110, top: 0, width: 100, height: 100))
    #expect(wide.fitted(.contain, width: 50, height: 50) == Frame(left: 10, top: -100, width: 300, height: 300))
    #expect(wide.fitted(.stretch, width: 50, height: 50) == wide)
    // What is neither shrunk nor enlarged begins at a whole pixel.
    #expect(Frame(left: 0, top: 0, width: 101, height: 64).fitted(.cover, width: 64, height: 64).left == 18)
  }

  // MARK: Covering

  @Test func coveringNeverSquashes() {
    // A white square between black bars: only the square is left.
    var wide = Image(width: 300, height: 100, color: .black)
    for y in 0..<100 {
      for x in 100..<200 { wide[x, y] = .white }
    }
    #expect(wide.covering(width: 64, height: 64) == Image(width: 64, height: 64, color: .white))
    #expect(wide.covering(width: 300, height: 100) == wide)
    #expect(wide.covering(width: 60, height: 20) == wide.resized(width: 60, height: 20, filter: .bicubic))
    #expect(wide.covering(width: 30, height: 90) == Image(width: 30, height: 90, color: .white))
    #expect(Image(width: 1, height: 4, color: .white).covering(width: 8, height: 3).height == 3)
    for size in [17, 48, 61] {
      let square = source.crop(x: 6, y: 0, width: 36, height: 36).resized(width: size, height: size, filter: .bicubic)
      #expect(source.covering(width: size, height: size) == square)
    }
  }

  // MARK: Pasting

  private func placement(_ frame: Frame, of image: Image, _ width: Int, _ height: Int) throws -> Placement {
    try #require(
      Placement(
        source: "it", sourceWidth: image.width, sourceHeight: image.height, width: width, height: height,
        topLeft: .init(x: frame.left, y: frame.top), topRight: .init(x: frame.right, y: frame.top),
        bottomLeft: .init(x: frame.left, y: frame.bottom)))
  }

  /// Turned, enlarged and shrunk on black, without a fading border.
  @Test(arguments: [
    ("larger", (50.0, 18.0), (-13.5, 37.5)), ("smaller", (20, 7), (-5.25, 15)),
  ])
  func turnsAsTheKernelIsDefined(name: String, across: (Double, Double), down: (Double, Double)) throws {
    let black = Image(width: 80, height: 70, color: .black)
    let place = try #require(
      Placement(
        source: "it", sourceWidth: 80, sourceHeight: 70, width: 48, height: 36, topLeft: .init(x: 20.25, y: 5.4),
        topRight: .init(x: 20.25 + across.0, y: 5.4 + across.1), bottomLeft: .init(x: 20.25 + down.0, y: 5.4 + down.1)))
    let values = FloatImage(width: 48, height: 36, values: source.floats(in: -1...1))
    let pasted = black.pasting([Patch(values, feather: 0, at: place)])
    expectEqual(
      pasted, try Fixture.expected("pasted-\(name)-80x70", width: 80, height: 70), tolerance: 1, "pasted \(name)")
  }

  /// Whatever part at whatever size: what was not edited changes nothing, if only changes are brought in.
  @Test func unchangedPartsChangeNothing() throws {
    for (frame, width, height) in [
      (Frame(left: 5, top: 3, width: 20, height: 20), 20, 20), (Frame(left: 0, top: 0, width: 48, height: 36), 31, 17),
      (Frame(left: 3.3, top: 1.7, width: 9, height: 30), 64, 64),
      (Frame(left: -9, top: -9, width: 70, height: 70), 8, 8),
    ] {
      let part = source.sampled(frame, width: width, height: height, border: .reflect)
      let place = try placement(frame, of: source, width, height)
      #expect(source.pasting([Patch(part, original: part, feather: 2, at: place)]) == source)
      // Without the original, pixels that were cut out as they are come back as they are.
      if width == 20 { #expect(source.pasting([Patch(part, feather: 2, at: place)]) == source) }
    }
  }

  @Test func nothingIsTouchedOutsideOfPartAndMask() throws {
    let frame = Frame(left: 8, top: 4, width: 24, height: 24)
    let place = try placement(frame, of: source, 12, 12)
    let edit = FloatImage(width: 12, height: 12, values: Array(repeating: 1, count: 12 * 12 * 3))
    let pasted = source.pasting([Patch(edit, feather: 0, at: place)])
    let mask = Mask(width: 12, height: 12, left: 3, top: 3, right: 7, bottom: 9)
    let masked = source.pasting([Patch(edit, mask: mask, feather: 0, at: place)])
    for y in 0..<36 {
      for x in 0..<48 {
        let isInside = (8..<32).contains(x) && (4..<28).contains(y)
        #expect(pasted[x, y] == (isInside ? .white : source[x, y]))
        // The mask's edge reaches half of its pixels, two of the picture's, beyond it.
        let isNear = (8 + 5..<8 + 15).contains(x) && (4 + 5..<4 + 19).contains(y)
        if !isNear { #expect(masked[x, y] == source[x, y]) }
      }
    }
    #expect(masked[18, 16] == .white)
    // The border fades out, but for sides on the picture's own border.
    let corner = Frame(left: 0, top: 0, width: 24, height: 24)
    let soft = Image(width: 48, height: 36, color: .black)
      .pasting([Patch(edit, feather: 6, at: try placement(corner, of: source, 12, 12))])
    #expect(soft[0, 0] == .white && soft[0, 11] == .white && soft[23, 5].red < 20)
    #expect((12..<23).allSatisfy { soft[$0, 3].red >= soft[$0 + 1, 3].red })
  }

  @Test func overlappingPartsAreRoundedOnce() throws {
    let gray = Image(width: 8, height: 8, color: Color(0x808080))
    let place = try placement(Frame(left: 0, top: 0, width: 8, height: 8), of: gray, 8, 8)
    func change(_ step: Float) -> Patch {
      let zero = FloatImage(width: 8, height: 8, values: Array(repeating: 0, count: 192))
      let edit = FloatImage(width: 8, height: 8, values: Array(repeating: step / 127.5, count: 192))
      return Patch(edit, original: zero, feather: 0, at: place)
    }
    #expect(
      gray.pasting([change(0.4), change(0.4), change(0.4)]) == Image(width: 8, height: 8, color: Color(0x818181)))
    let numbers = FloatImage(width: 8, height: 8, values: Array(repeating: 0, count: 192)).pasting([change(0.4)])
    #expect(numbers.values.allSatisfy { abs($0 - 0.4 / 127.5) < 1e-7 })
  }

  /// Which of the two ways comes nearer to an edit at full resolution: a part of a half-size network, made brighter.
  @Test func changesKeepDetailThatPartsLose() throws {
    func brightened(_ values: [Float]) -> [Float] { values.map { $0 * 0.8 + 0.15 } }
    let frame = Frame(left: 0, top: 0, width: 48, height: 36)
    let part = source.sampled(frame, width: 24, height: 18, border: .reflect)
    let edit = FloatImage(width: 24, height: 18, values: brightened(part.values))
    let wanted = Image(width: 48, height: 36, floats: brightened(source.floats(in: -1...1)), in: -1...1)
    let place = try placement(frame, of: source, 24, 18)
    func error(_ patch: Patch) -> Double {
      let pasted = source.pasting([patch])
      return zip(pasted.pixels, wanted.pixels).reduce(0) { $0 + abs(Double($1.0) - Double($1.1)) }
    }
    #expect(error(Patch(edit, original: part, feather: 0, at: place)) < 0.5 * error(Patch(edit, feather: 0, at: place)))
  }
}
