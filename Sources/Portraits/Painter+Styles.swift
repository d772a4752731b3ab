/// What a style adds to the colors of its ``Look``.
extension Painter {
  /// On the skin, under the hair.
  func paintOverSkin(_ canvas: borrowing Canvas) {
    switch style {
    case .photo, .sketch, .pixelArt, .watercolor: break
    case .zombie: paintDecay(canvas)
    case .clown: paintGreasepaint(canvas)
    case .statue: paintVeins(canvas)
    case .robot: paintPlates(canvas)
    }
  }

  /// On top of everything.
  func paintOverAll(_ canvas: borrowing Canvas) {
    if style == .robot { paintAntenna(canvas) }
  }

  private func paintDecay(_ canvas: borrowing Canvas) {
    let head = anatomy.head
    let (nose, mouth) = (anatomy.nose, anatomy.mouth)
    for eye in anatomy.eyes {
      glow(canvas, eye.u, eye.v + 0.02, 0.20, 0.17, Color(0.12, 0.10, 0.09), 0.42)
      glow(canvas, eye.side * anatomy.width * 0.66, nose.tip + 0.09, 0.14, 0.20, Color(0.16, 0.20, 0.12), 0.7)
    }
    // A stitched scar on one cheek, a patch of rot on the other side, blood from the mouth.
    let side: Float = texture % 2 == 0 ? 1 : -1
    let (top, bottom) = ((side * 0.22, nose.tip - 0.06), (side * 0.30, nose.tip + 0.15))
    let wound = Color(0.42, 0.08, 0.08)
    canvas.line(top, bottom, width: 0.030, in: head, wound, 0.95)
    for step in [Float(0.2), 0.5, 0.8] {
      let (u, v) = (mix(top.0, bottom.0, step), mix(top.1, bottom.1, step))
      canvas.line((u - 0.05, v - side * 0.012), (u + 0.05, v + side * 0.012), width: 0.018, in: head, look.ink, 0.9)
    }
    glow(canvas, -side * 0.20, -0.27, 0.13, 0.09, wound, 0.8)
    let blood = Color(0.55, 0.04, 0.05)
    for (offset, length) in [(Float(-0.6), Float(0.12)), (-0.42, 0.07), (0.5, 0.16)] {
      let u = mouth.u + offset * mouth.halfWidth
      canvas.line((u, mouth.v + 0.02), (u, mouth.v + 0.02 + length), width: 0.032, in: head, blood, 0.95)
    }
  }

  private func paintGreasepaint(_ canvas: borrowing Canvas) {
    let head = anatomy.head
    let (nose, mouth) = (anatomy.nose, anatomy.mouth)
    let paint = texture % 2 == 0 ? Color(0.12, 0.36, 0.86) : Color(0.10, 0.60, 0.32)
    for eye in anatomy.eyes {
      // A stripe through the eye, above and below, that leaves the eye free.
      for end in [Float(-0.21), 0.19] {
        canvas.line(
          (eye.u, eye.v + (end < 0 ? -1 : 1) * (eye.halfHeight + 0.035)), (eye.u, eye.v + end), width: 0.052, in: head,
          paint, 0.95)
      }
      glow(canvas, eye.u * 1.25, nose.tip + 0.08, 0.15, 0.13, Color(0.95, 0.30, 0.36), 0.75)
    }
    // A painted grin around the mouth follows its bend.
    let half = mouth.halfWidth * 1.25 + 0.02
    let reach = mouth.gap + 0.062
    let box = Box(mouth.u - half - 0.1, mouth.v - 0.3, mouth.u + half + 0.1, mouth.v + 0.3)
    canvas.fill(box, in: head, as: nil) { u, v in
      let across = (u - mouth.u) / half
      let square = min(1.3, across * across)
      let down = v - mouth.v - mouth.bend * square - 0.01
      return abs(max(abs(down) - reach * max(0, 1 - square).squareRoot(), (abs(across) - 1) * half)) - 0.021
    } color: { _, _ in
      (Color(0.86, 0.06, 0.10), 0.95)
    }
    let radius: Float = 0.105
    let (u, v) = (nose.u, nose.tip - 0.035)
    canvas.fill(Box(u - radius, v - radius, u + radius, v + radius), in: head, as: nil) { pu, pv in
      Shape.circle(pu - u, pv - v, radius)
    } color: { pu, pv in
      let (a, b) = ((pu - u) / radius, (pv - v) / radius)
      let lit = clamp(0.6 + 0.45 * (a * anatomy.light.x + b * anatomy.light.y))
      return (Color(0.95, 0.10, 0.10) * (0.62 + 0.45 * lit) + Color(repeating: 0.35 * ramp(lit, 0.85, 1)), 1)
    }
  }

