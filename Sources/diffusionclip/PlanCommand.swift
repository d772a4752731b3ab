import ArgumentParser
import Execution

struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Tell, action by action, what is cached, what would run, and why.")

  @OptionGroup var recipe: RecipeOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await reportingErrors {
      let plan = try recipe.plan()
      let forecast = try Forecast(of: plan, in: store.open(for: plan, access: .reading))
      if output.json { printLine(forecast.json) } else { printText(Summary.text(of: forecast)) }
    }
  }
}
