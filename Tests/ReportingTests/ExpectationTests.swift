import ArtifactStore
import EngineTestSupport
import Foundation
import Reporting
import Testing

@Suite struct ExpectationTests {
  private static func recipe(expect: String) -> String {
    Workshop.standardRecipe.replacing("{ longer: \"> 6\" }", with: expect)
  }

  @Test func whatHoldsIsDone() async throws {
    let outcome = try await Workshop().run()
    #expect(outcome.expectations.map(\.value) == [7])
    #expect(Summary.text(of: outcome).hasPrefix("held  scores  longer  7  expected > 6\n"))
  }

  @Test func allAreReportedAndOneFailureCounts() async throws {
    let workshop = try Workshop(recipe: Self.recipe(expect: "{ longer: \"> 7\", size: \"<= 10\" }"))
    let outcome = try await workshop.run()
    #expect(outcome.status == .expectationNotMet)
    #expect(outcome.expectations.map(\.held) == [false, true])
    #expect(outcome.issues.count == 1)
    #expect(outcome.issues.first?.hasSuffix("error: expected longer > 7, got 7 in stage 'scores'") == true)
    let recorded = try workshop.json("\(workshop.latest("quick"))/run.json")["expectations"]?.array
    #expect(
      recorded?.map { $0["held"] } == [.bool(false), .bool(true)],
      "a failed expectation still has results to look at")
  }

  @Test func anUnknownMeasureNamesThoseThereAre() async throws {
    let workshop = try Workshop(recipe: Self.recipe(expect: "{ longr: \"> 6\" }"))
    let outcome = try await workshop.run()
    #expect(outcome.status == .wrongInput)
    #expect(
      outcome.issues.first?.hasSuffix(
        "error: stage 'scores' has no measure 'longr'; did you mean 'longer'? it measures size, longer") == true)
  }
}
