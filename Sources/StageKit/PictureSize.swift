/// Columns and rows of a picture.
public struct PictureSize: Sendable, Hashable, CustomStringConvertible {
  public let width: Int
  public let height: Int

  public init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }

  public init(side: Int) { self.init(width: side, height: side) }

  public var pixels: Int { width * height }
  public var description: String { "\(width)×\(height)" }
}

/// A recipe gives one number for a square, or `[width, height]`.
extension PictureSize: ParameterValue {
  public static func kind(_ bounds: ClosedRange<Int>) -> ParameterDeclaration.Kind { .size(bounds) }

  public init?(_ value: Value) {
    guard let sides = value.sides else { return nil }
    self.init(width: sides[0], height: sides[1])
  }

  public var value: Value { width == height ? .int(width) : .list([.int(width), .int(height)]) }
}

extension Value {
  /// Width and height of a size: one number is both; nil where it is no size.
  package var sides: [Int]? {
    if let side = int { return [side, side] }
    guard let sides = list?.compactMap(\.int), sides.count == 2, list?.count == 2 else { return nil }
    return sides
  }
}

/// Which pictures a diffusion model takes. It is convolutional: any that its levels can halve, up to some size.
public struct TakenSizes: Sendable, Hashable {
  /// Pixels on a side of the pictures that it was trained on.
  public let resolution: Int
  /// What width and height must be multiples of.
  public let step: Int

  /// So many times the pixels that a model was trained on are taken. With more it repeats what it knows, and the memory
  /// and work would be those of a photograph that somebody forgot to scale.
  public static let largestGrowth = 16

  public init(resolution: Int, step: Int) {
    self.resolution = resolution
    self.step = step
  }

  /// The largest number of pixels.
  public var limit: Int {
    let (area, overflow) = resolution.multipliedReportingOverflow(by: resolution)
    return overflow || area > Int.max / Self.largestGrowth ? .max : area * Self.largestGrowth
  }

  public func contains(_ size: PictureSize) -> Bool {
    size.width % step == 0 && size.height % step == 0 && size.width <= limit / size.height
  }

  /// What is wrong with the size of pictures, and what to do: `but the diffusion model takes …`.
  public var requirement: String {
    let sides = step == 1 ? "any sides" : "sides that are multiples of \(step)"
    return
      "but the diffusion model takes \(sides) and at most \(limit) pixels in all: load it with `size: \(resolution)`, at which the model was trained, or with another size"
  }
}
