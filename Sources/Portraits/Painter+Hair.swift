/// Hair: a mass behind the head, a cap in front of the forehead, and locks on top of both where it is curly.
extension Painter {
  private var outerWidth: Float { anatomy.width + 0.045 + portrait.person.hairVolume * 0.8 }
  private var outerHeight: Float { anatomy.height + 0.02 + portrait.person.hairVolume }

  /// Hair's color at a place: lit from above and the side, with strands and a band of gloss.
  @inline(__always)
  private func hair(_ u: Float, _ v: Float, depth: Float) -> Color {
    let (a, b) = (u / (outerWidth * 1.05), (v + 0.04) / (outerHeight * 1.1))
    let front = max(0.05, 1 - a * a - b * b).squareRoot()
    let lit = clamp(a * anatomy.light.x + b * anatomy.light.y + front * anatomy.light.z)
    let across = (u - 0.12 * portrait.person.parting) / (0.35 + 0.5 * abs(v + 0.75))
    let strand = Shape.noise(across * 16, seed: texture) - 0.5
    let fromBand = (v + 0.50 - 0.45 * u * u) / 0.13
    let band = max(0, 1 - fromBand * fromBand) * (0.7 + 0.4 * strand)
    let shade = depth * (0.60 + 0.52 * lit + 0.13 * strand)
    return look.hair * shade + (look.hair * 0.5 + 0.06) * (0.38 * band * depth)
  }

  /// Signed distance from the outline of the hair on the skull; short hair hugs the head towards the ears.
  @inline(__always)
  private func crown(_ u: Float, _ v: Float) -> Float {
    guard portrait.hairLength == .short else { return Shape.ellipse(u, v + 0.04, outerWidth, outerHeight) }
    let snug = mix(outerWidth, anatomy.width + 0.022, ramp(v, -0.42, 0.02))
    return Shape.ellipse(u, v + 0.04, snug, outerHeight)
  }

  func paintHairBehind(_ canvas: borrowing Canvas) {
    let isLong = portrait.hairLength == .long
    let width = outerWidth
    canvas.fill(Box(-1, -1, 1, 1), in: anatomy.head, as: .hair) { u, v in
      let skull = crown(u, v)
      guard isLong else { return max(skull, v - 0.16) }
      let fall = Shape.roundedBox(u, v - 0.26, width + 0.05 * ramp(v, 0.1, 0.7), 0.55, 0.20)
      return min(skull, max(fall, -0.1 - v))
    } color: { u, v in
      (hair(u, v, depth: 0.76 - 0.14 * ramp(v, 0.1, 0.8)), 1)
    }
    if portrait.curls == .curly { paintCurls(canvas, behind: true) }
  }

  func paintHairInFront(_ canvas: borrowing Canvas) {
    let isLong = portrait.hairLength == .long
    let width = outerWidth
    let person = portrait.person
    let part = 0.16 * person.parting
    let ear = anatomy.ears[0].v
    canvas.fill(Box(-1, -1, 1, 1), in: anatomy.head, as: .hair) { u, v in
      let outer =
        isLong
        ? min(crown(u, v), max(Shape.roundedBox(u, v - 0.20, width + 0.04 * ramp(v, 0.1, 0.7), 0.46, 0.16), -v))
        : max(crown(u, v), v - ear + 0.02 - 0.1 * ramp(abs(u), anatomy.width, anatomy.width * 0.9))
      // What stays free: the face below a hairline that is higher beside the parting.
      let (freeWidth, top) = (anatomy.width * (isLong ? 0.91 : 0.96), anatomy.height * 0.60 + person.hairline * 0.15)
      let slanted = v - 0.30 - 0.42 * person.parting * (u - part)
      let free = Shape.ellipse(u - part * 0.3 - 0.4 * anatomy.turn, slanted, freeWidth, top + 0.25)
      let below = max(abs(u - 0.3 * anatomy.turn) - freeWidth, 0.24 - v)
      return max(outer, -min(free, below))
    } color: { u, v in
      (hair(u, v, depth: 1), 1)
    }
    if portrait.curls == .curly { paintCurls(canvas, behind: false) }
  }

  /// Round locks along the outline of the hair, or over the forehead and beside the cheeks.
  private func paintCurls(_ canvas: borrowing Canvas, behind: Bool) {
    let (width, height) = (outerWidth, outerHeight)
    var random = SplitMix64(seed: portrait.person.id, stream: behind ? 5 : 6)
    // Directions every 20 degrees, from straight up clockwise.
    let (cosine, sine): (Float, Float) = (0.9396926, 0.3420201)
    var direction: (Float, Float) = (0, -1)
    for _ in 0..<18 {
      let jitter = random.uniform(-0.02, 0.03)
      let radius = random.uniform(0.135, 0.165)
      let inset: Float = behind ? 0.97 : 0.80
      let u = direction.0 * (width * inset + jitter)
      let v = -0.04 + direction.1 * (height * inset + jitter)
      direction = (direction.0 * cosine - direction.1 * sine, direction.0 * sine + direction.1 * cosine)
      if v < (behind ? 0.12 : -0.28) { paintCurl(u, v, radius * (behind ? 1 : 0.92), depth: behind ? 0.82 : 1, canvas) }
    }
    guard portrait.hairLength == .long else { return }
    for row in 0..<4 {
      for side in [Float(-1), 1] {
        let v = (behind ? 0.20 : 0.06) + 0.175 * Float(row) + random.uniform(-0.02, 0.02)
        let u = side * (width * (behind ? 1.08 : 0.98) + random.uniform(-0.02, 0.03))
        paintCurl(u, v, random.uniform(0.135, 0.16), depth: behind ? 0.74 : 0.94, canvas)
      }
    }
  }

  private func paintCurl(_ u: Float, _ v: Float, _ radius: Float, depth: Float, _ canvas: borrowing Canvas) {
    let box = Box(u - radius, v - radius, u + radius, v + radius)
    let light = anatomy.light
    canvas.fill(box, in: anatomy.head, as: .hair) { pu, pv in
      Shape.circle(pu - u, pv - v, radius)
    } color: { pu, pv in
      let (a, b) = ((pu - u) / radius, (pv - v) / radius)
      let out = a * a + b * b
      let lit = clamp(0.55 + 0.5 * (a * light.x + b * light.y))
      // A dark rim and a ring of light make the ball a curl.
      let ring = max(0, 1 - (out - 0.35) * (out - 0.35) * 12)
      let shade = depth * (0.56 + 0.52 * lit + 0.14 * ring - 0.34 * ramp(out, 0.5, 1))
      return (look.hair * shade + Color(repeating: 0.05 * ring * lit), 1)
    }
  }
}
