/// Styles that redraw a finished photo.
enum Effects {
  /// Pencil on paper: outlines around regions and where the photo changes, hatching where it is dark, no color.
  static func sketch(_ canvas: borrowing Canvas) {
    let size = canvas.size
    let reach = max(1, size / 64)
    let tones = blurred(pixels(of: canvas), size: size, radius: max(1, size / 128), passes: 1).map(luminance)
    let outlines = blurred(outlines(canvas, reach), size: size, radius: reach, passes: 1)
    for row in 0..<size {
      for column in 0..<size {
        func tone(_ dx: Int, _ dy: Int) -> Float {
          tones[min(size - 1, max(0, row + dy)) * size + min(size - 1, max(0, column + dx))]
        }
        let k = row * size + column
        let (dx, dy) = (tone(reach, 0) - tone(-reach, 0), tone(0, reach) - tone(0, -reach))
        let edge = ramp((dx * dx + dy * dy).squareRoot(), 0.09, 0.40)
        let (x, y) = ((Float(column) + 0.5) * canvas.pitch, (Float(row) + 0.5) * canvas.pitch)
        let dark = 1 - tone(0, 0)
        // Strokes in two directions, the second only in the darkest parts; almost none on the background.
        let first = Shape.wave((x + y) * 8) * ramp(dark, 0.18, 0.70)
        let second = Shape.wave((x - y) * 8) * ramp(dark, 0.60, 0.95)
        let isBackground = canvas.labels[k] == Region.background.rawValue
        let hatch = isBackground ? 0.06 * first : 0.22 * first + 0.20 * second + 0.34 * ramp(dark, 0.35, 0.90)
        let grain = 0.025 * (Shape.noise(x * 30, y * 30, seed: 7) - 0.5)
        let line = max(0.66 * edge, min(0.75, 1.15 * outlines[k].x))
        let value = (0.965 + grain) * (1 - hatch) * (1 - line)
        canvas.pixels[k] = Color(value, value * 0.99, value * 0.965)
      }
    }
  }

  /// One where one of the large regions ends within `reach` pixels to the right or below.
  private static func outlines(_ canvas: borrowing Canvas, _ reach: Int) -> [Color] {
    let size = canvas.size
    // What lies within the face counts as skin: features are drawn by their contrast.
    let regions = canvas.labelBytes().map { label in
      switch Region(rawValue: label) {
      case .background, .hair, .neck, .clothing: label
      default: Region.skin.rawValue
      }
    }
    func region(_ row: Int, _ column: Int) -> UInt8 { regions[min(size - 1, row) * size + min(size - 1, column)] }
    var lines = [Color](repeating: .zero, count: size * size)
    for row in 0..<size {
      for column in 0..<size {
        let here = region(row, column)
        if here != region(row, column + reach) || here != region(row + reach, column) {
          lines[row * size + column] = .one
        }
      }
    }
    return lines
  }

  /// Blocks of four pixels (of 64) in the few colors of a palette.
  static func pixelate(_ canvas: borrowing Canvas, palette: [Color]) {
    let size = canvas.size
    let block = max(1, size / 16)
    for top in stride(from: 0, to: size, by: block) {
      for left in stride(from: 0, to: size, by: block) {
        let rows = top..<min(size, top + block)
        let columns = left..<min(size, left + block)
        var sum = Color.zero
        for row in rows { for column in columns { sum += canvas.pixels[row * size + column] } }
        let mean = sum / Float(rows.count * columns.count)
        var nearest = (color: mean, distance: Float.infinity)
        for color in palette {
          let distance = ((color - mean) * (color - mean)).sum()
          if distance < nearest.distance { nearest = (color, distance) }
        }
        for row in rows { for column in columns { canvas.pixels[row * size + column] = nearest.color } }
      }
    }
  }

  /// Pale washes that run over their outlines, darker at the rims, fading into paper towards the picture's edge.
  static func watercolor(_ canvas: borrowing Canvas, seed: UInt32) {
    let size = canvas.size
    let scale = Float(size) / 64
    let sharp = pixels(of: canvas)
    let wide = blurred(sharp, size: size, radius: max(1, size / 32), passes: 2)
    let paper = Color(0.985, 0.97, 0.935)
    for row in 0..<size {
      for column in 0..<size {
        let (x, y) = ((Float(column) + 0.5) * canvas.pitch - 1, (Float(row) + 0.5) * canvas.pitch - 1)
        // The wash is looked up a little beside its place.
        let (wanderX, wanderY) = (Shape.noise(x * 5, y * 5, seed: seed), Shape.noise(x * 5, y * 5, seed: seed &+ 1))
        let sourceColumn = min(size - 1, max(0, column + Int(((wanderX - 0.5) * 2.4 * scale).rounded())))
        let sourceRow = min(size - 1, max(0, row + Int(((wanderY - 0.5) * 2.4 * scale).rounded())))
        let source = sourceRow * size + sourceColumn
        let wash = mix(wide[source], sharp[source], 0.45)
        let difference = sharp[source] - wide[source]
        let rim = clamp((abs(difference.x) + abs(difference.y) + abs(difference.z)) * 0.6)
        let pigment = Shape.noise(x * 7, y * 7, seed: seed &+ 2)
        let strength = 0.74 + 0.30 * (pigment - 0.5)
        let fade = ramp((x * x * x * x + y * y * y * y).squareRoot() + 0.35 * (wanderX - 0.5), 0.98, 0.52)
        let vivid = (wash - 0.5) * 1.08 + 0.54 - 0.16 * rim
        canvas.pixels[row * size + column] = mix(paper, vivid, strength * fade)
      }
    }
  }

  private static func pixels(of canvas: borrowing Canvas) -> [Color] {
    [Color](UnsafeBufferPointer(start: canvas.pixels, count: canvas.size * canvas.size))
  }

  private static func luminance(_ color: Color) -> Float { 0.30 * color.x + 0.59 * color.y + 0.11 * color.z }

  /// Box blurs along rows and columns.
  private static func blurred(_ image: [Color], size: Int, radius: Int, passes: Int) -> [Color] {
    var pixels = image
    for _ in 0..<passes {
      for (step, line) in [(1, size), (size, 1)] {
        let source = pixels
        for i in 0..<size {
          for j in 0..<size {
            var sum = Color.zero
            for k in j - radius...j + radius { sum += source[i * line + min(size - 1, max(0, k)) * step] }
            pixels[i * line + j * step] = sum / Float(2 * radius + 1)
          }
        }
      }
    }
    return pixels
  }
}

extension SIMD3<Float> {
  static var one: SIMD3<Float> { SIMD3(repeating: 1) }
}
