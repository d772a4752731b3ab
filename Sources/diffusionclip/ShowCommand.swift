import ArgumentParser
import ArtifactStore
import Reporting

struct ShowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show what a stage of a recipe made.")

  @OptionGroup var recipe: RecipeOptions

  @Argument(help: ArgumentHelp("The stage, or one output of it.", valueName: "stage[.port]"))
  var name: String

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await reportingErrors {
      let plan = try recipe.plan()
      let inspection = try Inspection(of: plan, in: store.openToRead(for: plan))
      let outputs = try inspection.outputs(called: name)
      if output.json {
        printLine(.array(try outputs.map(inspection.json(of:))))
      } else {
        printText(try outputs.map(inspection.text(of:)).joined(separator: "\n"))
      }
    }
  }
}
