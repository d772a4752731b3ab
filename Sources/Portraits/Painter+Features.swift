/// Eyes, brows, nose, mouth, beard and glasses.
extension Painter {
  func paintEyes(_ canvas: borrowing Canvas) {
    for eye in anatomy.eyes { paint(eye, on: canvas) }
  }

  private func paint(_ eye: Anatomy.Eye, on canvas: borrowing Canvas) {
    let head = anatomy.head
    let box = Box(
      eye.u - eye.halfWidth - 0.04, eye.v - eye.halfHeight - 0.06, eye.u + eye.halfWidth + 0.04,
      eye.v + eye.halfHeight + 0.06)
    // Outwards from the middle of the eye, and down from the tilted axis.
    @inline(__always) func place(_ u: Float, _ v: Float) -> (out: Float, down: Float) {
      let out = eye.side * (u - eye.u)
      return (out, v - eye.v + eye.tilt * out)
    }
    @inline(__always) func upperLid(_ out: Float) -> Float {
      let across = min(1, abs(out / eye.halfWidth))
      let open = -eye.halfHeight * (1 - across * across)
      let frown = -eye.halfHeight * (0.25 + 0.75 * clamp(0.5 + 0.5 * out / eye.halfWidth))
      return mix(open, max(open, frown), eye.frown)
    }
    @inline(__always) func opening(_ out: Float, _ down: Float) -> Float {
      let across = min(1.2, abs(out / eye.halfWidth))
      let lower = 0.85 * eye.halfHeight * (1 - across * across)
      return max(max(upperLid(out) - down, down - lower) * 0.8, abs(out) - eye.halfWidth)
    }

    if look.eyeShadowStrength > 0 {
      canvas.fill(
        Box(eye.u - 0.2, eye.v - 0.2, eye.u + 0.2, eye.v + 0.05), in: head, as: nil, softness: 1.2
      ) { u, v in
        let (out, down) = place(u, v)
        return max(Shape.ellipse(out - 0.012, down + 0.02, eye.halfWidth + 0.028, eye.halfHeight + 0.052), down - 0.02)
      } color: { _, _ in
        (look.eyeShadow, look.eyeShadowStrength)
      }
    }

    let radius = min(0.062 * portrait.person.eyeSize, 0.070)
    let gaze = eye.side * 0.25 * anatomy.turn
    canvas.fill(box, in: head, as: .eyes) { u, v in
      let (out, down) = place(u, v)
      return opening(out, down)
    } color: { u, v in
      let (out, down) = place(u, v)
      let fromIris = Shape.circle(out - gaze, down + 0.003, radius)
      let fromPupil = Shape.circle(out - gaze, down + 0.003, radius * 0.48)
      let shaded = look.sclera * (0.80 + 0.20 * ramp(down, -eye.halfHeight, eye.halfHeight * 0.2))
      var color = mix(shaded, look.iris * (0.75 + 0.5 * clamp(0.5 + down / radius * 0.5)), clamp(0.5 - fromIris * 32))
      color = mix(color, look.pupil, clamp(0.5 - fromPupil * 32))
      return (color, 1)
    }
    if style != .statue {
      let catchlight = (eye.u + 0.022 * (portrait.light < 0 ? -1 : 1), eye.v - 0.02)
      canvas.line(catchlight, catchlight, width: 0.030, in: head, Color(repeating: 1), 0.85)
    }
    // The upper lid with its lashes; made-up lashes are longer and black.
    let madeUp = look.eyeShadowStrength > 0
    let thickness: Float = madeUp ? 0.019 : 0.012
    let lash = madeUp ? Color(0.05, 0.03, 0.05) : look.ink
    canvas.fill(box, in: head, as: nil) { u, v in
      let (out, down) = place(u, v)
      return max(abs(down - upperLid(out)) - thickness, abs(out) - eye.halfWidth - 0.008)
    } color: { _, _ in
      (lash, 0.92)
    }
    canvas.fill(box, in: head, as: nil, softness: 0.4) { u, v in
      let (out, down) = place(u, v)
      let across = min(1, abs(out / eye.halfWidth))
      return max(abs(down - 0.85 * eye.halfHeight * (1 - across * across)) - 0.006, abs(out) - eye.halfWidth)
    } color: { _, _ in
      (lash, madeUp ? 0.7 : 0.4)
    }
  }

