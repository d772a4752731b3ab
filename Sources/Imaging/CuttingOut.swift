import Foundation

extension Image {
  /// What lies at a placement in this picture, turned and resampled by Keys' cubic kernel (a = −½), widened where pixels
  /// get fewer, as in ``resized(width:height:filter:)``.
  ///
  /// Beyond its edges the picture is mirrored, as FFHQ and CelebA-HQ have it (Karras et al. 2018): there it is blurred,
  /// by a standard deviation of 0.02 sides, and fades to the median color. The blur begins a tenth of a side inside of
  /// the edge. O(pixels of the picture that are covered + pixels of the result), but for the blur, whose work is
  /// proportional to a side for each pixel of the result.
  public func cutOut(_ placement: Placement) -> Image {
    precondition(
      placement.sourceWidth == width && placement.sourceHeight == height, "a placement in another picture")
    let edges = EdgeFading(placement)
    let sigma = 0.02 * Double(max(placement.width, placement.height))
    // The blur looks at what lies around the result.
    let apron = edges == nil ? 0 : Int((3 * sigma).rounded(.up))
    let (across, down) = (placement.width + 2 * apron, placement.height + 2 * apron)
    var levels = WarpKernel(placement).levels(of: self, apron: apron)
    if let edges {
      let blurred = Self.blurred(levels, width: across, height: down, sigma: sigma)
      let colors = (0..<3).map { Self.median(of: blurred, channel: $0) }
      for row in 0..<down {
        for column in 0..<across {
          let place = placement.inSource(
            x: Double(column - apron) + 0.5, y: Double(row - apron) + 0.5)
          let (blur, fade) = edges.weights(at: place)
          guard blur > 0 else { continue }
          for channel in 0..<3 {
            let index = (row * across + column) * 3 + channel
            levels[index] += (blurred[index] - levels[index]) * blur
            levels[index] += (colors[channel] - levels[index]) * fade
          }
        }
      }
    }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(placement.width * placement.height * 3)
    for row in apron..<apron + placement.height {
      for index in (row * across + apron) * 3..<(row * across + apron + placement.width) * 3 {
        pixels.append(UInt8(rounding: levels[index]))
      }
    }
    return Image(width: placement.width, height: placement.height, pixels: pixels)
  }

  /// By a Gaussian, cut off at three standard deviations; edges are repeated.
  private static func blurred(_ levels: [Float], width: Int, height: Int, sigma: Double) -> [Float] {
    let reach = Int((3 * sigma).rounded(.up))
    let weights = (-reach...reach).map { Float(exp(-Double($0 * $0) / (2 * sigma * sigma))) }
    let total = weights.reduce(0, +)
    /// Along lines of `count` pixels, `step` numbers apart.
    func blurred(_ values: [Float], lines: [Int], count: Int, step: Int) -> [Float] {
      var result = values
      for start in lines {
        for place in 0..<count {
          for channel in 0..<3 {
            var sum: Float = 0
            for (offset, weight) in weights.enumerated() {
              sum += weight * values[start + min(max(place + offset - reach, 0), count - 1) * step + channel]
            }
            result[start + place * step + channel] = sum / total
          }
        }
      }
      return result
    }
    let across = blurred(levels, lines: (0..<height).map { $0 * width * 3 }, count: width, step: 3)
    return blurred(across, lines: (0..<width).map { $0 * 3 }, count: height, step: width * 3)
  }

  /// Of the levels of a channel, each rounded.
  private static func median(of levels: [Float], channel: Int) -> Float {
    var counts = [Int](repeating: 0, count: 256)
    for index in stride(from: channel, to: levels.count, by: 3) { counts[Int(UInt8(rounding: levels[index]))] += 1 }
    var before = 0
    let middle = counts.firstIndex { count in
      before += count
      return 2 * before >= levels.count / 3
    }
    return Float(middle ?? 0)
  }
}

/// How much is left of a picture's mirrored surroundings, by where they lie.
private struct EdgeFading {
  private let width, height: Double
  /// Beyond the left, top, right and bottom edge, over which the picture fades: as far as the placement reaches and a
  /// tenth of a side more, three tenths of a side at least.
  private let reach: (left: Double, top: Double, right: Double, bottom: Double)

  /// Nil where the placement lies inside of the picture.
  init?(_ placement: Placement) {
    let corners = [(0, 0), (1, 0), (0, 1), (1, 1)].map {
      placement.inSource(x: Double($0.0 * placement.width), y: Double($0.1 * placement.height))
    }
    let (xs, ys) = (corners.map(\.x), corners.map(\.y))
    width = Double(placement.sourceWidth)
    height = Double(placement.sourceHeight)
    let beyond = [-(xs.min() ?? 0), -(ys.min() ?? 0), (xs.max() ?? 0) - width, (ys.max() ?? 0) - height]
    guard beyond.contains(where: { $0 > 0 }) else { return nil }
    let side = max(
      hypot(corners[1].x - corners[0].x, corners[1].y - corners[0].y),
      hypot(corners[2].x - corners[0].x, corners[2].y - corners[0].y))
    let reaches = beyond.map { max(max($0, 0) + 0.1 * side, 0.3 * side) }
    reach = (reaches[0], reaches[1], reaches[2], reaches[3])
  }

