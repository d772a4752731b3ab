import ArgumentParser
import ArtifactStore
import Execution
import Planning

struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Tell, action by action, what is cached, what would run, and why.")

  @OptionGroup var recipe: RecipeOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  @Option(
    name: .customLong("out"),
    help: ArgumentHelp("Write the plan as well, for `exec` to execute it elsewhere.", valueName: "file"))
  var file: String?

  func run() async throws {
    try await reportingErrors {
      let plan = try recipe.plan()
      let forecast = try Forecast(of: plan, in: store.open(for: plan, access: .reading))
      if let file { try Files.replace(file, with: PlanFile.data(of: plan)) }
      if output.json { printLine(forecast.json) } else { printText(Summary.text(of: forecast)) }
    }
  }
}