  private func paintVeins(_ canvas: borrowing Canvas) {
    canvas.fill(.everything, in: anatomy.head, as: nil) { u, v in
      min(anatomy.face(u, v), 0.72 - v)
    } color: { u, v in
      let bend = Shape.noise(u * 3, v * 3, seed: texture) * 0.6
      let vein = abs(Shape.wave(u * 0.9 + v * 0.7 + bend) - 0.5)
      return (Color(0.55, 0.56, 0.60), 0.30 * ramp(vein, 0.07, 0))
    }
  }

  private func paintPlates(_ canvas: borrowing Canvas) {
    let head = anatomy.head
    let (nose, mouth, width) = (anatomy.nose, anatomy.mouth, anatomy.width)
    let seam = Color(0.12, 0.14, 0.19)
    // Seams down the forehead and along the cheeks.
    canvas.line((anatomy.turn, -0.6), (anatomy.turn, anatomy.eyes[0].v - 0.1), width: 0.022, in: head, seam, 0.8)
    for side in [Float(-1), 1] {
      let cheek = side * width * 0.62 + anatomy.turn
      canvas.line((side * width, nose.tip - 0.03), (cheek, nose.tip + 0.01), width: 0.022, in: head, seam, 0.8)
      canvas.line((cheek, nose.tip + 0.01), (cheek * 0.92, mouth.v + 0.16), width: 0.022, in: head, seam, 0.8)
      for v in [nose.tip + 0.07, -0.28] {
        let rivet = (side * width * 0.76 + 0.5 * anatomy.turn, v)
        canvas.line(rivet, rivet, width: 0.052, in: head, seam, 0.85)
        canvas.line((rivet.0 - 0.006, rivet.1 - 0.008), rivet, width: 0.022, in: head, Color(0.9, 0.94, 0.98), 0.9)
      }
    }
    // Glow of the eyes, and bars across the mouth.
    for eye in anatomy.eyes {
      glow(canvas, eye.u, eye.v, 0.19, 0.15, look.iris, 0.55)
    }
    for bar in -2...2 {
      let across = Float(bar) / 2.6
      let u = mouth.u + across * mouth.halfWidth
      let v = mouth.v + mouth.bend * across * across
      let reach = mouth.gap + 0.032
      canvas.line((u, v - reach), (u, v + reach), width: 0.020, in: head, seam, 0.85)
    }
  }

  private func paintAntenna(_ canvas: borrowing Canvas) {
    for ear in anatomy.ears {
      let box = Box(ear.u - 0.12, ear.v - 0.14, ear.u + 0.12, ear.v + 0.14)
      canvas.fill(box, in: anatomy.head, as: nil) { u, v in
        Shape.circle(u - ear.u - ear.side * 0.02, v - ear.v, 0.085)
      } color: { u, v in
        let ring = abs(Shape.circle(u - ear.u - ear.side * 0.02, v - ear.v, 0.045))
        return (ring < 0.014 ? look.iris : Color(0.50, 0.55, 0.62), 1)
      }
      canvas.line(
        (ear.u + ear.side * 0.03, ear.v - 0.08), (ear.u + ear.side * 0.07, ear.v - 0.36), width: 0.028,
        in: anatomy.head, Color(0.70, 0.75, 0.82))
      let tip = (ear.u + ear.side * 0.07, ear.v - 0.38)
      canvas.line(tip, tip, width: 0.075, in: anatomy.head, look.iris)
    }
  }
}
