import ArgumentParser
import Reporting

struct DiffCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Compare two runs: parameters, numbers, and which artifacts differ.",
    discussion: "Keep a run to compare with by giving `run` another folder: `run R --runs before`.")

  @Argument(
    help: ArgumentHelp("The folder of a run, or its run.json.", valueName: "run"), completion: .directory,
    transform: path)
  var first: String

  @Argument(help: ArgumentHelp("Another.", valueName: "other run"), completion: .directory, transform: path)
  var second: String

  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await reportingErrors {
      let comparison = try RunComparison(of: first, and: second)
      if output.json { printLine(comparison.json) } else { printText(comparison.text) }
    }
  }
}
