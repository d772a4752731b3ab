/// The colours that a portrait is painted with.
struct Look {
  var skin: Colour
  /// Skin away from the light, multiplied into `skin`.
  var shade: Colour
  var lips: Colour
  /// How far lips stand out from the skin.
  var lipStrength: Float
  var mouthInside = Colour(0.30, 0.08, 0.09)
  var teeth = Colour(0.96, 0.95, 0.92)
  var hair: Colour
  var brows: Colour
  var iris: Colour
  var pupil = Colour(0.06, 0.05, 0.06)
  var sclera = Colour(0.97, 0.96, 0.95)
  /// Lids, lashes, nostrils and wrinkles.
  var ink: Colour
  var blush: Colour
  var blushStrength: Float
  var eyeShadow: Colour
  var eyeShadowStrength: Float
  var background: Colour
  var clothing: Colour
  var frames = Colour(0.11, 0.10, 0.13)
  /// Strength of highlights: skin 0.25, metal 1.
  var gloss: Float = 0.22

  /// The colours of a photo.
  init(_ portrait: Portrait) {
    skin = Self.skin(portrait.person.skinTone, portrait.tan)
    shade = Colour(0.66, 0.54, 0.52)
    hair = Self.hair(portrait.hairColour)
    brows = portrait.hairColour == .gray ? Colour(0.46, 0.45, 0.46) : hair * 0.62
    iris = Self.iris(portrait.person.eyeColour)
    ink = skin * Colour(0.30, 0.22, 0.20)
    blush = skin * Colour(0.98, 0.60, 0.62) + Colour(0.05, 0, 0.01)
    background = Self.background(portrait.background)
    clothing = Self.clothing(portrait.clothing)
    switch portrait.makeup {
    case .none:
      lips = skin * Colour(0.86, 0.60, 0.60)
      (lipStrength, blushStrength, eyeShadowStrength) = (0.8, 0.22, 0)
    case .strong:
      lips = Colour(0.80, 0.05, 0.16)
      (lipStrength, blushStrength, eyeShadowStrength) = (1, 1, 0.88)
    }
    eyeShadow = Colour(0.47, 0.25, 0.62)
  }

  /// The colours that a style gives to the same portrait.
  init(_ portrait: Portrait, style: Style) {
    self.init(portrait)
    switch style {
    case .photo, .pixelArt, .watercolour: break
    case .sketch: bleach()
    case .zombie: rot(portrait)
    case .clown: paintAsClown(portrait)
    case .statue: carve()
    case .robot: plate(portrait)
    }
  }

  /// The few colours that pixel art is made of.
  var palette: [Colour] {
    let shaded = [skin, hair, background, clothing].flatMap { colour in [0.62, 0.82, 1, 1.14].map { colour * $0 } }
    return shaded + [lips, ink, iris, eyeShadow, mix(skin, blush, 0.7), Colour(repeating: 0.95), frames]
  }

  private mutating func plain(_ colour: Colour) {
    (skin, lips, lipStrength) = (colour, colour * 0.86, 1)
    (blushStrength, eyeShadowStrength) = (0, 0)
  }

  /// A model for drawing: skin as pale as the paper, features as dark as a pencil.
  private mutating func bleach() {
    plain(Colour(repeating: 0.94))
    (shade, lips) = (Colour(repeating: 0.70), Colour(repeating: 0.40))
    (ink, brows, iris) = (Colour(repeating: 0.10), brows * 0.6, Colour(repeating: 0.22))
    (clothing, background) = (mix(clothing, Colour(repeating: 0.8), 0.4), Colour(repeating: 0.84))
    hair = mix(hair, Colour(repeating: 0.6), 0.25)
    gloss = 0.10
  }

  private mutating func rot(_ portrait: Portrait) {
    plain(mix(Colour(0.58, 0.68, 0.44), Colour(0.44, 0.54, 0.38), portrait.person.skinTone))
    shade = Colour(0.42, 0.48, 0.40)
    lips = Colour(0.30, 0.22, 0.24)
    hair = mix(Self.hair(portrait.hairColour) * 0.45, Colour(0.17, 0.19, 0.14), 0.6)
    (brows, ink) = (Colour(0.16, 0.17, 0.11), Colour(0.12, 0.13, 0.09))
    (iris, pupil, sclera) = (Colour(0.85, 0.82, 0.52), Colour(0.35, 0.10, 0.06), Colour(0.90, 0.86, 0.62))
    (mouthInside, teeth) = (Colour(0.20, 0.03, 0.04), Colour(0.72, 0.68, 0.42))
    background = mix(background * 0.42, Colour(0.16, 0.22, 0.19), 0.55)
    clothing = mix(clothing * 0.55, Colour(0.25, 0.24, 0.18), 0.5)
    gloss = 0.08
  }

