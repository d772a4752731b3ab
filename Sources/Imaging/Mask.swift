import Foundation

/// Where a picture is to be edited: 1 inside, 0 outside, anything between on soft edges.
public struct Mask: Sendable, Equatable {
  /// Columns, at least 1.
  public let width: Int
  /// Rows, at least 1.
  public let height: Int
  /// Rows from the top, in each the pixels from the left, in [0, 1].
  public let values: [Float]

  /// - Parameter values: in the order of ``values``.
  public init(width: Int, height: Int, values: [Float]) {
    precondition(width > 0 && height > 0, "a mask has at least one pixel")
    precondition(values.count == width * height, "\(values.count) values of \(width)×\(height)")
    self.width = width
    self.height = height
    self.values = values
  }

  /// What lies in a rectangle, in pixels from the top left corner; a pixel does if its center does.
  public init(width: Int, height: Int, left: Double, top: Double, right: Double, bottom: Double) {
    self.init(
      width: width, height: height,
      polygon: [(left, top), (right, top), (right, bottom), (left, bottom)])
  }

  /// What lies in a polygon whose edges may cross (by the even-odd rule), in pixels from the top left corner; a pixel does
  /// if its center does.
  public init(width: Int, height: Int, polygon: [(x: Double, y: Double)]) {
    var values = [Float](repeating: 0, count: width * height)
    for row in 0..<height {
      let y = Double(row) + 0.5
      let crossings = polygon.indices.compactMap { place -> Double? in
        let (a, b) = (polygon[place], polygon[(place + 1) % polygon.count])
        guard (a.y <= y) != (b.y <= y) else { return nil }
        return a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x)
      }.sorted()
      for pair in stride(from: 0, to: crossings.count - 1, by: 2) {
        // Pixels whose centers lie from one crossing to the next.
        let first = max(0, (crossings[pair] - 0.5).rounded(.up))
        let end = min(Double(width), (crossings[pair + 1] - 0.5).rounded(.up))
        guard first < end else { continue }
        for column in Int(first)..<Int(end) { values[row * width + column] = 1 }
      }
    }
    self.init(width: width, height: height, values: values)
  }

  /// A gray picture: black is 0, white 1. Nil where it has colors.
  public init?(_ image: Image) {
    let gray = stride(from: 0, to: image.pixels.count, by: 3).map { place -> Float? in
      let level = image.pixels[place]
      return image.pixels[place + 1] == level && image.pixels[place + 2] == level ? Float(level) / 255 : nil
    }
    guard !gray.contains(nil) else { return nil }
    self.init(width: image.width, height: image.height, values: gray.compactMap(\.self))
  }

  /// As a gray picture, in 256 levels.
  public var image: Image {
    Image(width: width, height: height, floats: values.flatMap { [$0, $0, $0] }, in: 0...1)
  }

  /// Whether it leaves out everything.
  public var isEmpty: Bool { values.allSatisfy { $0 == 0 } }

  /// What is in one of two masks of a size.
  public func union(_ other: Mask) -> Mask { combined(with: other, max) }

  /// What is in both of two masks of a size.
  public func intersection(_ other: Mask) -> Mask { combined(with: other, min) }

  public var inverted: Mask { Mask(width: width, height: height, values: values.map { 1 - $0 }) }

  private func combined(with other: Mask, _ choose: (Float, Float) -> Float) -> Mask {
    precondition(width == other.width && height == other.height, "masks of two sizes")
    return Mask(width: width, height: height, values: zip(values, other.values).map(choose))
  }

  /// Larger on all sides by so many pixels, or smaller where `radius` is negative; what is outside of the picture
  /// does not count. O(pixels · radius).
  public func grown(by radius: Double) -> Mask {
    guard radius != 0 else { return self }
    let reach = Int(abs(radius).rounded(.down))
    func isBetter(_ a: Float, _ b: Float) -> Bool { radius > 0 ? a > b : a < b }
    // The disc is a stack of rows, and those of one length are looked at once.
    let offsets = Dictionary(grouping: -reach...reach) { offset -> Int in
      let rest = radius * radius - Double(offset * offset)
      return Int(rest.squareRoot().rounded(.down))
    }
    var result = values
    for (half, offsets) in offsets {
      let spread = spread(alongRowsBy: half, isBetter)
      for offset in offsets {
        for y in max(0, -offset)..<max(0, -offset, min(height, height - offset)) {
          let (place, source) = (y * width, (y + offset) * width)
          for x in 0..<width where isBetter(spread[source + x], result[place + x]) {
            result[place + x] = spread[source + x]
          }
        }
      }
    }
    return Mask(width: width, height: height, values: result)
  }

  /// Of each value's neighbors in its row, up to `half` to each side, the one chosen. O(pixels): of those that may still be
  /// chosen, in their order, each is better than all behind it, and the first is the answer.
  private func spread(alongRowsBy half: Int, _ isBetter: (Float, Float) -> Bool) -> [Float] {
    var result = values
    var candidates: [Int] = []
    for row in stride(from: 0, to: values.count, by: width) {
      candidates.removeAll(keepingCapacity: true)
      var first = 0
      for x in 0..<width + half {
        if x < width {
          while candidates.count > first, let last = candidates.last, !isBetter(values[row + last], values[row + x]) {
            candidates.removeLast()
          }
          candidates.append(x)
        }
        let center = x - half
        guard center >= 0 else { continue }
        while candidates[first] < center - half { first += 1 }
        result[row + center] = values[row + candidates[first]]
      }
    }
    return result
  }

  /// With soft edges: blurred by a Gaussian of this standard deviation in pixels, cut off at three of them.
  public func feathered(by sigma: Double) -> Mask {
    guard sigma > 0 else { return self }
    let reach = Int((3 * sigma).rounded(.up))
    let weights = (-reach...reach).map { exp(-Double($0 * $0) / (2 * sigma * sigma)) }
    let total = weights.reduce(0, +)
    func blurred(_ values: [Float], _ count: Int, _ index: (_ line: Int, _ place: Int) -> Int, lines: Int) -> [Float] {
      var result = values
      for line in 0..<lines {
        for place in 0..<count {
          let sum = weights.indices.reduce(0.0) { sum, offset in
            sum + weights[offset] * Double(values[index(line, min(max(place + offset - reach, 0), count - 1))])
          }
          result[index(line, place)] = Float(min(max(sum / total, 0), 1))
        }
      }
      return result
    }
    let across = blurred(values, width, { $0 * width + $1 }, lines: height)
    return Mask(width: width, height: height, values: blurred(across, height, { $1 * width + $0 }, lines: width))
  }
}
