import ArgumentParser
import Reporting

struct SchemaCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Print the JSON Schema of recipes, for editors.",
    discussion: """
      Save it and start a recipe with `# yaml-language-server: $schema=recipe.schema.json` to have an editor complete \
      and check it.
      """)

  func run() async throws { printText(RecipeSchema(Program.kinds).json.prettyText) }
}
