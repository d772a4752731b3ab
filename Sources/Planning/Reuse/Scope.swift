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
    /// What a recipe that uses this one gives, by the number of its link.
    case input(Int, ArtifactType)
    /// An optional input that is not given.
    case absent
    /// Something that is wrong in itself, so that its uses are not.
    case broken
  }

  /// What the names of its stages start with: "" or, say, `zombies.`.
  let prefix: String
  let file: RecipeFile
  var parameters: RecipeParameters
  /// Where it is used, the nearest first; empty for the recipe that is run.
  let users: [Diagnostic.Note]
  var members: [String: Member] = [:]
  /// The numbers of the links of its outputs, in the recipe's order.
  private(set) var outputs: [Int] = []
  private var outputsByName: [String: Int] = [:]
  /// References to nothing: outputs, of recipes in use, that are optional inputs which are not given.
  private var absences: Set<String> = []

  private let lock: SourceLock

  init(
    prefix: String, file: RecipeFile, parameters: RecipeParameters, users: [Diagnostic.Note], lock: SourceLock
  ) {
    self.lock = lock
    self.prefix = prefix
    self.file = file
    self.parameters = parameters
    self.users = users
  }

  /// Finds the files that it names, which have to be what the lock of the recipe that is run says.
  var finder: SourceFinder { SourceFinder(in: file.folder, lock: lock) }

  /// The number of the link of an output, or of the first one.
  func output(_ name: String?) -> Int? { name.map { outputsByName[$0] } ?? outputs.first }

  mutating func add(output name: String, link: Int) {
    outputs.append(link)
    if outputsByName[name] == nil { outputsByName[name] = link }
  }

  /// Makes `stage` stand for a recipe in use, whose scope has been opened as the one with this number.
  mutating func add(use stage: String, of number: Int, _ used: Scope) {
    members[stage] = .use(number)
    parameters.lend(used.parameters, of: stage)
    for output in used.file.document.outputs ?? [] where used.isAbsent(output.value) {
      absences.insert("\(stage).\(output.key.text)")
    }
  }

  /// Whether `node` names an optional input that is not given, or an output, of a recipe used above, that is one.
  func isAbsent(_ node: Node) -> Bool {
    guard let text = node.scalar?.text else { return false }
    if case .absent? = members[text] { return true }
    return absences.contains(text)
  }

  /// Says that `node`, for which ``isAbsent(_:)`` holds, cannot be what `subject` needs.
  static func reportAbsent(_ node: Node, for subject: String, into problems: inout Problems) {
    problems.report(
      "\(subject) is '\(node.scalar?.text ?? "")', an optional input that is not given here", at: node.location,
      hint: "only a port that may be left out can take it", notes: node.notes)
  }
}

/// A reference that has a name: what a recipe in use is given for an input, or what an output is bound to.
struct Link {
  let node: Node
  /// The number of the scope whose names it is made of.
  let scope: Int
  /// Unique in the plan, but that inputs and outputs may share one: `zombies.result`.
  let name: String
  /// What it is for, as an error says it: `'images' of 'zombies'`, or `each of 'outputs'`.
  let subject: String
  /// Where that is: `'images' of 'zombies'`, or `'outputs'`.
  let place: String
}

/// A stage as it is written, in the scope that its names are looked up in.
struct ScopedStage {
  let syntax: StageSyntax
  let scope: Int
  /// Unique in the plan.
  let name: String
}
