import Portraits
import Testing

/// Pictures of the built-in domain: the same bytes everywhere, and visibly what their attributes say.
struct RendererTests {
  @Test("the same portrait gives the same bytes, on every machine", arguments: Style.allCases)
  func bytesAreFixed(style: Style) {
    // Recorded from this renderer. A change here means that the networks' training data has changed.
    let expected: [Style: UInt64] = [
      .photo: 0xD7B9_516A_14F1_7720, .sketch: 0x9C9D_CE57_7FC6_9498,
      .zombie: 0xDF86_5BCD_B7EC_117A, .clown: 0xD57E_D0FF_6416_5B97,
      .statue: 0x35CA_302C_D4EA_8C87, .robot: 0xC759_2A68_B535_33AA,
      .pixelArt: 0x9464_79EE_CBB4_B0B7, .watercolor: 0x4B1F_795C_F697_7811,
    ]
    var checksum = Checksum()
    for seed in UInt64(0)..<8 {
      let picture = Renderer.render(.random(seed: seed, split: .train), style: style)
      checksum.add(picture.rgb)
      checksum.add(picture.labels)
    }
    #expect(checksum.value == expected[style], "\(style): \(checksum.value)")
  }

  @Test func picturesHaveTheSizeAskedFor() {
    let picture = Renderer.render(.random(seed: 1, split: .heldOut), size: 96)
    #expect(picture.width == 96 && picture.height == 96)
    #expect(picture.rgb.count == 96 * 96 * 3 && picture.labels.count == 96 * 96)
  }

  @Test func labelsCoverEveryRegion() {
    var pixels = [Int](repeating: 0, count: Region.allCases.count)
    for seed in UInt64(0)..<60 {
      for label in Renderer.render(.random(seed: seed, split: .train)).labels { pixels[Int(label)] += 1 }
    }
    for region in Region.allCases {
      #expect(pixels[Int(region.rawValue)] > 300, "\(region.name) has \(pixels[Int(region.rawValue)]) pixels")
    }
  }

  @Test("every single face shows skin, hair, eyes, brows, nose, mouth and background")
  func everyFaceIsComplete() {
    for seed in UInt64(0)..<200 {
      let labels = Set(Renderer.render(.random(seed: seed, split: .train)).labels)
      for region in [Region.background, .skin, .hair, .brows, .eyes, .nose, .mouth, .neck, .clothing] {
        #expect(labels.contains(region.rawValue), "seed \(seed) lacks \(region.name)")
      }
    }
  }

