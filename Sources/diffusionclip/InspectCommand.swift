import ArgumentParser
import ArtifactStore
import Stages

struct InspectCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Describe a file of weights, which model it is and what it lacks, or a picture, and how it was made.")

  @Argument(
    help: ArgumentHelp("A file of weights, a folder with one, or a picture.", valueName: "file"), transform: path)
  var file: String

  @Flag(help: "List every tensor.")
  var tensors = false

  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await reportingErrors {
      if let report = try PictureReport(path: file) {
        if output.json { printLine(report.json) } else { printText(report.text) }
        return
      }
      let report = try ModelReport(path: file)
      if output.json { printLine(report.json) } else { printText(report.text(listing: tensors)) }
    }
  }
}