  func paintBrows(_ canvas: borrowing Canvas) {
    for brow in anatomy.brows {
      let box = Box(brow.u - 0.18, brow.v - 0.2, brow.u + 0.18, brow.v + 0.16)
      canvas.fill(box, in: anatomy.head, as: .brows, softness: 0.2) { u, v in
        let out = brow.side * (u - brow.u) / brow.halfWidth
        let middle = brow.v - brow.slope * out - brow.arch * (1 - (out - 0.2) * (out - 0.2))
        let thickness = brow.thickness * (1 - 0.35 * clamp(out))
        return max(abs(v - middle) - thickness, (abs(out) - 1) * brow.halfWidth)
      } color: { _, _ in
        (look.brows, 0.92)
      }
    }
  }

  func paintNose(_ canvas: borrowing Canvas) {
    let nose = anatomy.nose
    let head = anatomy.head
    let away: Float = portrait.light < 0 ? 1 : -1
    let shadow = look.skin * look.shade
    let strength = 0.42 + 0.25 * abs(portrait.light)
    // The flank away from the light, the lit bridge, the tip with its wings.
    let (flank, bridge) = (nose.u * 0.85 + away * nose.halfWidth * 0.9, nose.u * 0.9 - away * 0.006)
    glow(canvas, flank, mix(nose.top, nose.tip, 0.62), 0.07, 0.15, shadow, strength)
    glow(canvas, bridge, mix(nose.top, nose.tip, 0.55), 0.035, 0.16, look.skin + 0.30, look.gloss + 0.16)
    let box = Box(nose.u - 0.16, nose.tip - 0.12, nose.u + 0.16, nose.tip + 0.08)
    canvas.fill(box, in: head, as: .nose, softness: 1.8) { u, v in
      let middle = Shape.ellipse(u - nose.u, v - nose.tip + 0.022, nose.halfWidth * 0.72, 0.050)
      let wing = Shape.ellipse(abs(u - nose.u) - nose.halfWidth * 0.70, v - nose.tip + 0.012, 0.034, 0.032)
      return min(middle, wing)
    } color: { u, v in
      let lit = clamp(0.72 - 0.35 * away * (u - nose.u) / nose.halfWidth - 5 * (v - nose.tip + 0.03))
      return (skin(lit: lit), 0.85)
    }
    for side in [Float(-1), 1] {
      let nostril = (nose.u + side * nose.halfWidth * 0.42, nose.tip + 0.014)
      canvas.line(
        nostril, (nostril.0 + side * 0.018, nostril.1 - 0.004), width: 0.024, in: head, softness: 0.3, look.ink, 0.72)
    }
  }

