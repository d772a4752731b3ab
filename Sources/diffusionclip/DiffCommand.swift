import ArgumentParser
import Reporting
import Runs

struct DiffCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Compare two runs: parameters, numbers, and which artifacts differ.")
  @Argument(
    help: ArgumentHelp(RunHistory.nameHelp, valueName: "run"), completion: .directory,
    transform: path)
  var first: String

  @Argument(help: ArgumentHelp("Another.", valueName: "other run"), completion: .directory, transform: path)
  var second: String

  @OptionGroup var history: HistoryOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await reportingErrors {
      let comparison = try RunComparison(
        of: history.history().run(called: first), and: history.history().run(called: second))
      if output.json { printLine(comparison.json) } else { printText(comparison.text) }
    }
  }
}
