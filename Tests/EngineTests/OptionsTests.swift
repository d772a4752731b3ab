import ArtifactStore
import Engine
import EngineTestSupport
import Foundation
import Planning
import StageKit
import Synchronization
import Testing

/// What a user can ask of a run: side by side, to the end, only this, this again.
@Suite struct OptionsTests {
  /// How many actions of a stage were under way at once. Each waits a moment for company.
  private final class Company: Sendable {
    private struct State {
      var running = 0
      var most = 0
    }
    private let state = Mutex(State())
    private let stage: String
    private let patience: Int
    var most: Int { state.withLock { $0.most } }

    init(at stage: String, patience: Int) { (self.stage, self.patience) = (stage, patience) }

    @Sendable func report(_ event: RunEvent) {
      switch event {
      case .started(let id, _) where id.stage == stage:
        state.withLock { state in
          state.running += 1
          state.most = max(state.most, state.running)
        }
        for _ in 0..<patience where most < 2 { usleep(1000) }
      case .done(let id, _, _) where id.stage == stage: state.withLock { $0.running -= 1 }
      default: break
      }
    }
  }

  @Test func actionsRunSideBySide() async throws {
    let workshop = try Workshop()
    let company = Company(at: "latents", patience: 5000)
    let outcome = try await workshop.run(options: RunOptions(jobs: 3), emit: company.report)
    #expect(outcome.status == .done)
    #expect(company.most >= 2)
    let alone = try Workshop()
    try await alone.run()
    #expect(
      try alone.json("\(alone.latest("quick"))/run.json").digests
        == workshop.json("\(workshop.latest("quick"))/run.json").digests)
  }

  @Test func asManyAsMemoryAllows() async throws {
    let workshop = try Workshop()
    let company = Company(at: "latents", patience: 20)
    // The kinds of these tests declare 64 MB each.
    let outcome = try await workshop.run(
      options: RunOptions(jobs: 3, memory: 100 << 20), emit: company.report)
    #expect(outcome.status == .done)
    #expect(company.most == 1)
  }

  @Test func whatAFailureDoesNotTouchIsFinished() async throws {
    let workshop = try Workshop()
    try workshop.write("", to: "images/bob.txt")
    let outcome = try await workshop.run(options: RunOptions(keepsGoing: true))
    #expect(outcome.status == .wrongInput)
    #expect(outcome.ran == ["portraits/ada", "portraits/cyd", "latents/ada", "latents/cyd"])
    #expect(outcome.summary.failed == 1)
    // The third latent, and all that needs every one of them.
    #expect(
      outcome.skipped.map(\.description) == [
        "latents/bob", "tuned", "edited/ada", "edited/bob", "edited/cyd", "scores/ada", "scores/bob", "scores/cyd",
        "sheet",
      ])
    #expect(outcome.issues.map { $0.contains("bob.txt is empty; expected an image") } == [true])
    try workshop.write("bob", to: "images/bob.txt")
    #expect(try await workshop.run().summary.cached == 4)
  }

  @Test func everyFailureIsToldWhenGoingOn() async throws {
    let workshop = try Workshop()
    try workshop.write("", to: "images/bob.txt")
    try workshop.write("", to: "images/cyd.txt")
    let issue = try #require(try await workshop.run(options: RunOptions(keepsGoing: true)).issues.first)
    #expect(issue.split(separator: "\n").count == 2)
  }

  @Test func onlyAStageAndWhatItNeeds() async throws {
    let workshop = try Workshop()
    let whole = try workshop.plan()
    let plan = whole.only(try whole.stages(called: "tuned"))
    #expect(plan.stages.map(\.id) == ["portraits", "latents", "tuned"])
    #expect(plan.outputs.map(\.stage) == ["tuned"])
    #expect(throws: InputError.self) { try whole.stages(called: "tune") }
  }

  @Test func aForcedStageRunsAgainAndWhatFollowsDoesNot() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let outcome = try await workshop.run(options: RunOptions(forced: ["tuned"]))
    #expect(outcome.ran == ["tuned"])
    #expect(outcome.summary.cached == 13)
  }
}
