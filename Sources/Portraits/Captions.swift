/// English descriptions of pictures: the texts that CLIP learns from.
///
/// A caption tells the truth about a picture but seldom all of it: often one attribute, sometimes several, sometimes
/// none. Captions of other styles than the photo always name the style, so that a plain "face" means a photo. All
/// are lower-case ASCII.
package enum Captions {
  /// One caption of the portrait in this style. Other seeds give other words.
  ///
  /// - Parameter emphasis: name of an attribute that the caption mentions wherever it stands out.
  package static func caption(
    for portrait: Portrait, style: Style, seed: UInt64, emphasis: String? = nil
  ) -> String {
    var random = SplitMix64(seed: seed, stream: 7)
    let facts = chosenFacts(portrait, style, emphasis, &random)
    let (subject, frames) = subject(portrait, style, facts, &random)
    if random.chance(0.4) { return Templates.filled(with: subject, &random) }
    switch random.below(10) {
    case 0, 1: return subject
    case 2, 3: return withArticle(subject)
    default: return "\(random.pick(frames)) \(withArticle(subject))"
    }
  }

  /// `count` captions, of `count` different seeds.
  package static func captions(
    for portrait: Portrait, style: Style, seed: UInt64, count: Int, emphasis: String? = nil
  ) -> [String] {
    (0..<count).map { caption(for: portrait, style: style, seed: seed &* 0x1_0001 &+ UInt64($0), emphasis: emphasis) }
  }

  /// "a face", "an old face".
  static func withArticle(_ phrase: String) -> String {
    let takesAn = phrase.first.map { "aeiou8".contains($0) } ?? false
    return (takesAn ? "an " : "a ") + phrase
  }

  /// A few of the true statements, those that stand out more often than the others.
  private static func chosenFacts(
    _ portrait: Portrait, _ style: Style, _ emphasis: String?, _ random: inout SplitMix64
  ) -> [Fact] {
    let wanted = style == .photo ? random.pick([0, 1, 1, 1, 2, 2, 3, 3, 4, 5]) : random.pick([0, 0, 0, 1, 2, 3])
    var candidates = Fact.all(of: portrait, style: style)
    var chosen: [Fact] = []
    if let index = candidates.firstIndex(where: { $0.attribute == emphasis }), emphasis != nil {
      let fact = candidates.remove(at: index)
      if fact.standsOut || random.chance(0.15) { chosen.append(fact) }
    }
    while chosen.count < wanted, !candidates.isEmpty {
      let fact = candidates.remove(at: random.below(candidates.count))
      if fact.standsOut || random.chance(0.15) { chosen.append(fact) }
    }
    return chosen
  }

  /// "tanned face with gray hair", "sketch of a person", and what such a phrase may begin with.
  private static func subject(
    _ portrait: Portrait, _ style: Style, _ facts: [Fact], _ random: inout SplitMix64
  ) -> (phrase: String, frames: [String]) {
    let person = random.pick(["face", "face", "face", "face", "person", "human face", "human", "portrait"])
    let words = Vocabulary.nouns(of: style)
    switch style {
    case .photo:
      if facts.isEmpty, random.chance(0.12) { return (random.pick(words), mediumFrames) }
      return (described(person, facts, &random), photoFrames)
    case .zombie, .clown, .statue, .robot:
      return (described(random.pick(words), facts, &random), photoFrames)
    case .sketch, .pixelArt, .watercolor:
      // The style alone, before the noun, or as the medium that shows someone.
      switch random.below(4) {
      case 0 where facts.isEmpty: return (random.pick(words), mediumFrames)
      case 0, 1:
        let noun = "\(random.pick(Vocabulary.adjectives(of: style))) \(person)"
        return (described(noun, facts, &random), mediumFrames)
      default:
        let shown = withArticle(described(person, facts, &random))
        return ("\(random.pick(words)) of \(shown)", mediumFrames)
      }
    }
  }

  private static let photoFrames = [
    "a photo of", "a photo of", "photo of", "a photograph of", "a picture of", "an image of", "a portrait of",
  ]
  /// Before what is itself a picture.
  private static let mediumFrames = ["a photo of", "a picture of", "an image of"]

  /// The noun with its adjectives before it and the rest after it: "old face with curly gray hair and without glasses".
  private static func described(_ noun: String, _ facts: [Fact], _ random: inout SplitMix64) -> String {
    var before: [String] = []
    var hair: [(order: Int, word: String)] = []
    var with: [String] = []
    var after: [String] = []
    for fact in facts {
      switch random.pick(fact.wordings) {
      case .before(let word): before.append(word)
      case .hair(let order, let word): hair.append((order, word))
      case .with(let words): with.append(words)
      case .after(let words): after.append(words)
      }
    }
    if !hair.isEmpty {
      with.insert(hair.sorted { $0.order < $1.order }.map(\.word).joined(separator: " ") + " hair", at: 0)
    }
    let possessions = with.isEmpty ? [] : ["with " + with.joined(separator: " and ")]
    return (before + [noun] + possessions + after).joined(separator: " ")
  }
}

