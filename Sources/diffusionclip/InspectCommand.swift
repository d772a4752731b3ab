import ArgumentParser
import ArtifactStore
import Stages

struct InspectCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Describe a file of weights: its tensors, which model it is, and what it lacks.")

  @Argument(help: ArgumentHelp("A file of weights, or a folder with one.", valueName: "file"), transform: path)
  var file: String

  @Flag(help: "List every tensor.")
  var tensors = false

  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await reportingErrors {
      let report = try ModelReport(path: file)
      if output.json { printLine(report.json) } else { printText(report.text(listing: tensors)) }
    }
  }
}
