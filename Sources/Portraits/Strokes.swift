extension Portrait {
  /// The portrait as someone would dab it with a broad brush: a few flat blobs with rough edges for background,
  /// clothes, hair and face, and single strokes for eyes, brows, nose and mouth. Its labels are those of the blobs.
  package func strokes(size: Int = 64) -> RenderedPortrait {
    let canvas = Canvas(size: size)
    StrokePainter(self).paint(on: canvas)
    return RenderedPortrait(width: size, height: size, rgb: canvas.bytes(), labels: canvas.labelBytes())
  }
}

private struct StrokePainter {
  let portrait: Portrait
  let anatomy: Anatomy
  let look: Look
  let seed: UInt32

  init(_ portrait: Portrait) {
    self.portrait = portrait
    anatomy = Anatomy(portrait)
    look = Look(portrait)
    seed = UInt32(truncatingIfNeeded: portrait.person.id &* 31 &+ 17)
  }

  func paint(on canvas: borrowing Canvas) {
    let head = anatomy.head
    let (width, height) = (anatomy.width, anatomy.height)
    let isLong = portrait.hairLength == .long
    let volume: Float = portrait.curls == .curly ? 0.17 : 0.09
    blob(canvas, .everything, .picture, .background, look.background) { _, _ in -1 }
    blob(canvas, Box(-1.2, 0.4, 1.2, 1.2), anatomy.torso, .clothing, look.clothing) { u, v in
      Shape.ellipse(u, v - 1.25, 0.95, 0.62)
    }
    blob(canvas, Box(-1, -1, 1, 1), head, .hair, look.hair) { u, v in
      let skull = Shape.ellipse(u, v + 0.05, width + volume, height + volume)
      return isLong
        ? min(skull, max(Shape.roundedBox(u, v - 0.25, width + volume, 0.52, 0.15), -v)) : max(skull, v - 0.10)
    }
    blob(canvas, Box(-0.4, 0.3, 0.4, 0.9), anatomy.torso, .neck, look.skin * 0.82) { u, v in
      Shape.roundedBox(u, v - 0.5, width * 0.52, 0.33, 0.15)
    }
    blob(canvas, Box(-0.8, -0.6, 0.8, 0.8), head, .skin, look.skin * 0.97) { u, v in
      max(anatomy.face(u, v), -0.60 * height + 0.12 * portrait.person.parting * u - v)
    }
    if portrait.beard == .bearded {
      blob(canvas, Box(-0.8, 0, 0.8, 0.9), head, .beard, look.brows) { u, v in
        max(anatomy.face(u, v - 0.03), anatomy.nose.tip + 0.11 - 0.5 * u * u - v)
      }
    }
    paintFeatures(canvas)
  }

  private func paintFeatures(_ canvas: borrowing Canvas) {
    let (nose, mouth) = (anatomy.nose, anatomy.mouth)
    dab(canvas, .nose, look.skin * 0.74, 0.07, (nose.u, nose.tip - 0.10), (nose.u + 0.02, nose.tip))
    let corner = mouth.v + mouth.bend
    let thickness = 0.065 + mouth.gap
    for side in [Float(-1), 1] {
      let end = (mouth.u + side * mouth.halfWidth * 0.9, corner)
      dab(canvas, .mouth, look.lips * 0.92, thickness, (mouth.u, mouth.v), end)
    }
    if mouth.gap > 0.05 {
      dab(canvas, .mouth, look.mouthInside, 0.08, (mouth.u, mouth.v - 0.02), (mouth.u, mouth.v + 0.03))
    }
    for (eye, brow) in zip(anatomy.eyes, anatomy.brows) {
      if portrait.makeup == .strong {
        dab(canvas, nil, look.eyeShadow, 0.10, (eye.u - 0.07, eye.v - 0.05), (eye.u + 0.07, eye.v - 0.05))
        let cheek = (eye.u * 1.1, nose.tip + 0.03)
        dab(canvas, nil, look.blush, 0.13, (cheek.0 - 0.03, cheek.1), (cheek.0 + 0.03, cheek.1))
      }
      dab(canvas, .eyes, look.sclera * 0.93, 0.085, (eye.u - 0.065, eye.v), (eye.u + 0.065, eye.v))
      dab(canvas, .eyes, look.iris * 0.55, 0.085, (eye.u - 0.012, eye.v), (eye.u + 0.012, eye.v))
      dab(
        canvas, .brows, look.brows, 0.055, (brow.u - brow.side * brow.halfWidth, brow.v + brow.slope),
        (brow.u + brow.side * brow.halfWidth, brow.v - brow.slope))
    }
    guard portrait.glasses == .glasses else { return }
    let (left, right) = (anatomy.eyes[0], anatomy.eyes[1])
    for v in [Float(-0.10), 0.13] {
      dab(canvas, .glasses, look.frames, 0.045, (left.u - 0.16, left.v + v), (left.u + 0.15, left.v + v))
      dab(canvas, .glasses, look.frames, 0.045, (right.u - 0.15, right.v + v), (right.u + 0.16, right.v + v))
    }
    dab(canvas, .glasses, look.frames, 0.045, (left.u + 0.15, left.v), (right.u - 0.15, right.v))
  }

  /// A flat patch: its rim wavers, and the bristles leave faint streaks.
  private func blob(
    _ canvas: borrowing Canvas, _ box: Box, _ frame: Frame, _ region: Region, _ color: Color,
    shape: (Float, Float) -> Float
  ) {
    let salt = seed &+ UInt32(region.rawValue) &* 97
    canvas.fill(box, in: frame, as: region) { u, v in
      let (broad, fine) = (Shape.noise(u * 7, v * 7, seed: salt), Shape.noise(u * 19, v * 19, seed: salt))
      return shape(u, v) + 0.09 * (broad - 0.5) + 0.03 * (fine - 0.5)
    } color: { u, v in
      let streak = Shape.noise((u * 0.45 + v) * 13, seed: salt) - 0.5
      return (color * (1 + 0.13 * streak) + Color(repeating: 0.02 * streak), 1)
    }
  }

  /// One stroke of the brush.
  private func dab(
    _ canvas: borrowing Canvas, _ region: Region?, _ color: Color, _ width: Float, _ start: (Float, Float),
    _ end: (Float, Float)
  ) {
    let box = Box(
      min(start.0, end.0) - width - 0.05, min(start.1, end.1) - width - 0.05, max(start.0, end.0) + width + 0.05,
      max(start.1, end.1) + width + 0.05)
    canvas.fill(box, in: anatomy.head, as: region) { u, v in
      Shape.segment(u, v, start, end) - width / 2 + 0.03 * (Shape.noise(u * 17, v * 17, seed: seed) - 0.5)
    } color: { _, _ in
      (color, 1)
    }
  }
}
