import Checkpoints
import Foundation
import Networks
import TestSupport
import Testing

@Suite struct TokenizerTests {
  private struct Case: Decodable {
    let text: String
    let tokens: [Int]
    /// Those of Hugging Face's tokenizer.
    let huggingFace: [Int]

    enum CodingKeys: String, CodingKey {
      case text, tokens
      case huggingFace = "hugging_face"
    }
  }

  private func tokenizer(_ cleaning: Tokenizer.Cleaning = .openai) throws -> Tokenizer {
    try Tokenizer(merges: String(contentsOfFile: fixture("merges.txt"), encoding: .utf8), cleaning: cleaning)
  }

  @Test func agreesWithOpenAIAndHuggingFace() throws {
    let (openAI, huggingFace) = (try tokenizer(), try tokenizer(.huggingFace))
    let data = try Data(contentsOf: URL(fileURLWithPath: fixture("tokens.json")))
    let cases = try JSONDecoder().decode([Case].self, from: data)
    #expect(cases.count >= 300)
    for expected in cases {
      #expect(openAI.encode(expected.text) == expected.tokens, "\(expected.text.debugDescription)")
      #expect(huggingFace.encode(expected.text) == expected.huggingFace, "\(expected.text.debugDescription)")
    }
  }

  /// Texts that the same rule makes here and in make_published_fixtures.py, with OpenAI's whole vocabulary.
  private struct Rule: Decodable {
    let words: [String]
    let ranges: [[UInt32]]
    let separators: [String]
    let texts: Int
    let block: Int
    /// FNV-1a of the tokens of each block of texts, each text's followed by 99999.
    let hashes: [String]

    func text(_ number: Int) -> String {
      var generator = SeededGenerator(seed: UInt64(number))
      func below(_ bound: Int) -> Int { Int(generator.next() % UInt64(bound)) }
      var scalars = String.UnicodeScalarView()
      if number % 2 == 0 {
        for _ in 0...below(10) {
          scalars += words[below(words.count)].unicodeScalars
          scalars += separators[below(separators.count)].unicodeScalars
        }
      } else {
        let chosen = (0...below(3)).map { _ in ranges[below(ranges.count)] }
        for _ in 0...below(24) {
          let range = chosen[below(chosen.count)]
          if let scalar = Unicode.Scalar(range[0] + UInt32(below(Int(range[1] - range[0]) + 1))) {
            scalars.append(scalar)
          }
        }
      }
      return String(scalars)
    }
  }

  @Test func agreesOnTwelveThousandTextsWithTheWholeVocabulary() throws {
    let path = fixture("published/bpe_simple_vocab_16e6.txt.gz")
    let text = try Gzip.content(of: Data(contentsOf: URL(fileURLWithPath: path)), from: path, limit: 1 << 20)
    let tokenizer = try Tokenizer(merges: String(decoding: text, as: UTF8.self))
    #expect(tokenizer.vocabularySize == 49408)
    let data = try Data(contentsOf: URL(fileURLWithPath: fixture("published/token-hashes.json")))
    let rule = try JSONDecoder().decode(Rule.self, from: data)
    #expect(rule.texts >= 10_000 && rule.hashes.count == rule.texts / rule.block)
    for (block, expected) in rule.hashes.enumerated() {
      var hash: UInt64 = 0xCBF2_9CE4_8422_2325
      for number in block * rule.block..<(block + 1) * rule.block {
        for token in tokenizer.encode(rule.text(number)) + [99999] {
          hash = (hash ^ UInt64(token)) &* 0x100_0000_01B3
        }
      }
      #expect(hash == UInt64(expected, radix: 16), "texts \(block * rule.block) and after")
    }
  }

