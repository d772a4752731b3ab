import Foundation
import Imaging
import Testing

/// Parts of pictures, turned and resampled.
@Suite struct CuttingOutTests {
  private func placement(
    _ image: Image, size: (Int, Int), _ topLeft: (Double, Double), _ topRight: (Double, Double),
    _ bottomLeft: (Double, Double)
  ) throws -> Placement {
    try #require(
      Placement(
        source: "picture", sourceWidth: image.width, sourceHeight: image.height, width: size.0, height: size.1,
        topLeft: .init(x: topLeft.0, y: topLeft.1), topRight: .init(x: topRight.0, y: topRight.1),
        bottomLeft: .init(x: bottomLeft.0, y: bottomLeft.1)))
  }

  private func largestDifference(_ a: Image, _ b: Image, inset: Int = 0) -> Int {
    var largest = 0
    for y in inset..<a.height - inset {
      for x in inset..<a.width - inset {
        let (p, q) = (a[x, y], b[x, y])
        for (one, other) in [(p.red, q.red), (p.green, q.green), (p.blue, q.blue)] {
          largest = max(largest, abs(Int(one) - Int(other)))
        }
      }
    }
    return largest
  }

  @Test func theWholePictureIsItself() throws {
    let image = try Fixture.image("resize.png")
    let (w, h) = (Double(image.width), Double(image.height))
    let whole = try placement(image, size: (image.width, image.height), (0, 0), (w, 0), (0, h))
    #expect(image.cutOut(whole) == image)
  }

  @Test(arguments: [1, 2, 3]) func turnsByRightAnglesMovePixels(turns: Int) throws {
    let image = try Fixture.image("resize.png")
    let (w, h) = (Double(image.width), Double(image.height))
    let corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)]
    let size = turns == 2 ? (image.width, image.height) : (image.height, image.width)
    let turned = image.cutOut(
      try placement(image, size: size, corners[turns], corners[(turns + 1) % 4], corners[(turns + 3) % 4]))
    for y in 0..<turned.height {
      for x in 0..<turned.width {
        let source =
          switch turns {
          case 1: image[image.width - 1 - y, x]
          case 2: image[image.width - 1 - x, image.height - 1 - y]
          default: image[y, image.height - 1 - x]
          }
        #expect(turned[x, y] == source)
      }
    }
  }

  /// Inside, where the edges of the part do not show; the table of the kernel and 8 bits in between make a level. Nothing
  /// is near black or white, where those 8 bits would cut off what the kernel overshoots.
  @Test(arguments: [16, 40]) func anUprightPartIsResizedAsUsual(side: Int) throws {
    let original = try Fixture.image("resize.png")
    let image = Image(width: original.width, height: original.height, pixels: original.pixels.map { 64 + $0 / 2 })
    let part = image.crop(x: 4, y: 2, width: 32, height: 32)
    let cut = image.cutOut(try placement(image, size: (side, side), (4, 2), (36, 2), (4, 34)))
    #expect(largestDifference(cut, part.resized(width: side, height: side, filter: .bicubic), inset: 4) <= 1)
  }

  /// A slope of brightness is the same slope, wherever it is looked at.
  @Test func aTurnedSlopeStaysOne() throws {
    var image = Image(width: 120, height: 100, color: .black)
    for y in 0..<100 {
      for x in 0..<120 {
        let level = UInt8(x + y)
        image[x, y] = Color(red: level, green: level, blue: 255 - level)
      }
    }
    for size in [20, 90] {
      let placement = try placement(image, size: (size, size), (50, 12), (90, 42), (20, 52))
      let cut = image.cutOut(placement)
      for y in 0..<size {
        for x in 0..<size {
          let place = placement.inSource(x: Double(x) + 0.5, y: Double(y) + 0.5)
          #expect(abs(Double(cut[x, y].red) - (place.x + place.y - 1)) < 1.1)
        }
      }
    }
  }

  /// Beyond the edge a picture goes on, mirrored and ever more of its median color.
  @Test func whatLiesOutsideFades() throws {
    var image = Image(width: 80, height: 80, color: Color(red: 200, green: 40, blue: 90))
    for y in 0..<80 {
      for x in 0..<4 { image[x, y] = .white }
    }
    let cut = image.cutOut(try placement(image, size: (80, 80), (-40, 0), (40, 0), (-40, 80)))
    #expect(cut[79, 40] == Color(red: 200, green: 40, blue: 90))
    // The mirrored white stripe is blurred, and far outside only the median is left.
    #expect(cut[38, 40].green > 60 && cut[38, 40].green < 250)
    #expect(abs(Int(cut[1, 40].red) - 200) <= 2 && abs(Int(cut[1, 40].green) - 40) <= 2)
    let plain = Image(width: 3, height: 1, color: Color(red: 9, green: 8, blue: 7))
    let around = plain.cutOut(try placement(plain, size: (24, 24), (-50, -20), (40, -50), (-20, 70)))
    #expect(around == Image(width: 24, height: 24, color: Color(red: 9, green: 8, blue: 7)))
  }

  @Test func cellsAreMeans() throws {
    let image = Image(width: 5, height: 3, pixels: (0..<45).map { UInt8($0) })
    let all = image.cellMeans(x: 0..<5, y: 0..<3, width: 1, height: 1, columns: 0..<1, rows: 0..<1)
    #expect(all == [21, 22, 23])
    #expect(
      image.cellMeans(x: 0..<5, y: 0..<3, width: 5, height: 3, columns: 1..<4, rows: 1..<2)
        == (18..<27).map { Float($0) })
    // Of two cells over five columns the middle one is in both, of two over three rows too.
    #expect(
      image.cellMeans(x: 0..<5, y: 0..<3, width: 2, height: 2, columns: 1..<2, rows: 0..<1) == [16.5, 17.5, 18.5])
    // More cells than pixels.
    #expect(
      image.cellMeans(x: 2..<3, y: 1..<2, width: 2, height: 2, columns: 0..<2, rows: 1..<2) == [21, 22, 23, 21, 22, 23])
  }
}
