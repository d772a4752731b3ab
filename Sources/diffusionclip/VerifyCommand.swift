import ArgumentParser
import ArtifactStore
import Execution
import Foundation
import Planning
import RecipeSyntax

struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Read everything in the store and see that it is what it was.",
    discussion: "Exit status: 0 all is well or was repaired, 1 something is damaged or missing.")

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  @Flag(help: "Make again what is damaged or missing, by the recipes that were run.")
  var repair = false

  @Option(help: "How many threads to compute with: one for each processor by default.")
  var threads: Int = ProcessInfo.processInfo.activeProcessorCount

  func run() async throws {
    try await reportingErrors {
      let readable = try store.openHere(access: .reading)
      let isReadOnly = !repair && access(readable.folder, W_OK) != 0
      let store = isReadOnly ? readable : try store.openHere(access: .shared)
      let found = try store.verify()
      if output.json { printLine(found.json) } else { printText(Summary.text(of: found)) }
      if found.isClean { return }
      guard repair else { throw ExitCode(ExitStatus.stageFailed.rawValue) }
      try store.forget(found.broken)
      var broken = found.broken
      for run in try store.registeredRuns() where !broken.isDisjoint(with: run.keys) {
        try await perform(run, in: store)
        broken.subtract(run.keys)
      }
      let left = try store.verify()
      if !output.json { printText("after repair: " + Summary.text(of: left)) }
      if !left.isClean { throw ExitCode(ExitStatus.stageFailed.rawValue) }
    }
  }

  /// Runs a recipe as it was run before. One that has gone or no longer runs repairs nothing, and says so.
  private func perform(_ registered: RegisteredRun, in store: Store) async throws {
    let run: Run
    do {
      let plan = try Planner.plan(recipeAt: registered.recipe, kinds: Engine.kinds, overlays: registered.overlays)
      run = Run(of: plan, in: store, environment: try Engine.start(threads: threads), formats: Engine.formats)
    } catch let error as Diagnostics {
      complain("\(error)")
      return
    }
    let outcome = await run.perform(emit: LineReporter.standardError().report)
    outcome.complaints.forEach(complain)
  }
}
