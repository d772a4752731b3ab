import Portraits
import Testing

/// Who is in a picture, in which state, and what a table says about it.
struct PortraitTests {
  @Test func randomPortraitsFollowFromTheirSeed() {
    #expect(Portrait.random(seed: 5, split: .train) == .random(seed: 5, split: .train))
    #expect(Set((UInt64(0)..<500).map { Portrait.random(seed: $0, split: .train) }).count == 500)
  }

  @Test func aPersonStaysThePersonInEveryState() {
    let person = Person(id: 77)
    let states = (UInt64(0)..<50).map { Portrait.random(of: person, seed: $0) }
    #expect(states.allSatisfy { $0.person == person })
    #expect(Set(states).count == 50)
  }

  @Test func splitsShareNobody() {
    #expect(!Split.train.people.overlaps(Split.heldOut.people))
    for split in Split.allCases {
      for seed in UInt64(0)..<200 {
        let portrait = Portrait.random(seed: seed, split: split)
        #expect(Split(of: portrait.person) == split)
      }
    }
    #expect(Split(of: Person(id: .max)) == nil)
  }

  @Test("every value occurs, and no pair of attributes hangs together")
  func attributesAreIndependent() {
    let count = 4000
    let rows = (0..<count).map { Portrait.random(seed: UInt64($0), split: .train).attributeIndices(style: .photo) }
    for (i, head) in AttributeSchema.heads.enumerated() where head.name != Style.name {
      let first = frequencies(rows.map { $0[i] }, of: head.values.count)
      for (value, frequency) in zip(head.values, first) {
        #expect(frequency > 0.12, "\(head.name) is \(value) in \(frequency)")
      }
      for j in 0..<i where AttributeSchema.heads[j].name != Style.name {
        let second = frequencies(rows.map { $0[j] }, of: AttributeSchema.heads[j].values.count)
        for a in first.indices {
          for b in second.indices {
            let joint = Double(rows.count { $0[i] == a && $0[j] == b }) / Double(count)
            // Four standard deviations of such a count are below 0.03.
            #expect(abs(joint - first[a] * second[b]) < 0.03, "\(head.name) and \(AttributeSchema.heads[j].name)")
          }
        }
      }
    }
  }

  private func frequencies(_ values: [Int], of count: Int) -> [Double] {
    (0..<count).map { value in Double(values.count { $0 == value }) / Double(values.count) }
  }

  @Test func schemaNamesWhatIndicesMean() {
    #expect(
      AttributeSchema.heads.map(\.name) == [
        "style", "expression", "makeup", "tan", "hair_color", "hair_length", "curly", "beard", "glasses", "age",
      ])
    #expect(AttributeSchema.heads[4].values == ["black", "brown", "blond", "red", "gray"])
    var portrait = Portrait(of: Person(id: 1))
    (portrait.expression, portrait.tan, portrait.hairColor) = (.angry, .tanned, .gray)
    (portrait.hairLength, portrait.curls) = (.long, .curly)
    #expect(portrait.attributeIndices(style: .zombie) == [2, 2, 0, 1, 4, 1, 1, 0, 0, 0])
    #expect(AttributeSchema.heads.allSatisfy { AttributeSchema.shows($0, in: .photo) })
    #expect(!AttributeSchema.shows(AttributeSchema.heads[3], in: .statue))
  }

  @Test func aRowOfTheTableHoldsTheTruth() {
    var portrait = Portrait(of: Person(id: 9))
    portrait.glasses = .glasses
    portrait.hairColor = .red
    let row = portrait.attributes(style: .pixelArt, caption: "pixel art")
    #expect(
      row.map(\.name) == ["person"] + AttributeSchema.heads.map(\.name) + ["background", "clothing", "caption"])
    let values = Dictionary(uniqueKeysWithValues: row.map { ($0.name, $0.value) })
    #expect(values["person"] == "9" && values["style"] == "pixel_art" && values["glasses"] == "glasses")
    #expect(values["hair_color"] == "red" && values["tan"] == "natural" && values["caption"] == "pixel art")
  }
}
