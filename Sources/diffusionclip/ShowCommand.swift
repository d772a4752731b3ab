import ArgumentParser
import ArtifactStore
import Engine
import Escaping
import Reporting
import Runs

struct ShowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show what a stage of a recipe made.")

  @OptionGroup var recipe: RecipeOptions

  @Argument(help: ArgumentHelp("The stage, or one output of it.", valueName: "stage[.port]"))
  var name: String

  @Flag(help: "Print what was said while it was made, such as the output of a `script`'s program.")
  var log = false

  @OptionGroup var results: ResultOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await reportingErrors {
      let plan = try recipe.plan()
      let inspection = try Inspection(of: plan, in: store.openToRead(for: plan))
      if log {
        let stages = try inspection.stages(called: name)
        let history = try RunHistory(at: results.runs, repository: Store.repository(around: plan.file))
        let lines =
          try stages.flatMap(inspection.log(ofStage:)) + inspection.failures(of: stages, in: history)
        // Where nothing was made or tried, that is to be said.
        if lines.isEmpty { _ = try inspection.outputs(called: name) }
        for (action, line) in lines {
          output.json
            ? printLine(["action": .string(action), "line": .string(line)])
            : printText("\(Escape.onOneLine(action)): \(line)\n")
        }
        return
      }
      let outputs = try inspection.outputs(called: name)
      if output.json {
        printLine(.array(try outputs.map(inspection.json(of:))))
      } else {
        printText(try outputs.map(inspection.text(of:)).joined(separator: "\n"))
      }
    }
  }
}
