import ArgumentParser
import Execution

struct KindsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kinds", abstract: "List the kinds of stages, or explain one.")

  @Argument(help: ArgumentHelp("The kind to explain.", valueName: "kind"))
  var name: String?

  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await reportingErrors {
      let reference = KindReference(Engine.kinds)
      let kind = try name.map(reference.kind)
      if output.json {
        printLine(kind.map(reference.json(of:)) ?? reference.json)
      } else {
        printText(kind.map(reference.text(of:)) ?? reference.overview)
      }
    }
  }
}