  /// How much of the blurred picture is taken at a position, of 1, and then how much of the median color.
  func weights(at place: Placement.Point) -> (blur: Float, fade: Float) {
    let depth = max(
      -place.x / reach.left, -place.y / reach.top, (place.x - width) / reach.right, (place.y - height) / reach.bottom)
    return (Float(min(max(3 * depth + 1, 0), 1)), Float(min(max(depth, 0), 1)))
  }
}

/// A cubic kernel that moves over a picture along the axes of a placement.
private struct WarpKernel {
  private let placement: Placement
  /// What one pixel of the picture, to the right and down, is in the placement; in units of the kernel.
  private let right: (u: Float, v: Float), below: (u: Float, v: Float)
  /// How far from its center it reaches in the picture, in pixels.
  private let reach: (x: Double, y: Double)
  /// Units of the kernel in a pixel of the result.
  private let units: (u: Double, v: Double)
  private let table: [Float]

  private static let support = ResizeFilter.bicubic.support
  private static let resolution: Float = 512

  init(_ placement: Placement) {
    self.placement = placement
    func side(_ corner: Placement.Point, _ count: Int) -> (x: Double, y: Double) {
      ((corner.x - placement.topLeft.x) / Double(count), (corner.y - placement.topLeft.y) / Double(count))
    }
    let across = side(placement.topRight, placement.width)
    let down = side(placement.bottomLeft, placement.height)
    units = (min(1, hypot(across.x, across.y)), min(1, hypot(down.x, down.y)))
    let (halfU, halfV) = (Self.support / units.u, Self.support / units.v)
    reach = (halfU * abs(across.x) + halfV * abs(down.x), halfU * abs(across.y) + halfV * abs(down.y))
    let area = across.x * down.y - across.y * down.x
    right = (Float(down.y / area * units.u), Float(-across.y / area * units.v))
    below = (Float(-down.x / area * units.u), Float(across.x / area * units.v))
    table = (0...Int(Float(Self.support) * Self.resolution)).map {
      Float(ResizeFilter.bicubic.weight(Double($0) / Double(Self.resolution)))
    }
  }

  /// Levels, 0…255 and a little beyond, of the placement with so many pixels more on each side: rows, columns, channels.
  func levels(of image: Image, apron: Int) -> [Float] {
    let (columns, rows) = (placement.width + 2 * apron, placement.height + 2 * apron)
    var levels = [Float](repeating: 0, count: columns * rows * 3)
    image.pixels.withUnsafeBufferPointer { pixels in
      table.withUnsafeBufferPointer { table in
        for row in 0..<rows {
          for column in 0..<columns {
            let center = placement.inSource(x: Double(column - apron) + 0.5, y: Double(row - apron) + 0.5)
            let color = sum(around: center, pixels, table, image.width, image.height)
            let index = (row * columns + column) * 3
            (levels[index], levels[index + 1], levels[index + 2]) = (color.x, color.y, color.z)
          }
        }
      }
    }
    return levels
  }

  private func sum(
    around center: Placement.Point, _ pixels: UnsafeBufferPointer<UInt8>, _ table: UnsafeBufferPointer<Float>,
    _ width: Int, _ height: Int
  ) -> SIMD3<Float> {
    let (left, top) = (Int((center.x - reach.x).rounded(.down)), Int((center.y - reach.y).rounded(.down)))
    let (end, bottom) = (Int((center.x + reach.x).rounded(.up)), Int((center.y + reach.y).rounded(.up)))
    var sum = SIMD3<Float>(repeating: 0)
    var total: Float = 0
    let limit = Float(Self.support)
    for y in top..<bottom {
      let line = Self.mirrored(y, height) * width
      let dy = Float(Double(y) + 0.5 - center.y)
      for x in left..<end {
        let dx = Float(Double(x) + 0.5 - center.x)
        let (u, v) = (abs(dx * right.u + dy * below.u), abs(dx * right.v + dy * below.v))
        guard u < limit, v < limit else { continue }
        let weight = table[Int(u * Self.resolution + 0.5)] * table[Int(v * Self.resolution + 0.5)]
        let index = (line + Self.mirrored(x, width)) * 3
        sum += weight * SIMD3(Float(pixels[index]), Float(pixels[index + 1]), Float(pixels[index + 2]))
        total += weight
      }
    }
    return sum / total
  }

  /// The pixel that stands for one beyond the edge: −1 is 1, as the edge itself is not repeated.
  private static func mirrored(_ index: Int, _ count: Int) -> Int {
    if index >= 0 && index < count { return index }
    guard count > 1 else { return 0 }
    let period = 2 * (count - 1)
    let place = (index % period + period) % period
    return place < count ? place : period - place
  }
}
