import Portraits
import Testing

/// Texts that CLIP learns from.
struct CaptionsTests {
  private func captions(_ style: Style, _ count: Int = 600, _ change: (inout Portrait) -> Void = { _ in }) -> [String] {
    (0..<count).map { index in
      var portrait = Portrait.random(seed: UInt64(index), split: .train)
      change(&portrait)
      return Captions.caption(for: portrait, style: style, seed: UInt64(index) + 1000)
    }
  }

  private func mentions(_ word: String) -> (String) -> Bool { { caption in caption.contains(word) } }

  @Test(arguments: Style.allCases)
  func captionsAreTidyEnglish(style: Style) {
    let captions = captions(style)
    for caption in captions {
      #expect(!caption.isEmpty && caption.utf8.allSatisfy { $0 >= 32 && $0 < 127 })
      #expect(caption == caption.lowercased() && !caption.contains("  ") && caption.first != " ")
      for wrong in ["a a", "a e", "a i", "a o", "an b", "an f", "an s"] {
        #expect(!" \(caption)".contains(" \(wrong)"), "\(caption)")
      }
    }
    #expect(captions == self.captions(style))
    #expect(Set(captions).count > 150)
  }

  @Test("other styles are always named, and a plain photo never claims one")
  func stylesAreNamed() {
    let words: [Style: [String]] = [
      .sketch: ["sketch", "pencil"], .zombie: ["zombie"], .clown: ["clown"], .statue: ["statue", "marble"],
      .robot: ["robot", "android"], .pixelArt: ["pixel art", "8-bit"], .watercolor: ["watercolour", "watercolor"],
    ]
    for (style, names) in words {
      #expect(captions(style).allSatisfy { caption in names.contains { caption.contains($0) } })
      #expect(!captions(.photo).contains { caption in names.contains { caption.contains($0) } })
    }
  }

  @Test("what a recipe asks for is what captions say")
  func recipesUseTheWordsOfCaptions() {
    let faces = captions(.photo, 6000)
    for phrase in [
      "face", "a face", "person", "portrait", "photo", "tanned face", "gray hair", "face with makeup", "angry face",
      "smiling face", "curly hair", "a beard", "glasses", "old face", "young", "without makeup", "pale face",
      "brown hair", "surprised face",
    ] {
      #expect(faces.contains(where: mentions(phrase)), "\(phrase)")
    }
    #expect(faces.contains("face") && faces.contains("a face") && faces.contains("a bad photo of the face."))
    #expect(captions(.zombie).contains("a zombie") && captions(.sketch).contains("a sketch of a face"))
  }

  @Test func captionsTellTheTruth() {
    let bare = captions(.photo, 2000) {
      ($0.tan, $0.makeup, $0.glasses, $0.beard) = (.natural, .none, .none, .shaven)
      ($0.expression, $0.hairColor, $0.curls, $0.age) = (.neutral, .brown, .straight, .young)
    }
    for lie in [
      "tanned", "with makeup", "with glasses", "with a beard", "bearded", "smil", "angry", "gray hair", "curl", "old",
    ] {
      #expect(!bare.contains(where: mentions(lie)), "\(lie)")
    }
    let made = captions(.photo, 2000) { ($0.tan, $0.makeup) = (.tanned, .strong) }
    #expect(!made.contains { $0.contains("pale") || $0.contains("without makeup") })
    // What is not to be seen in a style is not named there.
    #expect(!captions(.statue, 2000).contains { $0.contains("tan") || $0.contains("makeup") || $0.contains("gray") })
  }

  @Test func someCaptionsSayLittleAndSomeMuch() {
    let captions = captions(.photo, 3000) { $0.tan = .tanned }
    let templates = captions.count { $0.hasSuffix(".") }
    #expect((1000...1400).contains(templates))
    let tanned = captions.count { $0.contains("tan") }
    #expect(tanned > 400, "\(tanned) of 3000 name the tan")
    let words = captions.map { $0.split(separator: " ").count }
    #expect(words.contains(1) && words.contains { $0 > 12 })
  }

  @Test func severalCaptionsOfOnePictureDiffer() {
    let portrait = Portrait.random(seed: 21, split: .train)
    let captions = Captions.captions(for: portrait, style: .clown, seed: 4, count: 12)
    #expect(captions.count == 12 && Set(captions).count > 6)
  }
}
