import ArtifactStore
import RecipeSyntax

/// A recipe in its place in a plan: the one that is run, or one that a stage of another uses.
struct Scope {
  /// What a name in a recipe stands for.
  enum Member {
    /// By its number in the plan.
    case stage(Int)
    /// A recipe in use (the last one, where it is repeated), by the number of its scope.
    case use(Int)
    /// What a recipe that uses this one gives.
    case input(Link, ArtifactType)
    /// An optional input that is not given.
    case absent
    /// Something that is wrong in itself, so that its uses are not.
    case broken
  }

  /// A reference, and the number of the scope whose names it is made of.
  struct Link {
    let node: Node
    let scope: Int
  }

  /// What the names of its stages start with: "" or, say, `zombies.`.
  let prefix: String
  let file: RecipeFile
  let parameters: RecipeParameters
  /// Where it is used, the nearest first; empty for the recipe that is run.
  let users: [Diagnostic.Note]
  var members: [String: Member] = [:]

  var finder: SourceFinder { SourceFinder(in: file.folder) }

  /// What an output is bound to.
  func output(_ name: String) -> Entry? { file.document.outputs?.first { $0.key.text == name } }

  /// Whether `node` names an optional input that is not given.
  func isAbsent(_ node: Node) -> Bool {
    guard let text = node.scalar?.text, case .absent? = members[text] else { return false }
    return true
  }
}

/// A stage as it is written, in the scope that its names are looked up in.
struct ScopedStage {
  let syntax: StageSyntax
  let scope: Int
  /// Unique in the plan.
  let name: String
}
