import ArgumentParser
import Engine
import RecipeSyntax
import Reporting

struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check a recipe without running it: names, values, types, files.")

  @OptionGroup var recipe: RecipeOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await reportingErrors {
      do {
        let plan = try recipe.plan()
        if let problems = plan.problemsAhead() { throw problems }
        let check = Check(of: plan)
        if output.json { printLine(check.json) } else { printText(check.text) }
      } catch let errors as Diagnostics where output.json {
        printLine(Check.json(of: errors))
        throw ExitCode(ExitStatus.wrongInput.rawValue)
      }
    }
  }
}
