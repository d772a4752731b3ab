import ArtifactStore
import Engine
import EngineTestSupport
import Foundation
import JSONSyntax
import StageKit
import Testing

@Suite struct RunTests {
  @Test func runsEverythingOnceAndThenNothing() async throws {
    let workshop = try Workshop()
    let first = try await workshop.run()
    #expect(first.status == .done)
    #expect(first.summary.ran == 14 && first.summary.cached == 0)
    #expect(
      try workshop.read("\(workshop.latest("quick"))/sheet.png")
        == "portraits:ada bob cyd\nedited:~~adaangry ~~bobangry ~~cydangry")

    let second = try await workshop.run()
    #expect(second.status == .done)
    #expect(second.summary.ran == 0 && second.summary.cached == 14)
  }

  @Test func oneMoreImageIsOneMoreInversion() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    try workshop.write("dee", to: "images/dee.txt")
    let plan = try workshop.dryRun().toRun
    #expect(
      plan == [
        "portraits/dee: never run with these parameters and inputs", "latents/dee: input 'images' will be recomputed",
        "tuned: input 'latents' will be recomputed", "edited/ada: input 'model' will be recomputed",
        "edited/bob: input 'model' will be recomputed", "edited/cyd: input 'model' will be recomputed",
        "edited/dee: input 'latents' will be recomputed",
        "scores/ada: input 'images' will be recomputed", "scores/bob: input 'images' will be recomputed",
        "scores/cyd: input 'images' will be recomputed", "scores/dee: input 'images' will be recomputed",
        "sheet: input 'rows' will be recomputed",
      ])
    let ran = try await workshop.run().ran
    #expect(ran.filter { $0.hasPrefix("portraits") || $0.hasPrefix("latents") } == ["portraits/dee", "latents/dee"])
  }

  @Test func anotherTargetLeavesTheLatentsAlone() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let outcome = try await workshop.run(set: "target=merry")
    #expect(Set(outcome.ran.map { $0.prefix { $0 != "/" } }) == ["tuned", "edited", "scores", "sheet"])
    #expect(try workshop.json("\(workshop.latest("quick"))/run.json")["overlays"] == ["target": "merry"])
  }

  @Test func renamingAFileRecomputesNoPixels() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    try FileManager.default.moveItem(
      atPath: workshop.folder + "/images/ada.txt", toPath: workshop.folder + "/images/zoe.txt")
    let outcome = try await workshop.run()
    #expect(!outcome.ran.contains { $0.hasPrefix("portraits") || $0.hasPrefix("latents") })
    #expect(
      try workshop.json("\(workshop.latest("quick"))/run.json")["files"]?.array?.contains("edited/zoe.png") == true)
    #expect(!FileManager.default.fileExists(atPath: workshop.results + "/edited/ada.png"))
  }

  @Test func aChangedFileIsSeen() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    try workshop.write("ADA", to: "images/ada.txt")
    let ran = try await workshop.run().ran
    #expect(ran.contains("portraits/ada") && !ran.contains("portraits/bob"))
  }

  @Test func aFailureKeepsWhatIsFinishedAndLeavesNothingHalf() async throws {
    let workshop = try Workshop()
    try workshop.write("1", to: "breaker")
    let outcome = try await workshop.run()
    #expect(outcome.status == .stageFailed)
    #expect(outcome.summary.failed == 1 && outcome.summary.ran == 6)
    #expect(outcome.issues.first?.contains("quick.yaml:7:3: error: stage 'tuned' failed: it broke") == true)
    #expect(outcome.folder == nil)
    #expect(workshop.stored("attempts").isEmpty)
    #expect(workshop.stored("actions").count == 6)
  }

  @Test func aFailedActionGoesOnWhereItSavedItsState() async throws {
    let workshop = try Workshop()
    try workshop.write("2", to: "breaker")
    try await workshop.run()
    #expect(workshop.stored("state").count == 1)
    try FileManager.default.removeItem(atPath: workshop.folder + "/breaker")
    let log = EventLog { if case .log(_, let line) = $0 { line } else { nil } }
    let outcome = try await workshop.run(emit: log.report)
    #expect(outcome.status == .done)
    #expect(log.lines == ["resumed after 2"])
    #expect(workshop.stored("state").isEmpty)

    let fresh = try Workshop()
    try await fresh.run()
    #expect(
      try fresh.json("\(fresh.latest("quick"))/run.json").digests
        == workshop.json("\(workshop.latest("quick"))/run.json").digests,
      "a resumed run ends with the same bytes")
  }

  @Test func anInterruptedRunSaysHowToGoOn() async throws {
    let workshop = try Workshop()
    let interruption = Interruption()
    let outcome = try await workshop.run(interruption: interruption) { event in
      if case .started(let id, _) = event, id.description == "latents/bob" { interruption.request() }
    }
    #expect(outcome.status == .interrupted)
    #expect(outcome.issues.first?.hasPrefix("interrupted; run the same command to continue") == true)
    #expect(try await workshop.run().summary.cached == 4)
  }

  @Test func aWrongInputIsTheUsers() async throws {
    let workshop = try Workshop()
    try workshop.write("", to: "images/bob.txt")
    let outcome = try await workshop.run()
    #expect(outcome.status == .wrongInput)
    #expect(outcome.issues.first?.contains("bob.txt is empty; expected an image") == true)
  }

  @Test func aFileThatChangesDuringTheRunIsNotUsed() async throws {
    let workshop = try Workshop()
    let outcome = try await workshop.run { event in
      if case .started(let id, _) = event, id.description == "portraits/bob" {
        try? workshop.write("b0b", to: "images/bob.txt")
      }
    }
    #expect(outcome.status == .wrongInput)
    #expect(outcome.issues.first?.contains("bob.txt changed while the run was using it") == true)
    #expect(!FileManager.default.fileExists(atPath: workshop.object("b0b")))
    #expect(try await workshop.run().status == .done)
  }

  @Test func itemsThatDoNotMatchAreNamed() async throws {
    let workshop = try Workshop(
      recipe: """
        recipe: quick
        stages:
          few: { load: { images: ../images/ada.txt } }
          all: { load: { images: ../images/*.txt } }
          scores: { measure: { images: all, reference: few } }
        """)
    let error = await #expect(throws: (any Error).self) { try await workshop.run() }
    #expect(
      error.map { "\($0)" }?.contains(
        "quick.yaml:5:37: error: 'measure' of stage 'scores': 'reference' (from 'few') has no item 'bob', 'cyd' for "
          + "'images' (from 'all'): give both the same items") == true)
  }

  @Test func twoRunsShareTheWork() async throws {
    let workshop = try Workshop()
    async let one = workshop.run()
    async let other = workshop.run()
    let (first, second) = try await (one, other)
    #expect(first.status == .done && second.status == .done)
    #expect(first.summary.ran + second.summary.ran == 14)
  }

  @Test func whatIsCachedIsQuicklyFound() async throws {
    let workshop = try Workshop()
    for index in 0..<60 { try workshop.write("image \(index)", to: "images/i\(index).txt") }
    try await workshop.run()
    let seconds = try await workshop.run().seconds
    #expect(seconds < 0.5, "254 cached actions took \(seconds) s")
  }
}

extension JSON {
  /// The artifacts' content digests in a `run.json`.
  var digests: [JSON] { self["artifacts"]?.array?.compactMap { $0["digest"] } ?? [] }
}
