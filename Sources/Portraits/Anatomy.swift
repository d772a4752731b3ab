/// Where everything in a portrait is: a person's proportions, posed and with an expression on the face.
///
/// u points to the viewer's right, v downwards, from the middle of the head; the chin is at v = `height`.
struct Anatomy {
  let head: Frame
  let torso: Frame
  let width, height, jaw: Float
  /// How far the middle of the face has moved sideways, for what is as deep as the eyes.
  let turn: Float
  let light: Color

  let eyes: [Eye]
  let brows: [Brow]
  let nose: Nose
  let mouth: Mouth
  let ears: [Ear]

  struct Eye {
    /// −1 for the one on the viewer's left.
    let side: Float
    let u, v, halfWidth, halfHeight, tilt: Float
    /// How far the upper lid is pulled down at the inner corner: that of an angry eye.
    let frown: Float
  }

  struct Brow {
    let side: Float
    let u, v, halfWidth, thickness: Float
    /// Rise from the inner to the outer end, and of the middle over both.
    let slope, arch: Float
  }

  struct Nose { let u, top, tip, halfWidth: Float }

  struct Mouth {
    let u, v, halfWidth: Float
    /// How far the corners are above (negative) or below the middle.
    let bend: Float
    let upperLip, lowerLip: Float
    /// Half the opening.
    let gap: Float
    let showsTeeth: Bool
  }

  struct Ear { let side, u, v, halfWidth, halfHeight: Float }

  init(_ portrait: Portrait) {
    let person = portrait.person
    let pose = portrait.pose
    head = Frame(
      x: 0.04 * pose.shiftX, y: -0.01 + 0.03 * pose.shiftY, scale: 1.14, halfAngle: 0.045 * pose.tilt)
    torso = Frame(x: 0.025 * pose.shiftX, y: 0.0 + 0.02 * pose.shiftY, scale: 1.14, halfAngle: 0)
    width = person.faceWidth
    height = person.faceHeight
    jaw = person.jaw
    let turn = 0.055 * pose.turn
    self.turn = turn
    let lightX = 0.75 * portrait.light
    let length = (lightX * lightX + 0.45 * 0.45 + 0.75 * 0.75).squareRoot()
    light = Color(lightX, -0.45, 0.75) / length

    let expression = portrait.expression
    let (openness, lift, slope, arch): (Float, Float, Float, Float) =
      switch expression {
      case .neutral: (1, -0.012, -0.022, 1.2)
      case .smile: (0.82, -0.022, -0.024, 1.4)
      case .angry: (0.86, 0.05, 0.10, 0.25)
      case .surprised: (1.42, -0.075, -0.025, 1.9)
      }
    let eyeLevel = person.eyeLevel
    func foreshortened(_ side: Float) -> Float { 1 - 0.09 * side * pose.turn }

    eyes = [-1, 1].map { side in
      Eye(
        side: side, u: turn + side * person.eyeSpacing, v: eyeLevel,
        halfWidth: 0.108 * person.eyeSize * foreshortened(side), halfHeight: 0.060 * person.eyeSize * openness,
        tilt: person.eyeTilt, frown: expression == .angry ? 1 : 0)
    }
    brows = [-1, 1].map { side in
      Brow(
        side: side, u: 1.1 * turn + side * (person.eyeSpacing + 0.01), v: eyeLevel - 0.148 + lift,
        halfWidth: 0.125 * foreshortened(side), thickness: person.browThickness, slope: slope,
        arch: person.browArch * arch)
    }
    nose = Nose(
      u: 1.7 * turn, top: eyeLevel, tip: eyeLevel + person.noseLength + 0.02, halfWidth: person.noseWidth)

    let mouthLevel = mix(nose.tip, person.faceHeight, 0.46)
    let lips = 0.032 * person.lipFullness
    mouth =
      switch expression {
      case .neutral:
        Mouth(
          u: 1.3 * turn, v: mouthLevel, halfWidth: person.mouthWidth, bend: -0.014, upperLip: lips,
          lowerLip: lips * 1.25, gap: 0, showsTeeth: false)
      case .smile:
        Mouth(
          u: 1.3 * turn, v: mouthLevel + 0.022, halfWidth: person.mouthWidth * 1.28, bend: -0.085, upperLip: lips * 0.8,
          lowerLip: lips, gap: 0.034, showsTeeth: true)
      case .angry:
        Mouth(
          u: 1.3 * turn, v: mouthLevel - 0.022, halfWidth: person.mouthWidth * 1.02, bend: 0.085, upperLip: lips * 0.7,
          lowerLip: lips * 0.9, gap: 0, showsTeeth: false)
      case .surprised:
        Mouth(
          u: 1.3 * turn, v: mouthLevel + 0.025, halfWidth: person.mouthWidth * 0.64, bend: 0, upperLip: lips * 0.95,
          lowerLip: lips, gap: 0.072, showsTeeth: false)
      }
    ears = [-1, 1].map { side in
      Ear(
        side: side, u: side * person.faceWidth * (1 + 0.02) - 0.5 * turn, v: eyeLevel + 0.08,
        halfWidth: 0.065 * person.earSize, halfHeight: 0.115 * person.earSize)
    }
  }

  /// Signed distance from the outline of the face.
  @inline(__always)
  func face(_ u: Float, _ v: Float) -> Float {
    let n = v / height
    let below = max(0, n)
    let halfWidth = width * (1 - (0.20 - 0.13 * jaw) * below * below)
    let across = u / halfWidth
    let along = n > 0 ? mix(n * n, n * n * n * n, 0.12 + 0.5 * jaw) : n * n
    return ((across * across + along).squareRoot() - 1) * width
  }

  /// Light on the face as on an egg: 0 in the dark, 1 where it falls straight on.
  @inline(__always)
  func brightness(_ u: Float, _ v: Float) -> Float {
    let (a, b) = (u / (width * 1.12), v / (height * 1.12))
    let depth = max(0.04, 1 - a * a - b * b).squareRoot()
    return clamp(a * light.x + b * light.y + depth * light.z)
  }
}
