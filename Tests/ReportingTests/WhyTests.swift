import ArtifactStore
import Engine
import EngineTestSupport
import Foundation
import Planning
import Reporting
import StageKit
import Testing

/// Why something has to be executed, from what the store remembers.
@Suite struct WhyTests {
  private func reasons(_ dryRun: DryRun, _ stage: String) -> [String] {
    dryRun.toRun.filter { $0.hasPrefix(stage) }
  }

  @Test func aParameterThatChanged() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let dryRun = try workshop.dryRun(set: "target=merry", "steps=3")
    #expect(reasons(dryRun, "latents") == ["ada", "bob", "cyd"].map { "latents/\($0): params.steps: 2 → 3" })
    #expect(reasons(try workshop.dryRun(set: "target=merry"), "tuned") == ["tuned: params.target: angry → merry"])
  }

  @Test func itemsThatChanged() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    // The latents are there already under another name, so that what is after them can be told.
    try FileManager.default.moveItem(
      atPath: workshop.folder + "/images/ada.txt", toPath: workshop.folder + "/images/zoe.txt")
    #expect(
      reasons(try workshop.dryRun(), "tuned") == ["tuned: input latents: 1 new, 1 gone, 2 the same"])
    try workshop.write("cyd", to: "images/zoe.txt")
    let sheet = reasons(try workshop.dryRun(set: "target=angry"), "tuned")
    #expect(sheet == ["tuned: input latents: 1 new, 1 gone, 2 the same"])
    try workshop.write("bob", to: "images/cyd.txt")
    #expect(
      reasons(try workshop.dryRun(), "tuned") == ["tuned: input latents: 1 item changed, 1 new, 1 gone, 1 the same"])
  }

  @Test func aFileThatChanged() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    try workshop.write("ADA", to: "images/ada.txt")
    #expect(reasons(try workshop.dryRun(), "portraits") == ["portraits/ada: source images changed"])
  }

  @Test func theNearestOfSeveralCounts() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    try await workshop.run(set: "steps=5")
    try await workshop.run(set: "steps=5", "target=merry")
    #expect(
      reasons(try workshop.dryRun(set: "steps=5", "target=sad"), "tuned").map {
        $0.hasPrefix("tuned: params.target: ")
      }
        == [true])
  }

  @Test func aKindThatWasRevised() {
    let old = "diffusionclip action 1\nkind: finetune\nkind revision: 3\ninput clip: clip aa\n"
    let new = "diffusionclip action 1\nkind: finetune\nkind revision: 4\ninput clip: clip bb\n"
    #expect(
      Change.changes(from: old, to: new, sets: [:]).map(\.description)
        == ["kind finetune revision 3 → 4", "input clip changed"])
  }

  @Test func reasonsAreToldOnceForAllItems() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let text = Summary.text(of: try workshop.dryRun(set: "steps=3"))
    #expect(text.contains("\nlatents: 0 cached, 3 to run\n  3 items (ada, bob, cyd): params.steps: 2 → 3\n"))
    #expect(text.contains("\ntuned: 0 cached, 1 to run\n  tuned: input 'latents' will be recomputed\n"))
  }

  @Test func anExplanationGoesBackToTheCause() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let plan = try workshop.plan(set: "target=merry")
    let dryRun = try DryRun(of: plan, in: Store(at: workshop.store, for: .reading))
    #expect(
      try Explanation(of: "scores", in: plan, by: dryRun).text == """
        scores: 0 cached, 3 to run
          3 items (ada, bob, cyd): input 'images' will be recomputed
        edited: 0 cached, 3 to run
          3 items (ada, bob, cyd): input 'model' will be recomputed
        tuned: 0 cached, 1 to run
          tuned: params.target: angry → merry

        """)
    #expect(try Explanation(of: "latents", in: plan, by: dryRun).text == "latents: 3 cached, 0 to run\n")
    let error = #expect(throws: InputError.self) { try Explanation(of: "socres", in: plan, by: dryRun) }
    #expect(error?.description == "the recipe has no stage 'socres'; did you mean 'scores'?")
  }

  @Test func lookingWritesNothing() async throws {
    let workshop = try Workshop()
    let plan = try workshop.plan()
    _ = try DryRun(of: plan, in: Store(at: workshop.store, for: .reading))
    #expect(!FileManager.default.fileExists(atPath: workshop.store))
    try await workshop.run()
    let before = try FileManager.default.subpathsOfDirectory(atPath: workshop.store)
    try workshop.write("dee", to: "images/dee.txt")
    _ = try DryRun(of: plan, in: Store(at: workshop.store, for: .reading))
    #expect(try FileManager.default.subpathsOfDirectory(atPath: workshop.store) == before)
  }
}
