import ArgumentParser
import ArtifactStore
import Engine
import Foundation
import Planning
import RecipeSyntax
import Reporting
import StageKit

struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Read every object in the store and check its digest.",
    discussion: "Exit status: 0 all is well or was repaired, 1 something is damaged or missing.")

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  @Flag(help: "Recompute what is damaged or missing, with the recipes that were run.")
  var repair = false

  @OptionGroup var computing: ThreadOptions
  @OptionGroup var devices: DeviceOptions

  func run() async throws {
    try await reportingErrors {
      let readable = try store.openHere(access: .reading)
      let isReadOnly = !repair && access(readable.folder, W_OK) != 0
      let store = isReadOnly ? readable : try store.openHere(access: .shared)
      let interruption = Interruption()
      let signals = repair ? SignalWatch { interruption.request() } : nil
      defer { signals?.cancel() }
      let found = try store.verify()
      if output.json { printLine(found.json) } else { printText(Summary.text(of: found)) }
      if found.isClean { return }
      guard repair else { throw ExitCode(ExitStatus.stageFailed.rawValue) }
      try store.forget(found.broken)
      var broken = found.broken
      var unmade: Set<Digest> = []
      for run in try store.registeredRuns() where !broken.isDisjoint(with: run.keys) {
        // A run that fails stops itself, and not the command.
        try await perform(run, in: store, Interruption(within: interruption))
        if interruption.isRequested {
          warn("interrupted; what is not repaired yet is made again by the next `run` of its recipe")
          throw ExitCode(ExitStatus.interrupted.rawValue)
        }
        // A recipe that was changed since makes something else: what counts is what is there again.
        for key in run.keys where broken.contains(key) {
          if case .hit = try store.lookup(key) {
            broken.remove(key)
            unmade.remove(key)
          } else {
            unmade.insert(key)
          }
        }
      }
      let left = try store.verify()
      if !output.json { printText("after repair: " + Summary.text(of: left)) }
      if !unmade.isEmpty {
        warn(
          "\(unmade.count) of the actions that were damaged or missing could not be made again: their recipes have "
            + "changed since, or failed; the next run makes what it needs of them")
      }
      if !left.isClean || !unmade.isEmpty { throw ExitCode(ExitStatus.stageFailed.rawValue) }
    }
  }

  /// Runs a recipe as it was run before. One that has gone or no longer runs repairs nothing, and says so.
  private func perform(_ registered: RegisteredRun, in store: Store, _ interruption: Interruption) async throws {
    let run: Run
    do {
      let plan = try Planner.plan(
        recipeAt: registered.recipe, kinds: Program.kinds, setting: registered.overlays.compactMap(Overlay.init))
      run = Run(
        of: plan, in: store, environment: try Program.start(threads: computing.threads, device: devices.choice()),
        formats: Program.formats)
      try run.requireFolder()
    } catch let error where error is Diagnostics || error is InputError {
      warn("\(error)")
      return
    }
    let outcome = await run.perform(interruption: interruption, emit: LineReporter.standardError().report)
    if !(outcome.error is Cancelled) { outcome.issues.forEach(warn) }
  }
}
