/// What makes a person the same person in every picture: shape of the face, colors, and the hair they usually wear.
///
/// Lengths are in units of half a picture's side.
package struct Person: Sendable, Hashable {
  /// The only parameter: everything else follows from it.
  package let id: UInt64

  let faceWidth, faceHeight: Float
  /// From 0, a pointed chin, to 1, a square one.
  let jaw: Float
  let eyeSize, eyeSpacing, eyeTilt, eyeLevel: Float
  let eyeColor: EyeColor
  let browThickness, browArch: Float
  let noseLength, noseWidth: Float
  let mouthWidth, lipFullness: Float
  let earSize: Float
  /// From 0, pale, to 1, dark brown.
  let skinTone: Float
  /// From −1, parted on the viewer's left, to 1.
  let parting: Float
  let hairVolume, hairline: Float

  /// The hair of most of this person's pictures.
  package let hairColor: HairColor
  package let hairLength: HairLength
  package let curls: Curls

  enum EyeColor: CaseIterable, Sendable { case brown, blue, green, hazel, gray }

  /// The person with this number. Which numbers may be used for training says ``Split``.
  package init(id: UInt64) {
    self.id = id
    var random = SplitMix64(seed: id, stream: 1)
    faceWidth = random.uniform(0.385, 0.485)
    faceHeight = random.uniform(0.54, 0.62)
    jaw = random.unit()
    eyeSize = random.uniform(0.85, 1.2)
    eyeSpacing = random.uniform(0.175, 0.22)
    eyeTilt = random.uniform(-0.16, 0.16)
    eyeLevel = random.uniform(-0.05, 0.03)
    eyeColor = random.pick(EyeColor.allCases)
    browThickness = random.uniform(0.016, 0.036)
    browArch = random.uniform(0.015, 0.055)
    noseLength = random.uniform(0.15, 0.23)
    noseWidth = random.uniform(0.055, 0.095)
    mouthWidth = random.uniform(0.13, 0.185)
    lipFullness = random.uniform(0.7, 1.3)
    earSize = random.uniform(0.8, 1.25)
    skinTone = random.unit()
    parting = random.uniform(-1, 1)
    hairVolume = random.uniform(0.03, 0.10)
    hairline = random.uniform(0.30, 0.42)
    hairColor = random.pick(HairColor.natural)
    hairLength = random.pick(HairLength.allCases)
    curls = random.chance(0.35) ? .curly : .straight
  }
}

/// Two disjoint sets of people. Whatever is reported is measured on `heldOut`, which no training ever sees.
package enum Split: String, Sendable, Hashable, CaseIterable {
  case train, heldOut

  /// The numbers of the people of this split: each has half of the first 2⁴⁰.
  package var people: Range<UInt64> {
    switch self {
    case .train: 0..<(1 << 39)
    case .heldOut: (1 << 39)..<(1 << 40)
    }
  }

  /// The split that a person belongs to; nil beyond both ranges.
  package init?(of person: Person) {
    guard let split = Self.allCases.first(where: { $0.people.contains(person.id) }) else { return nil }
    self = split
  }
}
