import RecipeSyntax
import Testing

struct SuggestionTests {
  @Test(arguments: [
    ("portrait", "portraits"), ("smaple", "sample"), ("Invert", "invert"), ("retrun_step", "return_step"),
    ("ab", "abc"), ("return", "return_step"), ("inverted_", "invert"),
  ])
  func slip(written: String, meant: String) {
    let names = ["abc", "invert", "portraits", "return_step", "sample"]
    #expect(Suggestion.nearest(to: written, in: names) == meant)
  }

  @Test func nothingIsNear() {
    #expect(Suggestion.nearest(to: "zombie", in: ["sample", "invert"]) == nil)
    #expect(Suggestion.nearest(to: "a", in: ["b", "c"]) == nil)
    #expect(Suggestion.nearest(to: "a", in: []) == nil)
  }

  @Test func nearestThenFirst() {
    #expect(Suggestion.nearest(to: "stage", in: ["stages2", "stages", "staged"]) == "stages")
  }
}
