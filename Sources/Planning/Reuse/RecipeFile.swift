import ArtifactStore
import Foundation
import RecipeSyntax

/// A recipe that has been read, with the place that its paths are relative to.
struct RecipeFile {
  /// What a recipe that uses this one has to give.
  struct Input {
    let name: Name
    let type: ArtifactType
    let isOptional: Bool
  }

  /// As the user, or the recipe that uses it, names it.
  let name: String
  /// The absolute path of its folder, without symbolic links.
  let folder: String
  /// Absolute.
  let path: String
  let document: RecipeDocument
  let inputs: [Input]

  /// Nil after reporting that `source` is not even YAML.
  init?(_ source: SourceText, into problems: inout Problems) {
    let file = URL(filePath: source.file).absoluteURL
    name = source.file
    folder = file.deletingLastPathComponent().resolvingSymlinksInPath().path
    path = folder + "/" + file.lastPathComponent
    let document: RecipeDocument
    do throws(Diagnostic) {
      document = RecipeDocument(try NodeReader.read(source, into: &problems), into: &problems)
    } catch {
      problems.report(error)
      return nil
    }
    self.document = document
    inputs = document.inputs.compactMap { Input($0, stages: document.stages.map(\.name), into: &problems) }
  }

  /// The name of a recipe beside this one.
  func name(of other: String) -> String {
    let slash = name.lastIndex(of: "/")
    return other.hasPrefix("/") ? other : (slash.map { name[...$0] } ?? "") + other
  }
}

extension RecipeFile.Input {
  /// `name: type`, or `name: {type: type, optional: true}`; nil after reporting what is wrong with it.
  fileprivate init?(_ entry: Entry, stages: [Name], into problems: inout Problems) {
    let form = "write \(entry.key.text): images, or \(entry.key.text): {type: images, optional: true}"
    var word = entry.value
    var isOptional = false
    for field in entry.value.mapping ?? [] {
      switch (field.key.text, field.value.scalar?.meaning) {
      case ("type", _): word = field.value
      case ("optional", .bool(let value)?): isOptional = value
      default:
        problems.report("unknown '\(field.key.text)' of input '\(entry.key.text)'", at: field.key.location, hint: form)
        return nil
      }
    }
    guard let type = word.scalar.flatMap({ ArtifactType(rawValue: $0.text) }) else {
      let types = ArtifactType.allCases.map(\.rawValue)
      problems.report(
        "unknown type of input '\(entry.key.text)': \(word.summary)", at: word.location,
        suggestion: word.scalar.flatMap { Suggestion.nearest(to: $0.text, in: types) },
        hint: "the types are " + types.joined(separator: ", "))
      return nil
    }
    if let stage = stages.first(where: { $0.text == entry.key.text }) {
      problems.report(
        "a stage and an input are both called '\(stage.text)'", at: stage.location,
        note: .init("the input is declared here", at: entry.key.location))
      return nil
    }
    (self.name, self.type, self.isOptional) = (entry.key, type, isOptional)
  }
}
