import Foundation

/// A kernel that weighs the pixels around a point.
public enum ResizeFilter: Sendable, Hashable {
  /// The pixel that the point falls into.
  case nearest
  /// Keys' cubic convolution over ±2 pixels with a = −½ (IEEE TASSP 29(6), 1981).
  case bicubic
  /// sinc(x)·sinc(x/3) over ±3 pixels.
  case lanczos
  /// 1 − |x| over ±1 pixel: it never overshoots.
  case bilinear

  /// The kernel is zero from this distance on.
  var support: Double {
    switch self {
    case .nearest: 0.5
    case .bicubic: 2
    case .lanczos: 3
    case .bilinear: 1
    }
  }

  /// The kernel at the distance `x`.
  func weight(_ x: Double) -> Double {
    let d = abs(x)
    switch self {
    case .nearest:
      // Half open, so that a point between two pixels has one of them.
      return x > -0.5 && x <= 0.5 ? 1 : 0
    case .bicubic:
      if d < 1 { return (1.5 * d - 2.5) * d * d + 1 }
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * -0.5 : 0
    case .bilinear: return max(0, 1 - d)
    case .lanczos:
      if d == 0 { return 1 }
      return d < 3 ? 3 * sin(.pi * d) * sin(.pi * d / 3) / (.pi * .pi * d * d) : 0
    }
  }
}

extension Image {
  /// The picture at another size; the ratio of its sides is the caller's business (see ``covering(width:height:)``).
  ///
  /// Pixel i covers [i, i+1), and output pixel i has its center at (i + ½)·(old/new).
  /// The kernel is widened by old/new when shrinking, cut off at the border and renormalized; columns first, rounded to
  /// 8 bits, then rows. These are the results of Pillow's `resize` to within one level.
  public func resized(width: Int, height: Int, filter: ResizeFilter) -> Image {
    precondition(width > 0 && height > 0, "a picture has at least one pixel")
    if width == self.width && height == self.height { return self }
    let columns = Resampling(from: self.width, to: width, filter: filter)
    let rows = Resampling(from: self.height, to: height, filter: filter)
    var narrow = columns.resampleColumns(of: pixels, rows: 0..<self.height, channels: 3)
    for index in narrow.indices { narrow[index] = Float(UInt8(rounding: narrow[index])) }
    let result = rows.resampleRows(of: narrow, rowLength: width * 3)
    return Image(width: width, height: height, pixels: result.map { UInt8(rounding: $0) })
  }
}

/// How a picture goes on beyond its border.
public enum Border: String, Sendable, CaseIterable {
  /// Mirrored, the pixels at the border twice.
  case reflect
  /// The pixels at the border again and again.
  case edge

  /// The pixel of `count` that stands at `index`, which may be any number.
  func index(_ index: Int, of count: Int) -> Int {
    switch self {
    case .edge: return min(max(index, 0), count - 1)
    case .reflect:
      let remainder = index % (2 * count)
      let place = remainder < 0 ? remainder + 2 * count : remainder
      return place < count ? place : 2 * count - 1 - place
    }
  }
}

extension Image {
  /// Mean levels, 0…255, over cells of a part of the picture, as PyTorch's adaptive average pooling and its
  /// `interpolate(mode: "area")` have them: of n cells over m pixels, cell i covers ⌊i·m/n⌋ ..< ⌈(i+1)·m/n⌉.
  ///
  /// - Parameters:
  ///   - x: the part's columns.
  ///   - y: its rows.
  ///   - width: cells across the part.
  ///   - height: cells down it.
  ///   - columns: those that are asked for.
  ///   - rows: the same downwards.
  /// - Returns: rows.count × columns.count × 3 numbers.
  public func cellMeans(
    x: Range<Int>, y: Range<Int>, width: Int, height: Int, columns: Range<Int>, rows: Range<Int>
  ) -> [Float] {
    precondition(x.lowerBound >= 0 && x.upperBound <= self.width && !x.isEmpty, "columns \(x) of \(self.width)")
    precondition(y.lowerBound >= 0 && y.upperBound <= self.height && !y.isEmpty, "rows \(y) of \(self.height)")
    func cell(_ index: Int, of count: Int, over part: Range<Int>) -> Range<Int> {
      let end = ((index + 1) * part.count + count - 1) / count
      return part.lowerBound + index * part.count / count..<part.lowerBound + end
    }
    let across = columns.map { cell($0, of: width, over: x) }
    guard let first = across.first?.lowerBound, let end = across.last?.upperBound else { return [] }
    let line = (end - first) * 3
    var sums = [Int](repeating: 0, count: line)
    var means: [Float] = []
    means.reserveCapacity(rows.count * columns.count * 3)
    pixels.withUnsafeBufferPointer { pixels in
      sums.withUnsafeMutableBufferPointer { sums in
        for row in rows {
          let down = cell(row, of: height, over: y)
          sums.update(repeating: 0)
          for source in down {
            let start = (source * self.width + first) * 3
            for place in 0..<line { sums[place] &+= Int(pixels[start + place]) }
          }
          for cell in across {
            var (red, green, blue) = (0, 0, 0)
            for column in cell {
              let place = (column - first) * 3
              red &+= sums[place]
              green &+= sums[place + 1]
              blue &+= sums[place + 2]
            }
            let count = Float(cell.count * down.count)
            means.append(Float(red) / count)
            means.append(Float(green) / count)
            means.append(Float(blue) / count)
          }
        }
      }
    }
    return means
  }
}