  @Test func colorAloneMovesNoLabel() {
    for seed in UInt64(0)..<20 {
      var portrait = Portrait.random(seed: seed, split: .train)
      let labels = Renderer.render(portrait).labels
      portrait.tan = portrait.tan == .natural ? .tanned : .natural
      portrait.makeup = portrait.makeup == .none ? .strong : .none
      portrait.hairColor = portrait.hairColor == .gray ? .brown : .gray
      (portrait.background, portrait.clothing, portrait.light) = (.rose, .mustard, 0.9)
      for style in Style.allCases { #expect(Renderer.render(portrait, style: style).labels == labels) }
    }
  }

  struct Edit: Sendable, CustomTestStringConvertible {
    let name: String
    /// Where it shows, and the least mean change of a channel there, of 255.
    let regions: [Region]
    let least: Double
    let change: @Sendable (inout Portrait) -> Void
    var testDescription: String { name }
  }

  static let edits = [
    Edit(name: "tanned", regions: [.skin, .neck], least: 30) { $0.tan = .tanned },
    Edit(name: "gray hair", regions: [.hair], least: 35) { $0.hairColor = .gray },
    Edit(name: "red lips", regions: [.mouth], least: 25) { $0.makeup = .strong },
    Edit(name: "eye shadow and blush", regions: [.skin, .eyes], least: 5) { $0.makeup = .strong },
    Edit(name: "angry", regions: [.brows, .mouth], least: 15) { $0.expression = .angry },
    Edit(name: "smile", regions: [.mouth], least: 12) { $0.expression = .smile },
    Edit(name: "surprised", regions: [.mouth, .eyes], least: 12) { $0.expression = .surprised },
    Edit(name: "glasses", regions: [.eyes, .brows], least: 7) { $0.glasses = .glasses },
    Edit(name: "beard", regions: [.mouth, .skin], least: 12) { $0.beard = .bearded },
    Edit(name: "old", regions: [.skin], least: 2.5) { $0.age = .old },
    Edit(name: "curly", regions: [.hair, .background], least: 6) { $0.curls = .curly },
    Edit(name: "long hair", regions: [.background, .neck, .clothing], least: 10) { $0.hairLength = .long },
  ]

  @Test("an attribute changes the picture where one would look for it", arguments: edits)
  func attributesShow(edit: Edit) {
    var total = 0.0
    for id in UInt64(0)..<20 {
      var portrait = Portrait(of: Person(id: id))
      (portrait.hairColor, portrait.hairLength, portrait.curls) = (.brown, .short, .straight)
      let before = Renderer.render(portrait)
      edit.change(&portrait)
      total += meanDifference(before, Renderer.render(portrait), in: edit.regions)
    }
    #expect(total / 20 >= edit.least, "changes by \(total / 20)")
  }

  @Test("the edits of color leave the other regions alone")
  func colorStaysInItsRegion() {
    for id in UInt64(0)..<20 {
      let portrait = Portrait(of: Person(id: id))
      let before = Renderer.render(portrait)
      for (change, untouched) in [
        ({ $0.tan = .tanned }, [Region.background, .clothing]),
        ({ $0.hairColor = .gray }, [.background, .clothing, .eyes, .nose]),
        ({ $0.makeup = .strong }, [.background, .clothing, .hair, .neck]),
      ] as [((inout Portrait) -> Void, [Region])] {
        var changed = portrait
        change(&changed)
        #expect(meanDifference(before, Renderer.render(changed), in: untouched) < 3)
      }
    }
  }

  @Test func stylesLookDifferentFromEachOther() {
    for seed in UInt64(0)..<5 {
      let portrait = Portrait.random(seed: seed, split: .heldOut)
      let pictures = Style.allCases.map { Renderer.render(portrait, style: $0) }
      for i in pictures.indices {
        for j in 0..<i {
          #expect(
            meanDifference(pictures[i], pictures[j], in: Region.allCases) > 6,
            "\(Style.allCases[i]) looks like \(Style.allCases[j])")
        }
      }
    }
  }

  @Test func sketchesAndStatuesHaveNoColor() {
    let portrait = Portrait.random(seed: 3, split: .train)
    for style in [Style.sketch, .statue] {
      let rgb = Renderer.render(portrait, style: style).rgb
      for k in stride(from: 0, to: rgb.count, by: 3) {
        let channels = rgb[k..<k + 3]
        #expect(channels.max()! - channels.min()! <= 24)
      }
    }
  }

  @Test func strokesAreTheSamePersonInFewColors() {
    let portrait = Portrait.random(seed: 11, split: .heldOut)
    let strokes = portrait.strokes()
    #expect(strokes == portrait.strokes())
    #expect(strokes.width == 64 && strokes.rgb.count == 64 * 64 * 3)
    let photo = Renderer.render(portrait)
    let agreeing = zip(photo.labels, strokes.labels).count { $0 == $1 }
    #expect(agreeing > 64 * 64 * 7 / 10, "\(agreeing) labels agree")
    #expect(meanDifference(photo, strokes, in: Region.allCases) > 6)
    #expect(Set([Region.background, .skin, .hair, .eyes, .mouth].map(\.rawValue)).isSubset(of: Set(strokes.labels)))
  }

  /// Mean absolute difference of all channels, of 255, over the pixels that `a` labels as one of the regions.
  private func meanDifference(_ a: RenderedPortrait, _ b: RenderedPortrait, in regions: [Region]) -> Double {
    var sum = 0
    var count = 0
    for k in a.labels.indices where regions.contains(where: { $0.rawValue == a.labels[k] }) {
      for channel in 0..<3 { sum += abs(Int(a.rgb[k * 3 + channel]) - Int(b.rgb[k * 3 + channel])) }
      count += 3
    }
    return Double(sum) / Double(max(1, count))
  }
}

/// FNV-1a, 64 bits.
struct Checksum {
  private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ bytes: some Sequence<UInt8>) {
    for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
  }
}
