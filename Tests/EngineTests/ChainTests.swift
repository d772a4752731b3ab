import ArtifactStore
import Engine
import EngineTestSupport
import Foundation
import Planning
import RecipeSyntax
import StageKit
import Testing

/// Kinds that make links of a chain, such as epochs: more of them go on from those that are there.
@Suite struct ChainTests {
  private static let recipe = """
    recipe: quick
    params: { rounds: 2 }
    stages:
      portraits: { load: { images: ../images/*.txt } }
      latents: { invert: { images: portraits } }
      grown: { grow: { latents: latents, rounds: "${rounds}" } }
      edited: { edit: { latents: latents, model: grown } }
    outputs: [edited, grown]
    """

  /// The rounds that were done, in order.
  private let log = EventLog { if case .log(_, let line) = $0 { line } else { nil } }

  private func made(_ workshop: Workshop) throws -> String {
    try workshop.read("\(workshop.latest("quick"))/edited/ada.png")
  }

  @Test func moreLinksGoOn() async throws {
    let workshop = try Workshop(recipe: Self.recipe)
    try await workshop.run(emit: log.report)
    #expect(log.lines == ["round 1", "round 2"])
    #expect(try workshop.dryRun(set: "rounds=4").toRun.first == "grown: goes on after 2 of 4 rounds")
    let more = EventLog { if case .log(_, let line) = $0 { line } else { nil } }
    #expect(try await workshop.run(set: "rounds=4", emit: more.report).status == .done)
    #expect(more.lines == ["round 3", "round 4"])
    let fresh = try Workshop(recipe: Self.recipe)
    try await fresh.run(set: "rounds=4")
    #expect(try made(workshop) == made(fresh))
    // The link between was made on the way.
    #expect(try workshop.dryRun(set: "rounds=3").toRun.map { $0.prefix(6) } == ["edited", "edited", "edited"])
  }

  @Test func aLinkCanBePicked() async throws {
    let text = Self.recipe.replacing("model: grown }", with: "model: \"grown[round=1]\" }")
    let workshop = try Workshop(recipe: text)
    let outcome = try await workshop.run(set: "rounds=3", emit: log.report)
    #expect(outcome.ran.filter { $0.hasPrefix("grown") } == ["grown[round=1]", "grown"])
    #expect(log.lines == ["round 1", "round 2", "round 3"], "it is done once")
    // The last one is the stage itself.
    #expect(try workshop.plan(set: "rounds=1").stages.map(\.id) == ["portraits", "latents", "grown", "edited"])
  }

  @Test(
    arguments: [
      ("round=9", "'round' of 'grown' is never '9'", "'rounds' is 2: pick one from 1 to that"),
      ("round=0", "'round' of 'grown' is never '0'", "'rounds' is 2: pick one from 1 to that"),
      ("round=last", "'round' of 'grown' is never 'last'", "'rounds' is 2: pick one from 1 to that"),
      ("rounds=1", "'grown' has no axis 'rounds'", "no sweep reaches it"),
      ("round=1,round=2", "'round' is picked twice", nil),
    ])
  func aLinkThatIsNotThereIsNamed(_ pick: String, _ message: String, _ hint: String?) throws {
    let workshop = try Workshop(recipe: Self.recipe.replacing("model: grown }", with: "model: \"grown[\(pick)]\" }"))
    let error = try #require(throws: Diagnostics.self) { try workshop.plan() }
    #expect(error.errors.map(\.message) == [message] && error.errors.map(\.hint) == [hint])
  }

  @Test func aSweepOverLinksCostsOneChain() async throws {
    let text = Self.recipe.replacing("rounds: 2", with: "rounds: { sweep: [3, 1, 2] }")
    let workshop = try Workshop(recipe: text)
    let outcome = try await workshop.run(options: RunOptions(jobs: 3), emit: log.report)
    #expect(
      outcome.ran.filter { $0.hasPrefix("grown") } == ["grown[rounds=1]", "grown[rounds=2]", "grown[rounds=3]"])
    #expect(log.lines == ["round 1", "round 2", "round 3"])
  }

  @Test func forcedItBeginsAnew() async throws {
    let workshop = try Workshop(recipe: Self.recipe)
    try await workshop.run()
    let before = try made(workshop)
    try await workshop.run(options: RunOptions(forced: ["grown"]), emit: log.report)
    #expect(log.lines == ["round 1", "round 2"])
    #expect(try made(workshop) == before)
    // One that makes fewer links leaves what more of them go on from.
    try await workshop.run(set: "rounds=1", options: RunOptions(forced: ["grown"]))
    let more = EventLog { if case .log(_, let line) = $0 { line } else { nil } }
    try await workshop.run(set: "rounds=3", emit: more.report)
    #expect(more.lines == ["round 3"])
  }

  @Test func fewerLinksThanAreSavedBeginAnewAndLeaveThese() async throws {
    let workshop = try Workshop(recipe: Self.recipe)
    try await workshop.run(set: "rounds=4")
    for path in workshop.stored("actions") {
      try FileManager.default.removeItem(atPath: "\(workshop.store)/actions/\(path)")
    }
    try await workshop.run(set: "rounds=2")
    try await workshop.run(set: "rounds=5", emit: log.report)
    #expect(log.lines == ["round 5"])
  }

  @Test func aCollectionKeepsWhatAChainGoesOnFrom() async throws {
    let workshop = try Workshop(recipe: Self.recipe)
    try await workshop.run(set: "rounds=3")
    #expect(workshop.stored("state").count == 1)
    let garbage = try Store(at: workshop.store, for: .alone).collect(keeping: 1, grace: 0, isDry: false)
    #expect(garbage.actions == 2, "the links that no recipe asks for")
    #expect(garbage.leftovers == 0 && workshop.stored("state").count == 1)
    try await workshop.run(set: "rounds=4", emit: log.report)
    #expect(log.lines == ["round 4"])
    try FileManager.default.removeItem(atPath: workshop.recipe)
    _ = try Store(at: workshop.store, for: .alone).collect(keeping: 1, grace: 0, isDry: false)
    #expect(workshop.stored("state").isEmpty)
  }
}
