import ArgumentParser
import Reporting

struct KindsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kinds", abstract: "List the kinds of stages, or explain one.",
    discussion: "Explained are also 'recipe', the keys of a recipe, and 'expect', what can be expected of a stage.")

  @Argument(help: ArgumentHelp("The kind to explain.", valueName: "kind"))
  var name: String?

  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await reportingErrors {
      let reference = KindReference(Program.kinds)
      if output.json {
        printLine(try name.map { try reference.json(of: $0) } ?? reference.json)
      } else {
        printText(try name.map { try reference.text(of: $0) } ?? reference.overview)
      }
    }
  }
}
