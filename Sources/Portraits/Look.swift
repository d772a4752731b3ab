/// The colors that a portrait is painted with.
struct Look {
  var skin: Color
  /// Skin away from the light, multiplied into `skin`.
  var shade: Color
  var lips: Color
  /// How far lips stand out from the skin.
  var lipStrength: Float
  var mouthInside = Color(0.30, 0.08, 0.09)
  var teeth = Color(0.96, 0.95, 0.92)
  var hair: Color
  var brows: Color
  var iris: Color
  var pupil = Color(0.06, 0.05, 0.06)
  var sclera = Color(0.97, 0.96, 0.95)
  /// Lids, lashes, nostrils and wrinkles.
  var ink: Color
  var blush: Color
  var blushStrength: Float
  var eyeShadow: Color
  var eyeShadowStrength: Float
  var background: Color
  var clothing: Color
  var frames = Color(0.11, 0.10, 0.13)
  /// Strength of highlights: skin 0.25, metal 1.
  var gloss: Float = 0.22

  /// The colors of a photo.
  init(_ portrait: Portrait) {
    skin = Self.skin(portrait.person.skinTone, portrait.tan)
    shade = Color(0.66, 0.54, 0.52)
    hair = Self.hair(portrait.hairColor)
    brows = portrait.hairColor == .gray ? Color(0.46, 0.45, 0.46) : hair * 0.62
    iris = Self.iris(portrait.person.eyeColor)
    ink = skin * Color(0.30, 0.22, 0.20)
    blush = skin * Color(0.98, 0.60, 0.62) + Color(0.05, 0, 0.01)
    background = Self.background(portrait.background)
    clothing = Self.clothing(portrait.clothing)
    switch portrait.makeup {
    case .none:
      lips = skin * Color(0.86, 0.60, 0.60)
      lipStrength = 0.8
      blushStrength = 0.22
      eyeShadowStrength = 0
    case .strong:
      lips = Color(0.80, 0.05, 0.16)
      lipStrength = 1
      blushStrength = 1
      eyeShadowStrength = 0.88
    }
    eyeShadow = Color(0.47, 0.25, 0.62)
  }

  /// The colors that a style gives to the same portrait.
  init(_ portrait: Portrait, style: Style) {
    self.init(portrait)
    switch style {
    case .photo, .pixelArt, .watercolor: break
    case .sketch: bleach()
    case .zombie: rot(portrait)
    case .clown: paintAsClown(portrait)
    case .statue: carve()
    case .robot: plate(portrait)
    }
  }

  /// The few colors that pixel art is made of.
  var palette: [Color] {
    let shaded = [skin, hair, background, clothing].flatMap { color in [0.62, 0.82, 1, 1.14].map { color * $0 } }
    return shaded + [lips, ink, iris, eyeShadow, mix(skin, blush, 0.7), Color(repeating: 0.95), frames]
  }

  private mutating func plain(_ color: Color) {
    skin = color
    lips = color * 0.86
    lipStrength = 1
    blushStrength = 0
    eyeShadowStrength = 0
  }

  /// A model for drawing: skin as pale as the paper, features as dark as a pencil.
  private mutating func bleach() {
    plain(Color(repeating: 0.94))
    shade = Color(repeating: 0.70)
    lips = Color(repeating: 0.40)
    ink = Color(repeating: 0.10)
    brows = brows * 0.6
    iris = Color(repeating: 0.22)
    clothing = mix(clothing, Color(repeating: 0.8), 0.4)
    background = Color(repeating: 0.84)
    hair = mix(hair, Color(repeating: 0.6), 0.25)
    gloss = 0.10
  }

  private mutating func rot(_ portrait: Portrait) {
    plain(mix(Color(0.58, 0.68, 0.44), Color(0.44, 0.54, 0.38), portrait.person.skinTone))
    shade = Color(0.42, 0.48, 0.40)
    lips = Color(0.30, 0.22, 0.24)
    hair = mix(Self.hair(portrait.hairColor) * 0.45, Color(0.17, 0.19, 0.14), 0.6)
    brows = Color(0.16, 0.17, 0.11)
    ink = Color(0.12, 0.13, 0.09)
    iris = Color(0.85, 0.82, 0.52)
    pupil = Color(0.35, 0.10, 0.06)
    sclera = Color(0.90, 0.86, 0.62)
    mouthInside = Color(0.20, 0.03, 0.04)
    teeth = Color(0.72, 0.68, 0.42)
    background = mix(background * 0.42, Color(0.16, 0.22, 0.19), 0.55)
    clothing = mix(clothing * 0.55, Color(0.25, 0.24, 0.18), 0.5)
    gloss = 0.08
  }

