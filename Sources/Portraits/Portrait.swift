/// Everything that determines a picture except its style: a person, and the state they are in.
package struct Portrait: Sendable, Hashable {
  package var person: Person
  package var expression: FacialExpression
  package var makeup: Makeup
  package var tan: Tan
  package var hairColor: HairColor
  package var hairLength: HairLength
  package var curls: Curls
  package var beard: Beard
  package var glasses: Glasses
  package var age: Age
  package var background: Background
  package var clothing: Clothing
  package var pose: Pose
  /// Where the light comes from: −1 the viewer's left, 1 the right.
  package var light: Float

  /// How the head is held; every field in [−1, 1].
  package struct Pose: Sendable, Hashable {
    /// Turned to the viewer's left (−1) or right (1).
    package var turn: Float
    /// Tilted to a shoulder.
    package var tilt: Float
    /// Moved to the right and downwards.
    package var shiftX, shiftY: Float

    package init(turn: Float = 0, tilt: Float = 0, shiftX: Float = 0, shiftY: Float = 0) {
      self.turn = turn
      self.tilt = tilt
      self.shiftX = shiftX
      self.shiftY = shiftY
    }
  }

  /// The person looking straight ahead: natural skin, no makeup, glasses or beard, their usual hair.
  package init(of person: Person) {
    self.person = person
    expression = .neutral
    makeup = .none
    tan = .natural
    hairColor = person.hairColor
    hairLength = person.hairLength
    curls = person.curls
    beard = .shaven
    glasses = .none
    age = .young
    background = .blue
    clothing = .navy
    pose = Pose()
    light = -0.5
  }

  /// A picture of this person in a random state. Attributes are independent of each other: knowing one tells nothing
  /// about another, so that a classifier cannot take one for the other.
  package static func random(of person: Person, seed: UInt64) -> Portrait {
    var random = SplitMix64(seed: seed, stream: 2)
    var portrait = Portrait(of: person)
    portrait.expression = random.chance(0.4) ? .neutral : random.pick([.smile, .angry, .surprised])
    portrait.makeup = random.chance(0.3) ? .strong : .none
    portrait.tan = random.chance(0.3) ? .tanned : .natural
    if random.chance(0.22) { portrait.hairColor = .gray }
    if random.chance(0.3) { portrait.hairLength = random.pick(HairLength.allCases) }
    if random.chance(0.3) { portrait.curls = random.pick(Curls.allCases) }
    portrait.beard = random.chance(0.25) ? .bearded : .shaven
    portrait.glasses = random.chance(0.2) ? .glasses : .none
    portrait.age = random.chance(0.3) ? .old : .young
    portrait.background = random.pick(Background.allCases)
    portrait.clothing = random.pick(Clothing.allCases)
    portrait.pose = Pose(
      turn: random.uniform(-1, 1), tilt: random.uniform(-1, 1), shiftX: random.uniform(-1, 1),
      shiftY: random.uniform(-1, 1))
    portrait.light = random.uniform(-1, 1)
    return portrait
  }

  /// A random person of the split in a random state.
  package static func random(seed: UInt64, split: Split) -> Portrait {
    var random = SplitMix64(seed: seed, stream: 3)
    let people = split.people
    let person = Person(id: people.lowerBound + UInt64(random.below(people.count)))
    return .random(of: person, seed: seed)
  }
}