/// A true statement about a picture, in all its wordings.
private struct Fact {
  enum Wording {
    /// An adjective: "smiling".
    case before(String)
    /// A word for the hair; length stands before curls, curls before color.
    case hair(order: Int, String)
    /// Something one has: "glasses".
    case with(String)
    /// Anything that follows the noun: "without makeup".
    case after(String)
  }

  /// What it is about; nil for what no head of a classifier names.
  private(set) var attribute: String?
  /// Whether one would notice: a beard, rather than the lack of one.
  let standsOut: Bool
  let wordings: [Wording]

  private init(_ standsOut: Bool, _ wordings: [Wording]) {
    self.standsOut = standsOut
    self.wordings = wordings
  }

  static func all(of portrait: Portrait, style: Style) -> [Fact] {
    let judged: [(name: String, fact: Fact)] = [
      (FacialExpression.name, fact(portrait.expression)), (Makeup.name, fact(portrait.makeup)),
      (Tan.name, fact(portrait.tan, portrait.person)), (HairColor.name, fact(portrait.hairColor)),
      (HairLength.name, fact(portrait.hairLength)), (Curls.name, fact(portrait.curls)),
      (Beard.name, fact(portrait.beard)), (Glasses.name, fact(portrait.glasses)), (Age.name, fact(portrait.age)),
    ]
    let visible = Set(AttributeSchema.heads.filter { AttributeSchema.shows($0, in: style) }.map(\.name))
    let facts = judged.filter { visible.contains($0.name) }.map { name, fact in
      var named = fact
      named.attribute = name
      return named
    }
    guard style == .photo else { return facts }
    let color = ["slate": "gray", "rose": "pink"][portrait.background.rawValue] ?? portrait.background.rawValue
    return facts + [Fact(false, [.after("on a \(color) background")])]
  }

  private static func fact(_ expression: FacialExpression) -> Fact {
    switch expression {
    case .neutral: Fact(false, [.before("calm"), .before("neutral"), .with("a neutral expression")])
    case .smile: Fact(true, [.before("smiling"), .before("smiling"), .before("happy"), .with("a smile")])
    case .angry:
      Fact(true, [.before("angry"), .before("angry"), .before("furious"), .with("an angry expression")])
    case .surprised:
      Fact(true, [.before("surprised"), .before("surprised"), .before("shocked"), .with("an open mouth")])
    }
  }

  private static func fact(_ makeup: Makeup) -> Fact {
    switch makeup {
    case .none: Fact(false, [.after("without makeup"), .after("with no makeup")])
    case .strong:
      Fact(
        true,
        [
          .with("makeup"), .with("makeup"), .with("makeup"), .with("heavy makeup"), .with("red lips"),
          .with("lipstick and eye shadow"), .after("wearing makeup"), .before("made-up"),
        ])
    }
  }

  private static func fact(_ tan: Tan, _ person: Person) -> Fact {
    switch tan {
    case .natural:
      Fact(false, person.skinTone < 0.4 ? [.before("pale"), .with("pale skin")] : [.with("natural skin")])
    case .tanned:
      Fact(true, [.before("tanned"), .before("tanned"), .before("tanned"), .before("suntanned"), .with("tanned skin")])
    }
  }

  private static func fact(_ color: HairColor) -> Fact {
    let words =
      switch color {
      case .black: ["black", "black", "dark"]
      case .brown: ["brown"]
      case .blond: ["blond", "blonde"]
      case .red: ["red", "ginger"]
      case .gray: ["gray", "gray", "grey", "silver"]
      }
    let haired = Wording.before("\(words[0])-haired")
    return Fact(color == .gray, words.flatMap { [.hair(order: 2, $0), .hair(order: 2, $0)] } + [haired])
  }

  private static func fact(_ length: HairLength) -> Fact {
    let word = Wording.hair(order: 0, length.rawValue)
    return Fact(length == .long, [word, word, .before("\(length)-haired")])
  }

  private static func fact(_ curls: Curls) -> Fact {
    Fact(curls == .curly, [.hair(order: 1, curls.rawValue)] + (curls == .curly ? [.with("curls")] : []))
  }

  private static func fact(_ beard: Beard) -> Fact {
    switch beard {
    case .shaven: Fact(false, [.after("without a beard"), .before("clean-shaven")])
    case .bearded: Fact(true, [.with("a beard"), .with("a beard"), .before("bearded")])
    }
  }

  private static func fact(_ glasses: Glasses) -> Fact {
    switch glasses {
    case .none: Fact(false, [.after("without glasses")])
    case .glasses: Fact(true, [.with("glasses"), .after("wearing glasses"), .with("eyeglasses")])
    }
  }

  private static func fact(_ age: Age) -> Fact {
    switch age {
    case .young: Fact(false, [.before("young")])
    case .old: Fact(true, [.before("old"), .before("old"), .before("elderly"), .before("aged"), .with("wrinkles")])
    }
  }
}
