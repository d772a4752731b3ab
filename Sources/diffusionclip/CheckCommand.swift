import ArgumentParser
import ArtifactStore
import Engine
import Foundation
import Planning
import RecipeSyntax
import Reporting

struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check recipes without running them: names, values, types, files.",
    discussion:
      "For a folder: every recipe in it, and in the folders in it; other YAML files, without 'recipe:', are left out. A recipe with inputs is checked by itself, whatever it is given for them."
  )

  @Argument(
    help: "Recipe files, or folders with recipes.", completion: .file(extensions: ["yaml", "yml"]), transform: path)
  var recipes: [String]

  @OptionGroup var changes: OverlayOptions
  @OptionGroup var output: OutputOptions

  @Flag(help: "Do not look at the files that recipes name, which need not be there.")
  var noFiles = false

  @Option(
    help: ArgumentHelp("Write what is wrong as a JUnit report, for CI dashboards.", valueName: "file"),
    completion: .file(extensions: ["xml"]), transform: path)
  var junit: String?

  func run() async throws {
    try await reportingErrors {
      if let junit { try OutputPlace.requireFile(junit, option: "--junit") }
      let files = try recipes.flatMap { recipe -> [String] in
        RecipeFolder.isFolder(recipe) ? try RecipeFolder.files(in: recipe, andBelow: true) : [recipe]
      }
      var checks: [Check] = []
      var missing: Set<String> = []
      for file in files {
        let check = check(file)
        if output.json {
          printLine(check.json)
        } else if let problems = check.problems(without: &missing) {
          warn(problems)
        } else {
          printText(check.text(isOneOfSeveral: files.count > 1))
        }
        checks.append(check)
      }
      if let junit { try Files.write(Data(JUnit(of: checks).xml.utf8), to: junit) }
      let wrong = checks.count { $0.errors != nil }
      if files.count > 1, !output.json { printText(Check.summary(of: checks)) }
      if wrong > 0 { throw ExitCode(ExitStatus.wrongInput.rawValue) }
    }
  }

  private func check(_ file: String) -> Check {
    do throws(Diagnostics) {
      let plan = try Planner.check(
        recipeAt: file, kinds: Program.kinds, overlays: changes.overlays, profile: changes.profile,
        needsFiles: !noFiles)
      if !noFiles, let problems = plan.changedSources() ?? plan.problemsAhead() { throw problems }
      return Check(of: plan, at: file)
    } catch { return Check(of: error, at: file) }
  }
}
