import ArgumentParser
import Execution
import Foundation

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Make everything that a recipe asks for and that is not there yet.")

  @OptionGroup var recipe: RecipeOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  @Option(help: ArgumentHelp("Where results go: runs in the recipe's repository by default.", valueName: "folder"))
  var runs: String?

  @Option(help: "How many threads to compute with: one for each processor by default.")
  var threads: Int = ProcessInfo.processInfo.activeProcessorCount

  func validate() throws {
    guard threads > 0 else { throw ValidationError("--threads must be at least 1.") }
  }

  func run() async throws {
    try await reportingErrors {
      let plan = try recipe.plan()
      let run = Run(
        of: plan, in: try store.open(for: plan), folder: runs, environment: try Engine.start(threads: threads),
        formats: Engine.formats)
      let interruption = Interruption()
      let signals = SignalWatch { interruption.request() }
      defer { signals.cancel() }

      let report = output.json ? JSONReporter.standardOutput().report : LineReporter.standardError().report
      let outcome = await run.perform(interruption: interruption, emit: report)
      if !output.json { printText(Summary.text(of: outcome)) }
      outcome.complaints.forEach(complain)
      throw ExitCode(outcome.status.rawValue)
    }
  }
}
