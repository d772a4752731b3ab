import ArtifactStore
import JSONSyntax
import Planning
import RecipeSyntax
import StageKit

/// What `check` says of a recipe.
public struct Check: Sendable {
  private let plan: Plan

  public init(of plan: Plan) { self.plan = plan }

  public var text: String {
    "\(plan.recipe) is in order: \(Readable.count(plan.stages.count, "stage")), "
      + "\(Readable.count(plan.outputs.count, "output"))\n"
  }

  /// `{"recipe", "stages", "outputs", "errors": []}`
  public var json: JSON {
    [
      "recipe": .string(plan.recipe), "stages": .array(plan.stages.map { .string($0.id) }),
      "outputs": .array(plan.outputs.map { .string(plan.name(of: $0)) }), "errors": [],
    ]
  }

  /// The same for a recipe that is not: `{"errors": [{"file", "line", "column", "message", "suggestion", "hint", "missing"}]}`
  public static func json(of errors: Diagnostics) -> JSON {
    [
      "errors": .array(
        errors.errors.map { error in
          [
            "file": .string(error.location.file), "line": .int(error.location.line),
            "column": .int(error.location.column), "message": .string(error.message),
            "suggestion": .optional(error.suggestion), "hint": .optional(error.hint),
            "missing": .optional(error.missing?.path),
          ]
        })
    ]
  }
}
