import Escaping
import RecipeSyntax

/// A recipe in a line.
public struct RecipeSummary: Sendable {
  public let name: String
  /// Of one line; empty where it says nothing of itself.
  public let description: String

  /// - Throws: where the file cannot be read, or is no YAML.
  public init(ofFile path: String) throws(Diagnostics) {
    let source = try SourceText.read(path)
    var problems = Problems()
    let root: Node
    do throws(Diagnostic) { root = try NodeReader.read(source, into: &problems) } catch {
      throw Diagnostics([error], sources: [source])
    }
    let document = RecipeDocument(root, into: &problems)
    name = document.name
    description = (document.description ?? "").parts(at: "\n").joined(separator: " ")
  }

  /// The first sentence of the description.
  public var sentence: String {
    var words: [String] = []
    for word in description.parts(at: " ") {
      words.append(word)
      // `Fig.` and the like end no sentence.
      if word.ends(with: "."), !["Fig.", "Sec.", "Eq.", "eq."].contains(where: { word.ends(with: $0) }) { break }
    }
    return words.joined(separator: " ")
  }
}
