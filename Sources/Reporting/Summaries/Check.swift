import ArtifactStore
import Escaping
import JSONSyntax
import Planning
import RecipeSyntax
import StageKit

/// What `check` says of a recipe.
public struct Check: Sendable {
  /// As the user, or the folder, names it.
  public let file: String
  /// Nil where something is wrong.
  private let plan: Plan?
  /// What is wrong; nil where nothing is.
  public let errors: Diagnostics?

  public init(of plan: Plan, at file: String) {
    self.plan = plan
    self.file = file
    errors = nil
  }

  public init(of errors: Diagnostics, at file: String) {
    plan = nil
    self.file = file
    self.errors = errors
  }

  /// Of a recipe that is in order.
  /// - Parameter isOneOfSeveral: whether its file is to be named.
  public func text(isOneOfSeveral: Bool) -> String {
    guard let plan else { return "" }
    return (isOneOfSeveral ? "\(file): " : "") + "\(plan.recipe) is in order: "
      + "\(Readable.count(plan.stages.count, "stage")), \(Readable.count(plan.outputs.count, "output"))\n"
      + plan.noteText
  }

  /// The errors as they are printed: files that are missing, and were said to be, are counted.
  /// - Parameter told: the paths of those.
  public func problems(without told: inout Set<String>) -> String? {
    guard let errors else { return nil }
    let news = errors.errors.filter { $0.missing.map { told.insert($0.path).inserted } ?? true }
    let old = errors.errors.count - news.count
    let are = old == 1 ? "is" : "are"
    let rest = old > 0 ? ["\(file): \(Readable.count(old, "file")) missing that \(are) named above"] : []
    return ((news.isEmpty ? [] : ["\(Diagnostics(news, sources: errors.sources))"]) + rest).joined(separator: "\n")
  }

  /// How many of several recipes are in order, and which are not.
  public static func summary(of checks: [Check]) -> String {
    let wrong = checks.filter { $0.errors != nil }
    let right = "\(Readable.count(checks.count - wrong.count, "recipe")) in order"
    guard !wrong.isEmpty else { return "\(right)\n" }
    let isMissing = wrong.contains { $0.errors?.errors.contains { $0.missing != nil } ?? false }
    return "\(right), \(wrong.count) not:\n" + wrong.map { "  \($0.file)\n" }.joined()
      + (isMissing ? "--no-files checks them without the files that they name\n" : "")
  }

  /// `{"file", "recipe", "stages", "outputs", "errors": [], "notes": [{"stage", "file", "line", "column", "message"}]}`, or, of a recipe that is not in order,
  /// `{"file", "errors": [{"file", "line", "column", "message", "suggestion", "hint", "missing"}]}`.
  public var json: JSON {
    if let errors { return ["file": .string(file), "errors": errors.json] }
    guard let plan else { return ["file": .string(file), "errors": []] }
    return [
      "file": .string(file), "recipe": .string(plan.recipe), "stages": .array(plan.stages.map { .string($0.id) }),
      "outputs": .array(plan.outputs.map { .string(plan.name(of: $0)) }), "errors": [],
      "notes": .array(
        plan.notes.map { note in
          [
            "stage": .string(note.stage), "file": .string(note.location.file), "line": .int(note.location.line),
            "column": .int(note.location.column), "message": .string(note.message),
          ]
        }),
    ]
  }
}

extension Plan {
  /// What the links of chains will take in the store, a line for each chain.
  /// - Parameter isMeant: the stages that it is about.
  public func chainText(of isMeant: (PlannedStage) -> Bool) -> String {
    chainBytes(in: isMeant).map { stage, bytes in
      "\(Escape.message(stage.id)): keeps \(Readable.count(bytes.links, "model")) of \(Readable.size(bytes.each)), and "
        + "\(Readable.size(bytes.state)) to go on from: \(Readable.size(bytes.total)) in the store\n"
    }.joined()
  }

  /// What should be known of the plan, a line each: `recipe.yaml:7:3: note: …`
  public var noteText: String {
    notes.map { note in
      "\(note.location.file):\(note.location.line):\(note.location.column): note: \(note.message)\n"
    }.joined()
  }
}

extension Diagnostics {
  /// What is wrong, for programs: `[{"file", "line", "column", "message", "suggestion", "hint", "missing"}]`.
  package var json: JSON {
    .array(
      errors.map { error in
        [
          "file": .string(error.location.file), "line": .int(error.location.line),
          "column": .int(error.location.column), "message": .string(error.message),
          "suggestion": .optional(error.suggestion), "hint": .optional(error.hint),
          "missing": .optional(error.missing?.path),
        ]
      })
  }
}
