typealias Color = SIMD3<Float>

/// A square of floating-point pixels and labels that shapes are painted on, from back to front.
///
/// The picture spans [−1, 1] in x (rightwards) and y (downwards). All arithmetic is addition, multiplication,
/// division and square root, which IEEE 754 rounds exactly: every machine paints the same bytes.
struct Canvas: ~Copyable {
  let size: Int
  /// The side of a pixel.
  let pitch: Float
  let pixels: UnsafeMutablePointer<Color>
  let labels: UnsafeMutablePointer<UInt8>

  init(size: Int) {
    precondition(size > 0, "a picture has pixels")
    self.size = size
    pitch = 2 / Float(size)
    pixels = .allocate(capacity: size * size)
    pixels.initialize(repeating: .zero, count: size * size)
    labels = .allocate(capacity: size * size)
    labels.initialize(repeating: Region.background.rawValue, count: size * size)
  }

  deinit {
    pixels.deallocate()
    labels.deallocate()
  }

  /// Paints the inside of a shape, with anti-aliased edges.
  ///
  /// - Parameters:
  ///   - box: bounds of the shape in the frame's coordinates.
  ///   - region: what the inside is labeled as; nil leaves labels alone.
  ///   - softness: how much wider than a pixel the transition at the rim is, in pixels of a picture of side 64.
  ///   - distance: signed distance from the rim, negative inside; needs to be right only near the rim.
  ///   - color: color and opacity in the frame's coordinates.
  @inline(__always)
  func fill(
    _ box: Box, in frame: Frame, as region: Region?, softness: Float = 0,
    distance: (Float, Float) -> Float, color: (Float, Float) -> (Color, Float)
  ) {
    let (columns, rows) = frame.pixels(of: box, size: size)
    let slope = frame.scale / (1.2 * pitch + softness / 32)
    for row in rows {
      let y = (Float(row) + 0.5) * pitch - 1
      for column in columns {
        let x = (Float(column) + 0.5) * pitch - 1
        let (u, v) = frame.local(x, y)
        let d = distance(u, v)
        let coverage = clamp(0.5 - d * slope)
        if coverage <= 0 { continue }
        let k = row * size + column
        let (paint, opacity) = color(u, v)
        pixels[k] += (paint - pixels[k]) * (coverage * opacity)
        if let region, d < 0 { labels[k] = region.rawValue }
      }
    }
  }

  /// Draws a straight line with round ends.
  func line(
    _ start: (Float, Float), _ end: (Float, Float), width: Float, in frame: Frame, as region: Region? = nil,
    softness: Float = 0, _ color: Color, _ opacity: Float = 1
  ) {
    let margin = width + 0.06
    let box = Box(
      min(start.0, end.0) - margin, min(start.1, end.1) - margin, max(start.0, end.0) + margin,
      max(start.1, end.1) + margin)
    fill(box, in: frame, as: region, softness: softness) { u, v in
      Shape.segment(u, v, start, end) - width / 2
    } color: { _, _ in
      (color, opacity)
    }
  }

  /// Bytes of the picture.
  func bytes() -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: size * size * 3) { buffer, count in
      for k in 0..<size * size {
        for channel in 0..<3 { buffer[k * 3 + channel] = UInt8(clamp(pixels[k][channel]) * 255 + 0.5) }
      }
      count = size * size * 3
    }
  }

  func labelBytes() -> [UInt8] { [UInt8](UnsafeBufferPointer(start: labels, count: size * size)) }
}

/// A rectangle in a frame's coordinates.
struct Box {
  let left, top, right, bottom: Float

  init(_ left: Float, _ top: Float, _ right: Float, _ bottom: Float) {
    self.left = left
    self.top = top
    self.right = right
    self.bottom = bottom
  }

  static let everything = Box(-4, -4, 4, 4)
}

/// Moved, turned and magnified coordinates: those of a head.
struct Frame {
  let x, y, scale: Float
  private let cosine, sine: Float

  /// The picture's own coordinates.
  static let picture = Frame(x: 0, y: 0, scale: 1, halfAngle: 0)

  /// Turned clockwise by twice the angle whose tangent is `halfAngle`.
  init(x: Float, y: Float, scale: Float, halfAngle t: Float) {
    self.x = x
    self.y = y
    self.scale = scale
    cosine = (1 - t * t) / (1 + t * t)
    sine = 2 * t / (1 + t * t)
  }

  @inline(__always)
  func local(_ px: Float, _ py: Float) -> (Float, Float) {
    let (dx, dy) = ((px - x) / scale, (py - y) / scale)
    return (cosine * dx + sine * dy, cosine * dy - sine * dx)
  }

  /// The pixels that the box, widened by a pixel, may touch.
  func pixels(of box: Box, size: Int) -> (columns: Range<Int>, rows: Range<Int>) {
    var (lowX, highX, lowY, highY) = (Float.infinity, -Float.infinity, Float.infinity, -Float.infinity)
    for u in [box.left, box.right] {
      for v in [box.top, box.bottom] {
        let px = x + scale * (cosine * u - sine * v)
        let py = y + scale * (sine * u + cosine * v)
        lowX = min(lowX, px)
        highX = max(highX, px)
        lowY = min(lowY, py)
        highY = max(highY, py)
      }
    }
    func range(_ low: Float, _ high: Float) -> Range<Int> {
      let scale = Float(size) / 2
      let first = max(0, min(size, Int(((low + 1) * scale - 2).rounded(.down))))
      let last = max(first, min(size, Int(((high + 1) * scale + 2).rounded(.up))))
      return first..<last
    }
    return (range(lowX, highX), range(lowY, highY))
  }
}

@inline(__always) func clamp(_ value: Float) -> Float { max(0, min(1, value)) }

/// From 0 at `low` to 1 at `high`, smoothly.
@inline(__always) func ramp(_ value: Float, _ low: Float, _ high: Float) -> Float {
  let t = clamp((value - low) / (high - low))
  return t * t * (3 - 2 * t)
}

@inline(__always) func mix(_ a: Color, _ b: Color, _ t: Float) -> Color { a + (b - a) * t }
@inline(__always) func mix(_ a: Float, _ b: Float, _ t: Float) -> Float { a + (b - a) * t }