  private mutating func paintAsClown(_ portrait: Portrait) {
    plain(Color(0.97, 0.96, 0.95))
    shade = Color(0.74, 0.74, 0.82)
    lips = Color(0.86, 0.06, 0.10)
    let wigs = [
      Color(0.92, 0.20, 0.14), Color(0.16, 0.62, 0.24), Color(0.13, 0.42, 0.90), Color(0.95, 0.50, 0.08),
    ]
    hair = wigs[Int(portrait.person.id % 4)]
    brows = Color(0.10, 0.14, 0.50)
    ink = Color(0.12, 0.10, 0.16)
    clothing = Color(0.97, 0.80, 0.12)
    background = mix(background, Color(0.98, 0.90, 0.66), 0.35)
  }

  private mutating func carve() {
    let marble = Color(0.86, 0.86, 0.85)
    plain(marble)
    shade = Color(0.46, 0.47, 0.50)
    lips = marble * 0.84
    hair = marble * 0.92
    brows = marble * 0.70
    iris = marble * 0.95
    pupil = marble * 0.95
    sclera = marble * 0.95
    ink = Color(0.36, 0.37, 0.39)
    mouthInside = Color(0.36, 0.37, 0.39)
    teeth = marble
    clothing = marble * 0.90
    frames = Color(0.50, 0.50, 0.52)
    let grey = (background.x + background.y + background.z) / 3
    background = Color(repeating: 0.20 + 0.22 * grey)
    gloss = 0.16
  }

  private mutating func plate(_ portrait: Portrait) {
    plain(mix(Color(0.82, 0.87, 0.92), Color(0.66, 0.71, 0.78), portrait.person.skinTone))
    shade = Color(0.42, 0.46, 0.54)
    lips = Color(0.30, 0.33, 0.39)
    hair = Color(0.33, 0.38, 0.46)
    brows = Color(0.22, 0.25, 0.31)
    ink = Color(0.14, 0.16, 0.21)
    iris = portrait.person.eyeColor == .brown ? Color(1, 0.30, 0.16) : Color(0.20, 0.95, 1)
    pupil = Color(0.95, 1, 1)
    sclera = Color(0.07, 0.09, 0.13)
    mouthInside = Color(0.08, 0.10, 0.14)
    teeth = Color(0.62, 0.68, 0.74)
    clothing = Color(0.44, 0.49, 0.56)
    background = mix(background * 0.55, Color(0.10, 0.15, 0.24), 0.5)
    gloss = 0.75
  }

  private static func skin(_ tone: Float, _ tan: Tan) -> Color {
    let tones: [Color] = [
      Color(0.99, 0.88, 0.82), Color(0.96, 0.81, 0.73), Color(0.91, 0.73, 0.63), Color(0.79, 0.61, 0.52),
      Color(0.66, 0.49, 0.42),
    ]
    let position = tone * Float(tones.count - 1)
    let lower = min(tones.count - 2, Int(position))
    let natural = mix(tones[lower], tones[lower + 1], position - Float(lower))
    return tan == .tanned ? natural * Color(0.80, 0.61, 0.40) : natural
  }

  private static func hair(_ color: HairColor) -> Color {
    switch color {
    case .black: Color(0.13, 0.11, 0.12)
    case .brown: Color(0.39, 0.24, 0.14)
    case .blond: Color(0.85, 0.68, 0.39)
    case .red: Color(0.64, 0.26, 0.11)
    case .gray: Color(0.74, 0.75, 0.78)
    }
  }

  private static func iris(_ color: Person.EyeColor) -> Color {
    switch color {
    case .brown: Color(0.36, 0.20, 0.10)
    case .blue: Color(0.22, 0.48, 0.78)
    case .green: Color(0.26, 0.54, 0.30)
    case .hazel: Color(0.55, 0.40, 0.16)
    case .gray: Color(0.46, 0.52, 0.56)
    }
  }

  private static func background(_ background: Background) -> Color {
    switch background {
    case .blue: Color(0.50, 0.66, 0.86)
    case .green: Color(0.53, 0.70, 0.50)
    case .beige: Color(0.86, 0.78, 0.64)
    case .slate: Color(0.42, 0.46, 0.54)
    case .rose: Color(0.84, 0.62, 0.64)
    case .teal: Color(0.26, 0.55, 0.56)
    }
  }

  private static func clothing(_ clothing: Clothing) -> Color {
    switch clothing {
    case .navy: Color(0.14, 0.20, 0.42)
    case .crimson: Color(0.62, 0.14, 0.17)
    case .olive: Color(0.37, 0.40, 0.20)
    case .white: Color(0.92, 0.91, 0.89)
    case .charcoal: Color(0.21, 0.21, 0.24)
    case .mustard: Color(0.80, 0.58, 0.16)
    }
  }
}
