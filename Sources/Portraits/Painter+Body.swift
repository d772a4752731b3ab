/// Background, clothing, neck, ears and the skin of the face.
extension Painter {
  /// A backdrop lit from the side of the light, darker towards the corners.
  func paintBackground(_ canvas: borrowing Canvas) {
    let base = look.background
    let light = portrait.light
    canvas.fill(.everything, in: .picture, as: .background) { _, _ in
      -1
    } color: { x, y in
      let lit = 1.02 + 0.10 * light * x - 0.12 * y - 0.10 * (x * x + y * y)
      return (base * lit, 1)
    }
  }

  func paintClothing(_ canvas: borrowing Canvas) {
    let base = look.clothing
    let light = anatomy.light
    canvas.fill(Box(-1.2, 0.5, 1.2, 1.4), in: anatomy.torso, as: .clothing) { u, v in
      Shape.ellipse(u, v - 1.28, 0.98, 0.62)
    } color: { u, v in
      let side = clamp(0.5 + 0.5 * light.x * u * 1.4)
      let fold = 0.05 * Shape.wave(u * 1.3 + 0.25)
      let lit = 0.74 + 0.36 * side - 0.22 * ramp(v, 0.72, 1.05) - fold
      return (base * lit + Color(repeating: 0.035 * side), 1)
    }
    // A collar follows the neck.
    canvas.fill(Box(-0.4, 0.4, 0.4, 1.1), in: anatomy.torso, as: nil) { u, v in
      max(abs(Shape.ellipse(u, v - 0.62, 0.285, 0.31)) - 0.024, Shape.ellipse(u, v - 1.28, 0.98, 0.62))
    } color: { _, _ in
      (base * 0.66, 0.8)
    }
  }

  func paintNeck(_ canvas: borrowing Canvas) {
    let halfWidth = anatomy.width * 0.53
    let chin = anatomy.height + anatomy.head.y
    let light = anatomy.light
    canvas.fill(Box(-0.4, 0.2, 0.4, 1), in: anatomy.torso, as: .neck) { u, v in
      Shape.roundedBox(u, v - 0.50, halfWidth + 0.05 * ramp(v, 0.55, 0.85), 0.37, 0.22)
    } color: { u, v in
      let side = clamp(0.62 + 0.5 * light.x * u / halfWidth - 0.25 * (u / halfWidth) * (u / halfWidth))
      let underChin = ramp(v, chin + 0.16, chin - 0.04)
      return (skin(lit: side * (1 - 0.75 * underChin)), 1)
    }
  }

  func paintEars(_ canvas: borrowing Canvas) {
    for ear in anatomy.ears {
      let lit = clamp(0.55 + 0.35 * ear.side * anatomy.light.x)
      let box = Box(ear.u - 0.12, ear.v - 0.2, ear.u + 0.12, ear.v + 0.2)
      canvas.fill(box, in: anatomy.head, as: .skin) { u, v in
        Shape.ellipse(u - ear.u, v - ear.v, ear.halfWidth, ear.halfHeight)
      } color: { u, v in
        let inner = ramp(Shape.ellipse(u - ear.u, v - ear.v, ear.halfWidth * 0.5, ear.halfHeight * 0.6), 0.02, -0.02)
        return (skin(lit: lit - 0.25 * inner), 1)
      }
    }
  }

  /// The skin's color for brightness `lit` from 0 to 1.
  @inline(__always)
  func skin(lit: Float) -> Color {
    let dark = look.skin * look.shade
    return mix(dark, look.skin, ramp(lit, 0.05, 0.84)) + Color(repeating: look.gloss * 0.25 * ramp(lit, 0.86, 1))
  }

  func paintFace(_ canvas: borrowing Canvas) {
    let (width, height) = (anatomy.width, anatomy.height)
    canvas.fill(Box(-width, -height, width, height), in: anatomy.head, as: .skin) { u, v in
      anatomy.face(u, v)
    } color: { u, v in
      (skin(lit: anatomy.brightness(u, v)), 1)
    }
    let shadow = look.skin * look.shade
    for eye in anatomy.eyes {
      // Sockets, then cheeks.
      glow(canvas, eye.u - eye.side * 0.02, eye.v - 0.03, 0.19, 0.15, shadow, 0.30)
      let cheek = (u: eye.u * 1.12 + 0.25 * anatomy.turn, v: anatomy.nose.tip + 0.035)
      glow(canvas, cheek.u, cheek.v, 0.18, 0.13, look.blush, look.blushStrength)
    }
    // Under the lower lip, and a light on the forehead on the light's side.
    glow(canvas, anatomy.mouth.u, anatomy.mouth.v + 0.115, 0.15, 0.05, shadow, 0.28)
    glow(canvas, 0.18 * portrait.light, -0.30, 0.30, 0.18, look.skin + 0.25, look.gloss)
  }

  /// A soft ellipse on the face that fades from its center to its rim.
  func glow(
    _ canvas: borrowing Canvas, _ u: Float, _ v: Float, _ radiusU: Float, _ radiusV: Float, _ color: Color,
    _ strength: Float
  ) {
    let box = Box(u - radiusU, v - radiusV, u + radiusU, v + radiusV)
    canvas.fill(box, in: anatomy.head, as: nil, distance: anatomy.face) { pu, pv in
      let (a, b) = ((pu - u) / radiusU, (pv - v) / radiusV)
      let fade = max(0, 1 - a * a - b * b)
      return (color, strength * fade * fade)
    }
  }

  func paintWrinkles(_ canvas: borrowing Canvas) {
    let head = anatomy.head
    let ink = mix(look.skin, look.ink, 0.7)
    // Furrows on the forehead.
    for (row, v) in [Float(-0.235), -0.29, -0.345].enumerated() {
      let level = anatomy.eyes[0].v + v + (portrait.expression == .surprised ? -0.03 : 0)
      let half = 0.19 - 0.025 * Float(row)
      canvas.fill(Box(-0.3, level - 0.1, 0.4, level + 0.1), in: head, as: nil, softness: 0.3) { u, v in
        let across = (u - anatomy.turn) / half
        return max(abs(v - level - 0.014 * across * across) - 0.013, abs(across) * half - half)
      } color: { _, _ in
        (ink, 0.7)
      }
    }
    for eye in anatomy.eyes {
      let corner = (eye.u + eye.side * (eye.halfWidth + 0.025), eye.v)
      // Crow's feet, a bag under the eye, and the fold from nose to mouth.
      for rise in [Float(-0.035), 0.005, 0.045] {
        canvas.line(
          (corner.0, corner.1 + rise * 0.4), (corner.0 + eye.side * 0.06, corner.1 + rise * 1.2), width: 0.022,
          in: head, softness: 0.3, ink, 0.65)
      }
      canvas.fill(Box(eye.u - 0.16, eye.v, eye.u + 0.16, eye.v + 0.2), in: head, as: nil, softness: 0.4) { u, v in
        let across = (u - eye.u) / 0.105
        return max(abs(v - eye.v - 0.125 + 0.04 * across * across) - 0.014, abs(u - eye.u) - 0.105)
      } color: { _, _ in
        (ink, 0.65)
      }
      let nose = anatomy.nose
      let mouth = anatomy.mouth
      canvas.line(
        (nose.u + eye.side * (nose.halfWidth + 0.035), nose.tip - 0.02),
        (mouth.u + eye.side * (mouth.halfWidth + 0.035), mouth.v + min(0, mouth.bend) - 0.005), width: 0.026, in: head,
        softness: 0.4, ink, 0.75)
    }
  }
}
