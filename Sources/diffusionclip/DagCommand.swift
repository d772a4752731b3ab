import ArgumentParser
import Reporting

struct DagCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dag", abstract: "Print the graph of a recipe's stages.")

  @OptionGroup var recipe: RecipeOptions

  @Option(help: "mermaid, dot or text.", completion: .list(GraphText.Format.allCases.map(\.rawValue)))
  var format = "text"

  func validate() throws {
    guard GraphText.Format(rawValue: format) == nil else { return }
    throw ValidationError(
      "--format must be one of \(GraphText.Format.allCases.map(\.rawValue).joined(separator: ", ")).")
  }

  func run() async throws {
    try await reportingErrors {
      printText(GraphText(of: try recipe.plan()).text(as: GraphText.Format(rawValue: format) ?? .text))
    }
  }
}
