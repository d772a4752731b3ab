/// The words for styles.
enum Vocabulary {
  /// What a picture of this style, or what it shows, is called; the first is the most common.
  static func nouns(of style: Style) -> [String] {
    switch style {
    case .photo: ["photo", "photo", "photograph", "portrait photo"]
    case .sketch: ["sketch", "sketch", "pencil sketch", "pencil drawing"]
    case .zombie: ["zombie", "zombie", "zombie face", "undead zombie"]
    case .clown: ["clown", "clown", "clown face", "circus clown"]
    case .statue: ["statue", "marble statue", "marble statue", "stone statue", "marble face"]
    case .robot: ["robot", "robot", "robot face", "metal robot", "android"]
    case .pixelArt: ["pixel art", "pixel art", "8-bit pixel art"]
    case .watercolor:
      ["watercolour painting", "watercolor painting", "watercolour", "watercolor", "watercolour portrait"]
    }
  }

  /// What may stand before "face".
  static func adjectives(of style: Style) -> [String] {
    switch style {
    case .sketch: ["sketch", "sketched", "pencil-drawn"]
    case .pixelArt: ["pixel art", "pixel art", "8-bit"]
    case .watercolor: ["watercolour", "watercolor"]
    case .photo, .zombie, .clown, .statue, .robot: nouns(of: style)
    }
  }
}

/// Sentences of the forms that CLIP's ImageNet prompts have. They say nothing about a portrait: CLIP learns to look
/// past them, and so the mean over many of them is the meaning of the phrase that they hold.
enum Templates {
  static func filled(with subject: String, _ random: inout SplitMix64) -> String {
    let isDefinite = random.chance(0.5)
    func phrase(_ words: String) -> String { isDefinite ? "the \(words)" : Captions.withArticle(words) }
    switch random.below(10) {
    case 0...5: return "\(random.pick(depictions)) \(phrase(subject))."
    case 6: return "a photo of \(phrase("\(random.pick(qualities)) \(subject)"))."
    case 7: return "\(phrase("\(random.pick(materials)) \(subject)"))."
    case 8: return "\(random.pick(["itap of my", "a photo of my", "a photo of one", "itap of one"])) \(subject)."
    default: return "\(phrase(subject)) in a video game."
    }
  }

  private static let depictions = [
    "a photo of", "a bad photo of", "a good photo of", "a cropped photo of", "a bright photo of", "a dark photo of",
    "a close-up photo of", "a low resolution photo of", "a black and white photo of", "a blurry photo of",
    "a pixelated photo of", "a jpeg corrupted photo of", "a photo of", "itap of", "a rendering of", "a rendition of",
    "a drawing of", "a painting of", "a doodle of", "a sculpture of", "a tattoo of", "graffiti of", "art of",
  ]
  private static let qualities = [
    "clean", "dirty", "cool", "weird", "nice", "small", "large", "hard to see",
  ]
  private static let materials = ["plastic", "embroidered", "cartoon", "toy", "plushie", "origami"]
}
