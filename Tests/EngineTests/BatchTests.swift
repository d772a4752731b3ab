import Engine
import EngineTestSupport
import Foundation
import Reporting
import StageKit
import Testing

/// Kinds that do several items at once.
@Suite struct BatchTests {
  private static let recipe = """
    recipe: quick
    stages:
      portraits: { load: { images: ../images/*.txt } }
      printed: { press: { images: portraits } }
      sheet: { figure: { rows: [printed] } }
    outputs: [sheet, printed]
    """

  private let workshop: Workshop
  /// What was done at once: the stage's actions with their log lines.
  private let log = EventLog { event in
    if case .log(let id, let line) = event { "\(id): \(line)" } else { nil }
  }

  init() throws {
    workshop = try Workshop(recipe: Self.recipe)
    for name in ["dee", "eve"] { try workshop.write(name, to: "images/\(name).txt") }
  }

  @Test func itemsAreDoneAtOnce() async throws {
    let outcome = try await workshop.run(emit: log.report)
    #expect(outcome.status == .done && outcome.summary.ran == 11)
    #expect(
      log.lines == [
        "printed/ada: 1 at once", "printed/bob: 2 at once", "printed/cyd: 2 at once", "printed/dee: 2 at once",
        "printed/eve: 2 at once",
      ])
    #expect(try workshop.read("\(workshop.latest("quick"))/sheet.png") == "printed:ADA BOB CYD DEE EVE")
    #expect(try await workshop.run().summary.cached == 11)
  }

  @Test func onlyWhatIsMissingIsDone() async throws {
    try await workshop.run()
    for name in ["abe", "fay"] { try workshop.write(name, to: "images/\(name).txt") }
    try await workshop.run(emit: log.report)
    #expect(log.lines == ["printed/abe: 2 at once", "printed/fay: 2 at once"])
  }

  @Test func batchesLeaveSomeForEachJob() async throws {
    for name in ["dee", "eve", "cyd"] {
      try FileManager.default.removeItem(atPath: workshop.folder + "/images/\(name).txt")
    }
    let outcome = try await workshop.run(options: RunOptions(jobs: 2), emit: log.report)
    #expect(outcome.status == .done)
    #expect(log.lines.sorted() == ["printed/ada: 1 at once", "printed/bob: 1 at once"])
  }

  @Test func aFailureIsTheItemsOwn() async throws {
    try workshop.write("c!", to: "images/cyd.txt")
    let starts = EventLog { if case .started(let id, _) = $0, id.stage == "printed" { id.description } else { nil } }
    let outcome = try await workshop.run(options: RunOptions(keepsGoing: true), emit: starts.report)
    #expect(outcome.status == .stageFailed)
    #expect(outcome.summary.failed == 1 && outcome.summary.ran == 9 && outcome.summary.skipped == 1)
    #expect(outcome.issues == ["\(workshop.recipe):4:3: error: stage 'printed' failed on 'cyd': it broke"])
    #expect(starts.lines.sorted() == ["ada", "bob", "cyd", "dee", "eve"].map { "printed/" + $0 })

    let hasty = try await workshop.run(emit: log.report)
    #expect(hasty.summary.failed == 1 && hasty.summary.ran == 0)
    #expect(log.lines == ["printed/cyd: 1 at once"])
    #expect(workshop.stored("attempts").isEmpty)
  }

  @Test func whatIsBeforeAFailureIsKept() async throws {
    try workshop.write("c!", to: "images/cyd.txt")
    let outcome = try await workshop.run(emit: log.report)
    #expect(outcome.summary.failed == 1)
    #expect(
      log.lines == [
        "printed/ada: 1 at once", "printed/bob: 2 at once", "printed/cyd: 2 at once", "printed/bob: 1 at once",
        "printed/cyd: 1 at once",
      ])
  }

  @Test func twoRunsShareTheWork() async throws {
    for index in 0..<20 { try workshop.write("i\(index)", to: "images/i\(index).txt") }
    try workshop.write("a", to: "images/aaa.txt")
    async let one = workshop.run()
    async let other = workshop.run(options: RunOptions(jobs: 2))
    let (first, second) = try await (one, other)
    #expect(first.status == .done && second.status == .done)
    #expect(first.summary.ran + second.summary.ran == 53)
  }

  @Test func picturesThatAreEqualAreMadeOnce() async throws {
    for name in ["dee", "eve", "cyd"] { try workshop.write("ada", to: "images/\(name).txt") }
    let outcome = try await workshop.run()
    #expect(outcome.status == .done)
    #expect(outcome.ran.filter { $0.hasPrefix("printed") } == ["printed/ada", "printed/bob"])
    #expect(try workshop.read("\(workshop.latest("quick"))/sheet.png") == "printed:ADA BOB ADA ADA ADA")
  }

  @Test func anInterruptionLosesTheBatchAlone() async throws {
    let interruption = Interruption()
    let outcome = try await workshop.run(interruption: interruption) { event in
      if case .log(let id, _) = event, id.description == "printed/dee" { interruption.request() }
    }
    #expect(outcome.status == .interrupted)
    #expect(try await workshop.run().summary.cached == 8)
  }

  @Test func aPersonSeesHowManyAreDoneAtOnce() async throws {
    try workshop.write("d?", to: "images/dee.txt")
    let screen = Transcript()
    _ = try await workshop.run(emit: LineReporter(isTerminal: true, output: screen.append).report)
    #expect(screen.text.contains(" 3/5 · 2 at once 1/2 sides"))
    #expect(screen.text.contains("printed        5 done in"))
  }
}
