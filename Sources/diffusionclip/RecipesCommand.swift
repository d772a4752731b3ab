import ArgumentParser
import Escaping
import JSONSyntax
import Planning
import StageKit

struct RecipesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recipes", abstract: "List the recipes that came with the program, or copy them.",
    discussion: """
      A copy has the weights and pictures that the recipes load, so that they run where it is and can be changed. In a \
      recipe of your own, 'use: {recipe: library/NAME.yaml}' finds the library that came with the program as it is.
      """)

  @Option(
    name: .customLong("to"),
    help: ArgumentHelp(
      "Copy the recipes, with all that they load, to this folder. Files that are there stay as they are.",
      valueName: "folder"), completion: .directory, transform: path)
  var folder: String?

  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await reportingErrors {
      guard let installation = Installation.current else {
        throw InputError(
          Installation.absence + ": install the whole package, or take the folders Recipes and Fixtures from its source"
        )
      }
      if let folder {
        try copy(installation, to: folder)
      } else {
        try list(installation)
      }
    }
  }

  private func copy(_ installation: Installation, to folder: String) throws {
    let copied = try installation.copy(to: folder)
    if output.json {
      printLine([
        "folder": .string(folder), "files": .array(copied.written.map(JSON.string)),
        "unchanged": .int(copied.unchanged),
      ])
    } else {
      let others =
        copied.unchanged > 0 ? "; \(copied.unchanged) \(copied.unchanged == 1 ? "is" : "are") there already" : ""
      let count = Readable.count(copied.written.count, "file")
      printText(
        "copied \(count) to \(folder)\(others)\n"
          + "begin with: cd \(Escape.shell(folder)) && diffusionclip run Recipes/quickstart.yaml\n")
    }
  }

  private func list(_ installation: Installation) throws {
    // Those that one begins with come before those in folders.
    let files = try RecipeFolder.files(in: installation.recipes, andBelow: true)
    let isFirst = { (file: String) in file.parentFolder == installation.recipes }
    let recipes = try (files.filter(isFirst) + files.filter { !isFirst($0) }).map { file in
      (
        file: file, name: file.dropping(bytes: installation.folder.utf8.count + 1),
        summary: try RecipeSummary(ofFile: file)
      )
    }
    if output.json {
      return printLine([
        "folder": .string(installation.folder),
        "recipes": .array(
          recipes.map { recipe in
            [
              "recipe": .string(recipe.summary.name), "file": .string(recipe.name), "path": .string(recipe.file),
              "description": .string(recipe.summary.description),
            ]
          }),
      ])
    }
    let width = (recipes.map(\.name.count).max() ?? 0) + 2
    for recipe in recipes {
      let sentence = recipe.summary.sentence
      let gap = sentence.isEmpty ? "" : String(repeating: " ", count: width - recipe.name.count)
      printText("\(recipe.name)\(gap)\(sentence)\n")
    }
    printText(
      "\nThey lie in \(installation.folder). Run one by its path, or copy them all with --to to change them.\n")
  }
}
