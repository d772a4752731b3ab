import Foundation

/// A picture of 8-bit sRGB pixels.
public struct Image: Sendable, Equatable {
  /// The largest number of pixels that is decoded or drawn; more is an error, before any memory is taken.
  public static let maximumPixelCount = 64_000_000

  /// Columns, at least 1.
  public let width: Int
  /// Rows, at least 1.
  public let height: Int
  /// `height`×`width`×3 bytes: rows from the top, in each the pixels from the left, each as red, green, blue.
  public internal(set) var pixels: [UInt8]

  /// A picture of the given pixels, in the order of ``pixels``.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(width > 0 && height > 0, "a picture has at least one pixel")
    precondition(pixels.count == width * height * 3, "\(width)x\(height) RGB pixels are not \(pixels.count) bytes")
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// A picture of one color.
  public init(width: Int, height: Int, color: Color) {
    var pixels = [UInt8](repeating: color.red, count: width * height * 3)
    if color.green != color.red || color.blue != color.red {
      for index in stride(from: 0, to: pixels.count, by: 3) {
        (pixels[index + 1], pixels[index + 2]) = (color.green, color.blue)
      }
    }
    self.init(width: width, height: height, pixels: pixels)
  }

  /// The pixel in column `x` and row `y`.
  public subscript(x: Int, y: Int) -> Color {
    get {
      let index = offset(x, y)
      return Color(red: pixels[index], green: pixels[index + 1], blue: pixels[index + 2])
    }
    set {
      let index = offset(x, y)
      (pixels[index], pixels[index + 1], pixels[index + 2]) = (newValue.red, newValue.green, newValue.blue)
    }
  }

  private func offset(_ x: Int, _ y: Int) -> Int {
    precondition(x >= 0 && x < width && y >= 0 && y < height, "(\(x), \(y)) is outside of \(width)x\(height)")
    return (y * width + x) * 3
  }
}

/// An 8-bit sRGB color.
public struct Color: Sendable, Hashable {
  public let red, green, blue: UInt8

  public init(red: UInt8, green: UInt8, blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  /// The color with the given 24-bit code, such as `0x0072B2`.
  public init(_ code: UInt32) {
    self.init(red: UInt8(code >> 16 & 255), green: UInt8(code >> 8 & 255), blue: UInt8(code & 255))
  }

  public static let white = Color(0xFFFFFF)
  public static let black = Color(0x000000)

  /// The color that `cover` (0…1) of this one makes over `under`.
  func over(_ under: Color, cover: Float) -> Color {
    func mix(_ top: UInt8, _ bottom: UInt8) -> UInt8 {
      UInt8((Float(bottom) + (Float(top) - Float(bottom)) * cover).rounded())
    }
    return Color(red: mix(red, under.red), green: mix(green, under.green), blue: mix(blue, under.blue))
  }
}

// MARK: - Numbers for networks

extension Image {
  /// The pixels as numbers, in the order of ``pixels``: 0 becomes the lower bound of `range` and 255 the upper one.
  public func floats(in range: ClosedRange<Float>) -> [Float] {
    let step = (range.upperBound - range.lowerBound) / 255
    let table = (0...255).map { $0 == 255 ? range.upperBound : range.lowerBound + Float($0) * step }
    return pixels.map { table[Int($0)] }
  }

  /// The picture nearest to `floats`, where the bounds of `range` mean 0 and 255. What lies outside is clamped, and
  /// what is not a number becomes 0.
  public init(width: Int, height: Int, floats: [Float], in range: ClosedRange<Float>) {
    let scale = 255 / (range.upperBound - range.lowerBound)
    self.init(width: width, height: height, pixels: floats.map { UInt8(rounding: ($0 - range.lowerBound) * scale) })
  }
}

extension UInt8 {
  /// The level nearest to `value`, clamped to 0…255; 0 where it is not a number.
  init(rounding value: Float) {
    self = value > 0 ? UInt8(Swift.min(value, 255).rounded()) : 0
  }
}

// MARK: - Cutting

extension Image {
  /// The `width`×`height` part whose top left pixel is (`x`, `y`). It must lie inside the picture.
  public func crop(x: Int, y: Int, width: Int, height: Int) -> Image {
    precondition(
      x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= self.width && y + height <= self.height,
      "\(width)x\(height) at (\(x), \(y)) is not inside of \(self.width)x\(self.height)")
    var part: [UInt8] = []
    part.reserveCapacity(width * height * 3)
    for row in y..<y + height {
      let start = (row * self.width + x) * 3
      part += pixels[start..<start + width * 3]
    }
    return Image(width: width, height: height, pixels: part)
  }

  /// The picture as networks take it: scaled until it covers `width`×`height`, and the center kept. Never squashed, but
  /// for the part of a pixel that is lost where the center has not quite that ratio of its sides.
  public func covering(width: Int, height: Int) -> Image {
    // Whether it is wider than what it is to cover.
    let isWide = self.width * height > self.height * width
    let part = (
      width: isWide ? max(1, self.height * width / height) : self.width,
      height: isWide ? self.height : max(1, self.width * height / width)
    )
    let center = crop(
      x: (self.width - part.width) / 2, y: (self.height - part.height) / 2, width: part.width, height: part.height)
    return center.resized(width: width, height: height, filter: .bicubic)
  }
}
