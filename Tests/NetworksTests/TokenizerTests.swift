import Foundation
import Networks
import TestSupport
import Testing

@Suite struct TokenizerTests {
  private struct Case: Decodable {
    let text: String
    let tokens: [Int]
  }

  private func tokenizer() throws -> Tokenizer {
    try Tokenizer(merges: String(contentsOfFile: fixture("merges.txt"), encoding: .utf8))
  }

  @Test func agreesWithOpenCLIP() throws {
    let tokenizer = try tokenizer()
    let data = try Data(contentsOf: URL(fileURLWithPath: fixture("tokens.json")))
    let cases = try JSONDecoder().decode([Case].self, from: data)
    #expect(cases.count >= 300)
    for expected in cases {
      #expect(tokenizer.encode(expected.text) == expected.tokens, "\(expected.text.debugDescription)")
    }
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
