import ArgumentParser
import Engine
import Reporting

struct WhyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why", abstract: "Tell what a stage would run for: what changed since it was last done.")

  @OptionGroup var recipe: RecipeOptions

  @Argument(help: "The stage.")
  var stage: String

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await reportingErrors {
      let plan = try recipe.plan()
      let dryRun = try DryRun(of: plan, in: store.open(for: plan, access: .reading))
      let explanation = try Explanation(of: stage, in: plan, by: dryRun)
      if output.json { printLine(explanation.json) } else { printText(explanation.text) }
    }
  }
}
