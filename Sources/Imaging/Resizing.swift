import Foundation

/// A kernel that weighs the pixels around a point.
public enum ResizeFilter: Sendable, Hashable {
  /// The pixel that the point falls into.
  case nearest
  /// All pixels in reach alike; with antialias this averages the covered area.
  case box
  /// A triangle over ±1 pixel.
  case bilinear
  /// Keys' cubic convolution over ±2 pixels with parameter a (IEEE TASSP 29(6), 1981).
  case cubic(a: Double)
  /// sinc(x)·sinc(x/3) over ±3 pixels.
  case lanczos

  /// The cubic of Pillow, and of PyTorch with antialias.
  public static let bicubic = ResizeFilter.cubic(a: -0.5)
  /// The cubic of PyTorch without antialias, as CLIP's preprocessing of tensors has it.
  public static let torchBicubic = ResizeFilter.cubic(a: -0.75)

  /// The kernel is zero from this distance on.
  var support: Double {
    switch self {
    case .nearest, .box: 0.5
    case .bilinear: 1
    case .cubic: 2
    case .lanczos: 3
    }
  }

  /// The kernel at the distance `x`.
  func weight(_ x: Double) -> Double {
    let d = abs(x)
    switch self {
    case .nearest, .box:
      // Half open, so that a point between two pixels has one of them.
      return x > -0.5 && x <= 0.5 ? 1 : 0
    case .bilinear:
      return max(0, 1 - d)
    case .cubic(let a):
      if d < 1 { return ((a + 2) * d - (a + 3)) * d * d + 1 }
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0
    case .lanczos:
      if d == 0 { return 1 }
      return d < 3 ? 3 * sin(.pi * d) * sin(.pi * d / 3) / (.pi * .pi * d * d) : 0
    }
  }
}

extension Image {
  /// The picture at another size; the ratio of its sides is the caller's business (see ``squared(size:)``).
  ///
  /// Pixel i covers [i, i+1), and output pixel i has its centre at (i + ½)·(old/new).
  /// - With `antialias`, the kernel is widened by old/new when shrinking, cut off at the border and renormalised;
  ///   columns first, rounded to 8 bits, then rows. These are the results of Pillow's `resize` to within one level.
  /// - Without, the kernel keeps its width, and the border's pixels are repeated outwards. These are the results of
  ///   PyTorch's `interpolate` (`align_corners=False`, `antialias=False`), rounded and clamped at the end.
  public func resized(width: Int, height: Int, filter: ResizeFilter, antialias: Bool) -> Image {
    precondition(width > 0 && height > 0, "a picture has at least one pixel")
    if width == self.width && height == self.height { return self }
    let columns = Resampling(from: self.width, to: width, filter: filter, antialias: antialias)
    let rows = Resampling(from: self.height, to: height, filter: filter, antialias: antialias)
    var narrow = columns.resampleColumns(of: pixels, height: self.height)
    if antialias { for index in narrow.indices { narrow[index] = Float(UInt8(rounding: narrow[index])) } }
    return Image(width: width, height: height, pixels: rows.resampleRows(of: narrow, rowLength: width * 3))
  }

  /// The picture with every pixel made a square of `factor`×`factor`.
  public func magnified(by factor: Int) -> Image {
    resized(width: width * factor, height: height * factor, filter: .nearest, antialias: false)
  }
}

/// For every pixel along one side of the result, which pixels of the source it is made of.
struct Resampling {
  struct Taps {
    /// Source pixels; one may come twice, at the border.
    let indices: [Int]
    /// A weight for each, with sum 1.
    let weights: [Float]
  }

  let sourceCount: Int
  let taps: [Taps]

  init(from old: Int, to new: Int, filter: ResizeFilter, antialias: Bool) {
    sourceCount = old
    let scale = Double(old) / Double(new)
    let widening = antialias && filter != .nearest ? max(scale, 1) : 1
    let reach = filter.support * widening
    taps = (0..<new).map { position in
      let center = (Double(position) + 0.5) * scale
      if filter == .nearest { return Taps(indices: [min(Int(center), old - 1)], weights: [1]) }
      var range = Int((center - reach).rounded(.down))...Int((center + reach).rounded(.up))
      if antialias { range = range.clamped(to: 0...old - 1) }
      let weighted = range.map { (min(max($0, 0), old - 1), filter.weight((Double($0) + 0.5 - center) / widening)) }
        .filter { $0.1 != 0 }
      let sum = weighted.reduce(0) { $0 + $1.1 }
      return Taps(indices: weighted.map(\.0), weights: weighted.map { Float($0.1 / sum) })
    }
  }

  /// Changes the width of `height` rows of RGB pixels.
  func resampleColumns(of pixels: [UInt8], height: Int) -> [Float] {
    var result = [Float](repeating: 0, count: height * taps.count * 3)
    for row in 0..<height {
      let source = row * sourceCount * 3
      let target = row * taps.count * 3
      for (position, tap) in taps.enumerated() {
        var (red, green, blue): (Float, Float, Float) = (0, 0, 0)
        for (index, weight) in zip(tap.indices, tap.weights) {
          let pixel = source + index * 3
          red += weight * Float(pixels[pixel])
          green += weight * Float(pixels[pixel + 1])
          blue += weight * Float(pixels[pixel + 2])
        }
        let pixel = target + position * 3
        (result[pixel], result[pixel + 1], result[pixel + 2]) = (red, green, blue)
      }
    }
    return result
  }

  /// Changes the number of rows of `rowLength` numbers each, and rounds.
  func resampleRows(of rows: [Float], rowLength: Int) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(taps.count * rowLength)
    var sums = [Float](repeating: 0, count: rowLength)
    for tap in taps {
      for column in 0..<rowLength { sums[column] = 0 }
      for (index, weight) in zip(tap.indices, tap.weights) {
        let source = index * rowLength
        for column in 0..<rowLength { sums[column] += weight * rows[source + column] }
      }
      for sum in sums { result.append(UInt8(rounding: sum)) }
    }
    return result
  }
}