  @Test func vocabulariesMustNumberTokensAsTheMergesDo() throws {
    let folder = fixture("published/hf-clip")
    let merges = try String(contentsOfFile: "\(folder)/merges.txt", encoding: .utf8)
    let tokenizer = try Tokenizer(merges: merges)
    let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/vocab.json"))
    var vocabulary = try JSONDecoder().decode([String: Int].self, from: data)
    try tokenizer.check(vocabulary, from: "m")
    vocabulary["!"] = 7
    #expect {
      try tokenizer.check(vocabulary, from: "m")
    } throws: { error in
      "\(error)" == "m: the tokenizer's vocabulary is unusable: '!' is 7 in vocab.json, expected 0"
    }
    #expect(try tokenizer.shortened(to: 520, from: "m").vocabularySize == 520)
  }

  @Test func aFileSaysHowTextsAreCleaned() throws {
    let tokenizer = try tokenizer(.huggingFace)
    #expect(tokenizer.metadata["cleaning"] == "hugging_face")
    #expect(try Tokenizer(metadata: tokenizer.metadata, from: "m").cleaning == .huggingFace)
    #expect(try self.tokenizer().metadata["cleaning"] == nil)
    #expect {
      try Tokenizer(metadata: ["merges": "", "cleaning": "soap"], from: "m")
    } throws: { error in
      "\(error)"
        == "m: the network's configuration is unusable: its texts are cleaned as 'soap', expected openai or hugging_face"
    }
  }

  /// A text from outside may be as long as a recipe.
  @Test(arguments: ["&", "&amp", "&#1", "Ã©", "\u{1B}[", "a\u{301}", "&amp;amp;", "<\n&"])
  func longTextsTakeNoTime(piece: String) throws {
    let tokenizer = try tokenizer()
    let clock = ContinuousClock()
    let text = String(repeating: piece, count: 200_000)
    #expect(clock.measure { _ = tokenizer.encode(text) } < .seconds(60))
  }

  @Test func padsTruncatesAndRefuses() throws {
    let tokenizer = try tokenizer()
    #expect(tokenizer.vocabularySize == 512 + 3000 + 2)
    let (start, end) = (tokenizer.startToken, tokenizer.endToken)
    #expect((start, end) == (3512, 3513))
    let photo = tokenizer.encode("a photo")
    #expect(try tokenizer.tokens("a photo", contextLength: 6) == [start] + photo + [end, 0, 0])
    #expect(try tokenizer.tokens("a photo", contextLength: 3, truncating: true) == [start, photo[0], end])
    #expect {
      try tokenizer.tokens("a photo", contextLength: 3)
    } throws: { error in
      "\(error)" == "the text 'a photo' has 4 tokens, the network takes at most 3; shorten it"
    }
  }

  @Test func mergesSurviveATrip() throws {
    let tokenizer = try tokenizer()
    let again = try Tokenizer(merges: tokenizer.mergesText)
    #expect(again.merges == tokenizer.merges)
  }

  @Test(arguments: [
    ("#version: 0.2\na b\nq\n", "m: merge 2 of the tokenizer: expected two symbols, found 'q'"),
    ("a b\nab d\nabc d\n", "m: merge 3 of the tokenizer: 'abc' is neither a byte nor an earlier merge"),
    ("a b\nb c\na b\n", "m: merge 3 of the tokenizer: 'a b' is there twice"),
  ])
  func refusesDamagedMerges(text: String, message: String) {
    #expect {
      try Tokenizer(merges: text, from: "m")
    } throws: { error in
      "\(error)" == message
    }
  }

  @Test func learnsMergesThatDoNotDependOnTheOrderOfTexts() throws {
    let texts = ["an angry face", "a happy face", "angry, angry zombie", "it's a face", "facade"]
    let merges = BPETrainer.merges(from: texts, count: 12)
    #expect(merges == BPETrainer.merges(from: texts.reversed(), count: 12))
    // "fac" occurs four times, "face" thrice; ties go to the smaller tokens.
    #expect(merges.prefix(2).map { "\($0.left) \($0.right)" } == ["a c", "f ac"])
    let tokenizer = try Tokenizer(merges: merges)
    #expect(tokenizer.encode("face").count == 1)
    #expect(tokenizer.encode("angry").count == 1)
    #expect(BPETrainer.merges(from: ["ab"], count: 3).isEmpty)
  }
}