/// For every pixel along one side of the result, which pixels of the source it is made of.
struct Resampling {
  struct Taps {
    /// Source pixels.
    let indices: [Int]
    /// A weight for each, with sum 1.
    let weights: [Float]
  }

  let sourceCount: Int
  let taps: [Taps]

  init(from old: Int, to new: Int, filter: ResizeFilter) {
    self.init(of: 0..<Double(old), from: old, to: new, filter: filter, border: nil)
  }

  /// - Parameters:
  ///   - part: what is resampled, in pixels of the source.
  ///   - border: how the source goes on; nil where the kernel is cut off at its ends and renormalized, as Pillow does,
  ///     for which all centers must lie inside.
  init(of part: Range<Double>, from old: Int, to new: Int, filter: ResizeFilter, border: Border?) {
    sourceCount = old
    let scale = (part.upperBound - part.lowerBound) / Double(new)
    let widening = max(scale, 1)
    let reach = filter.support * widening
    taps = (0..<new).map { position in
      let center = part.lowerBound + (Double(position) + 0.5) * scale
      if filter == .nearest { return Taps(indices: [min(Int(center), old - 1)], weights: [1]) }
      let range = Int((center - reach).rounded(.down))...Int((center + reach).rounded(.up))
      let weighted = (border == nil ? range.clamped(to: 0...old - 1) : range)
        .map { ($0, filter.weight((Double($0) + 0.5 - center) / widening)) }
        .filter { $0.1 != 0 }
      let sum = weighted.reduce(0) { $0 + $1.1 }
      return Taps(
        indices: weighted.map { place, _ in border?.index(place, of: old) ?? place },
        weights: weighted.map { Float($0.1 / sum) })
    }
  }

  /// The source pixels that are needed.
  var needed: Range<Int> {
    let indices = taps.lazy.flatMap(\.indices)
    return (indices.min() ?? 0)..<(indices.max() ?? -1) + 1
  }

  /// Changes the width of some of the rows of a picture.
  func resampleColumns<Channel: PictureChannel>(of pixels: [Channel], rows: Range<Int>, channels: Int) -> [Float] {
    let length = taps.count * channels
    var result = [Float](repeating: 0, count: rows.count * length)
    pixels.withUnsafeBufferPointer { pixels in
      result.withUnsafeMutableBufferPointer { result in
        for (place, row) in rows.enumerated() {
          let source = row * sourceCount * channels
          for (position, tap) in taps.enumerated() {
            let target = place * length + position * channels
            for (index, weight) in zip(tap.indices, tap.weights) {
              let pixel = source + index * channels
              for channel in 0..<channels { result[target + channel] += weight * pixels[pixel + channel].number }
            }
          }
        }
      }
    }
    return result
  }

  /// Changes the number of rows of `rowLength` numbers each, the first of which is row `first` of the source.
  func resampleRows(of rows: [Float], rowLength: Int, first: Int = 0) -> [Float] {
    var result: [Float] = []
    result.reserveCapacity(taps.count * rowLength)
    var sums = [Float](repeating: 0, count: rowLength)
    for tap in taps {
      for column in 0..<rowLength { sums[column] = 0 }
      for (index, weight) in zip(tap.indices, tap.weights) {
        let source = (index - first) * rowLength
        for column in 0..<rowLength { sums[column] += weight * rows[source + column] }
      }
      result += sums
    }
    return result
  }
}

/// A channel of a pixel, as pictures hold them: bytes, or numbers in [−1, 1].
protocol PictureChannel {
  /// It as it is.
  var number: Float { get }
  /// The nearest one.
  init(nearest number: Float)
  /// What 0 and 1 of the range [−1, 1] are among such numbers.
  static var middle: Float { get }
  static var span: Float { get }
}

extension UInt8: PictureChannel {
  var number: Float { Float(self) }
  init(nearest number: Float) { self.init(rounding: number) }
  static var middle: Float { 127.5 }
  static var span: Float { 127.5 }
}

extension Float: PictureChannel {
  var number: Float { self }
  init(nearest number: Float) { self = number }
  static var middle: Float { 0 }
  static var span: Float { 1 }
}
