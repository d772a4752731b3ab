import ArtifactStore
import Escaping
import Foundation
import RecipeSyntax
import StageKit

/// A recipe that has been read, with the place that its paths are relative to.
struct RecipeFile {
  /// What a recipe that uses this one has to give.
  struct Input {
    let name: Name
    /// Nil where what is declared is wrong, so that its uses are not.
    let type: ArtifactType?
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
  /// How many values are written in it.
  let size: Int

  /// What `use` has besides inputs and parameters, which therefore cannot be called that.
  private static let reserved = ["recipe", "repeat", "carry"]

  /// Nil after reporting that `source` is not even YAML.
  init?(_ source: SourceText, into problems: inout Problems) {
    name = source.file
    (folder, path) = Self.place(of: source.file)
    let root: Node
    do throws(Diagnostic) { root = try NodeReader.read(source, into: &problems) } catch {
      problems.report(error)
      return nil
    }
    document = RecipeDocument(root, into: &problems)
    size = root.count
    let wrong = Self.wrongNames(of: document, into: &problems)
    inputs = document.inputs.map { Input($0, isNamed: !wrong.contains($0.key.text), into: &problems) }
  }

  /// The absolute paths of a recipe and of its folder, the latter without symbolic links.
  static func place(of name: String) -> (folder: String, path: String) {
    let file = URL(filePath: name).absoluteURL
    let folder = file.deletingLastPathComponent().resolvingSymlinksInPath().path
    return (folder, folder + "/" + file.lastPathComponent)
  }

  /// Sees that inputs and parameters can be given, and that no input has the name of something else.
  /// - Returns: the names for which that is not so, after reporting it.
  private static func wrongNames(of document: RecipeDocument, into problems: inout Problems) -> Set<String> {
    var wrong: Set<String> = []
    for (thing, entries) in [("an input", document.inputs), ("a parameter", document.parameters)] {
      for name in entries.map(\.key) {
        if name.isFit(toName: thing, into: &problems) {
          guard reserved.contains(name.text) else { continue }
          problems.report(
            "'\(name.text)' cannot name \(thing)", at: name.location, hint: "it means something else in 'use'")
        }
        wrong.insert(name.text)
      }
    }
    let inputs = Dictionary(document.inputs.map { ($0.key.text, $0.key) }) { first, _ in first }
    for (thing, names) in [("a stage", document.stages.map(\.name)), ("a parameter", document.parameters.map(\.key))] {
      for name in names {
        guard let input = inputs[name.text] else { continue }
        problems.report(
          "\(thing) and an input are both called '\(name.text)'", at: name.location,
          notes: [.init("the input is declared here", at: input.location)])
        wrong.insert(name.text)
      }
    }
    return wrong
  }

  /// Help for where an output of this recipe is wanted that lists none.
  var outputsHint: String { "list them under 'outputs:' in \(name)" }

  /// The name of a recipe beside this one.
  func name(of other: String) -> String {
    let folder = name.has("/") ? name.parentFolder : nil
    return other.begins(with: "/") || folder == nil ? other : "\(folder == "/" ? "" : folder ?? "")/\(other)"
  }
}

extension RecipeFile.Input {
  /// `name: type`, or `name: {type: type, optional: true}`.
  /// - Parameter isNamed: whether nothing is wrong with its name.
  fileprivate init(_ entry: Entry, isNamed: Bool, into problems: inout Problems) {
    name = entry.key
    let form = "write \(name.text): images, or \(name.text): {type: images, optional: true}"
    var word = entry.value.mapping == nil ? entry.value : nil
    var isOptional = false
    var isRight = true
    for field in entry.value.mapping ?? [] {
      switch field.key.text {
      case "type": word = field.value
      case "optional":
        if let value = field.value.scalar?.value.bool {
          isOptional = value
        } else {
          problems.report(
            "'optional' must be true or false, not \(field.value.summary)", at: field.value.location,
            hint: field.value.hint { $0.bool != nil }, notes: field.value.notes)
          isRight = false
        }
      default:
        problems.report("unknown '\(field.key.text)' of input '\(name.text)'", at: field.key.location, hint: form)
        isRight = false
      }
    }
    let type = word?.scalar.flatMap { ArtifactType(named: $0.text) }
    if let word, type == nil {
      let types = ArtifactType.allCases.map(\.rawValue)
      problems.report(
        "unknown type of input '\(name.text)': \(word.summary)", at: word.location,
        suggestion: word.scalar.flatMap { Suggestion.nearest(to: $0.text, in: types) },
        hint: "the types are " + types.joined(separator: ", "))
    } else if word == nil, isRight {
      problems.report("input '\(name.text)' needs 'type'", at: entry.value.location, hint: form)
    }
    self.type = isRight && isNamed ? type : nil
    self.isOptional = isOptional
  }
}