  func paintMouth(_ canvas: borrowing Canvas) {
    let mouth = anatomy.mouth
    let half = mouth.halfWidth
    let depth = mouth.gap + mouth.upperLip + mouth.lowerLip + abs(mouth.bend) + 0.05
    let box = Box(mouth.u - half - 0.05, mouth.v - depth, mouth.u + half + 0.05, mouth.v + depth)
    // Relative to the bent middle line; the lips' thickness dwindles towards the corners.
    @inline(__always) func place(_ u: Float, _ v: Float) -> (across: Float, down: Float, fullness: Float) {
      let across = (u - mouth.u) / half
      let square = min(1.2, across * across)
      return (across, v - mouth.v - mouth.bend * square, max(0, 1 - square))
    }
    let round: Float = mouth.gap > 0.05 ? 0.5 : 1
    @inline(__always) func swell(_ fullness: Float) -> Float { mix(fullness.squareRoot(), fullness, round) }
    canvas.fill(box, in: anatomy.head, as: .mouth) { u, v in
      let (across, down, fullness) = place(u, v)
      let open = mouth.gap * swell(fullness)
      let bow = 1 - 0.25 * max(0, 1 - 9 * across * across)
      let upper = -open - mouth.upperLip * (0.25 + 0.75 * fullness.squareRoot()) * bow
      let lower = open + mouth.lowerLip * (0.15 + 0.85 * swell(fullness))
      return max(max(upper - down, down - lower), (abs(across) - 1) * half)
    } color: { u, v in
      let (_, down, _) = place(u, v)
      let lit = 0.86 + 0.22 * ramp(down, 0, 0.03) + (down < 0 ? -0.06 : 0)
      return (mix(look.skin, look.lips * lit, look.lipStrength), 1)
    }
    if mouth.gap > 0 {
      canvas.fill(box, in: anatomy.head, as: .mouth) { u, v in
        let (across, down, fullness) = place(u, v)
        return max(abs(down) - mouth.gap * swell(fullness), (abs(across) - 0.94) * half)
      } color: { u, v in
        let (_, down, _) = place(u, v)
        let tooth = mouth.showsTeeth ? ramp(down, 0.016, 0.004) : 0
        return (mix(look.mouthInside, look.teeth, tooth), 1)
      }
    } else {
      canvas.fill(box, in: anatomy.head, as: nil) { u, v in
        let (across, down, _) = place(u, v)
        return max(abs(down) - 0.008, (abs(across) - 1.02) * half)
      } color: { _, _ in
        (look.ink, 0.8)
      }
    }
  }

  func paintBeard(_ canvas: borrowing Canvas) {
    let (width, height) = (anatomy.width, anatomy.height)
    let mouth = anatomy.mouth
    let top = anatomy.nose.tip
    let base = mix(look.brows, look.hair, style == .clown ? 1 : 0.55)
    canvas.fill(Box(-width - 0.1, 0, width + 0.1, height + 0.15), in: anatomy.head, as: .beard, softness: 0.8) { u, v in
      // The lower face, a little beyond the chin, below a line that climbs to the ears and frees the cheeks.
      let across = (u - 0.6 * anatomy.turn) / width
      let cheek = top + 0.125 - 0.42 * across * across * across * across
      let jaw = max(anatomy.face(u, v - 0.035), cheek - v)
      let moustache = Shape.ellipse(u - mouth.u, v - mix(top, mouth.v, 0.56), mouth.halfWidth * 1.15, 0.050)
      return min(jaw, moustache)
    } color: { u, v in
      let grain = Shape.noise(u * 26, v * 17, seed: texture)
      let lit = 0.66 + 0.42 * anatomy.brightness(u, v) + 0.22 * (grain - 0.5)
      return (base * lit, 0.93)
    }
  }

  func paintGlasses(_ canvas: borrowing Canvas) {
    let head = anatomy.head
    for eye in anatomy.eyes {
      let box = Box(eye.u - 0.24, eye.v - 0.2, eye.u + 0.24, eye.v + 0.24)
      canvas.fill(box, in: head, as: nil) { u, v in
        Shape.roundedBox(u - eye.u - eye.side * 0.01, v - eye.v - 0.015, 0.165, 0.125, 0.07)
      } color: { u, v in
        (Color(0.85, 0.93, 1), 0.10 + 0.16 * ramp(u - v, eye.u - eye.v + 0.02, eye.u - eye.v + 0.14))
      }
      canvas.fill(box, in: head, as: .glasses) { u, v in
        abs(Shape.roundedBox(u - eye.u - eye.side * 0.01, v - eye.v - 0.015, 0.165, 0.125, 0.07)) - 0.019
      } color: { _, _ in
        (look.frames, 1)
      }
      let hinge = (eye.u + eye.side * 0.175, eye.v - 0.03)
      canvas.line(
        hinge, (eye.side * (anatomy.width + 0.01), eye.v - 0.045), width: 0.034, in: head, as: .glasses, look.frames)
    }
    let (left, right) = (anatomy.eyes[0], anatomy.eyes[1])
    canvas.line(
      (left.u + 0.155, left.v - 0.02), (right.u - 0.155, right.v - 0.02), width: 0.036, in: head, as: .glasses,
      look.frames)
  }
}