  private mutating func paintAsClown(_ portrait: Portrait) {
    plain(Colour(0.97, 0.96, 0.95))
    shade = Colour(0.74, 0.74, 0.82)
    lips = Colour(0.86, 0.06, 0.10)
    let wigs = [
      Colour(0.92, 0.20, 0.14), Colour(0.16, 0.62, 0.24), Colour(0.13, 0.42, 0.90), Colour(0.95, 0.50, 0.08),
    ]
    hair = wigs[Int(portrait.person.id % 4)]
    (brows, ink) = (Colour(0.10, 0.14, 0.50), Colour(0.12, 0.10, 0.16))
    clothing = Colour(0.97, 0.80, 0.12)
    background = mix(background, Colour(0.98, 0.90, 0.66), 0.35)
  }

  private mutating func carve() {
    let marble = Colour(0.86, 0.86, 0.85)
    plain(marble)
    shade = Colour(0.46, 0.47, 0.50)
    (lips, hair, brows) = (marble * 0.84, marble * 0.92, marble * 0.70)
    (iris, pupil, sclera) = (marble * 0.95, marble * 0.95, marble * 0.95)
    ink = Colour(0.36, 0.37, 0.39)
    (mouthInside, teeth) = (Colour(0.36, 0.37, 0.39), marble)
    (clothing, frames) = (marble * 0.90, Colour(0.50, 0.50, 0.52))
    let grey = (background.x + background.y + background.z) / 3
    background = Colour(repeating: 0.20 + 0.22 * grey)
    gloss = 0.16
  }

  private mutating func plate(_ portrait: Portrait) {
    plain(mix(Colour(0.82, 0.87, 0.92), Colour(0.66, 0.71, 0.78), portrait.person.skinTone))
    shade = Colour(0.42, 0.46, 0.54)
    lips = Colour(0.30, 0.33, 0.39)
    hair = Colour(0.33, 0.38, 0.46)
    (brows, ink) = (Colour(0.22, 0.25, 0.31), Colour(0.14, 0.16, 0.21))
    iris = portrait.person.eyeColour == .brown ? Colour(1, 0.30, 0.16) : Colour(0.20, 0.95, 1)
    (pupil, sclera) = (Colour(0.95, 1, 1), Colour(0.07, 0.09, 0.13))
    (mouthInside, teeth) = (Colour(0.08, 0.10, 0.14), Colour(0.62, 0.68, 0.74))
    clothing = Colour(0.44, 0.49, 0.56)
    background = mix(background * 0.55, Colour(0.10, 0.15, 0.24), 0.5)
    gloss = 0.75
  }

  private static func skin(_ tone: Float, _ tan: Tan) -> Colour {
    let tones: [Colour] = [
      Colour(0.99, 0.88, 0.82), Colour(0.96, 0.81, 0.73), Colour(0.91, 0.73, 0.63), Colour(0.79, 0.61, 0.52),
      Colour(0.66, 0.49, 0.42),
    ]
    let position = tone * Float(tones.count - 1)
    let lower = min(tones.count - 2, Int(position))
    let natural = mix(tones[lower], tones[lower + 1], position - Float(lower))
    return tan == .tanned ? natural * Colour(0.80, 0.61, 0.40) : natural
  }

  private static func hair(_ colour: HairColour) -> Colour {
    switch colour {
    case .black: Colour(0.13, 0.11, 0.12)
    case .brown: Colour(0.39, 0.24, 0.14)
    case .blond: Colour(0.85, 0.68, 0.39)
    case .red: Colour(0.64, 0.26, 0.11)
    case .gray: Colour(0.74, 0.75, 0.78)
    }
  }

  private static func iris(_ colour: Person.EyeColour) -> Colour {
    switch colour {
    case .brown: Colour(0.36, 0.20, 0.10)
    case .blue: Colour(0.22, 0.48, 0.78)
    case .green: Colour(0.26, 0.54, 0.30)
    case .hazel: Colour(0.55, 0.40, 0.16)
    case .gray: Colour(0.46, 0.52, 0.56)
    }
  }

  private static func background(_ background: Background) -> Colour {
    switch background {
    case .blue: Colour(0.50, 0.66, 0.86)
    case .green: Colour(0.53, 0.70, 0.50)
    case .beige: Colour(0.86, 0.78, 0.64)
    case .slate: Colour(0.42, 0.46, 0.54)
    case .rose: Colour(0.84, 0.62, 0.64)
    case .teal: Colour(0.26, 0.55, 0.56)
    }
  }

  private static func clothing(_ clothing: Clothing) -> Colour {
    switch clothing {
    case .navy: Colour(0.14, 0.20, 0.42)
    case .crimson: Colour(0.62, 0.14, 0.17)
    case .olive: Colour(0.37, 0.40, 0.20)
    case .white: Colour(0.92, 0.91, 0.89)
    case .charcoal: Colour(0.21, 0.21, 0.24)
    case .mustard: Colour(0.80, 0.58, 0.16)
    }
  }
}
