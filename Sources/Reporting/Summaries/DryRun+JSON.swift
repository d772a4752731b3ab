import Engine
import JSONSyntax

extension DryRun {
  /// `plan --json`: `{"actions":[…],"counts":{"cached","run"}}`.
  public var json: JSON {
    [
      "actions": .array(actions.map(\.json)),
      "counts": ["cached": .int(cached), "run": .int(actions.count - cached)],
    ]
  }
}

extension PlannedAction {
  var json: JSON {
    let (word, reason): (String, String?) =
      switch status {
      case .cached: ("cached", nil)
      case .run(let reason): ("run", reason.description)
      }
    var members: [JSON.Member] = [
      .init("id", .string(id.description)), .init("stage", .string(stage.name)),
      .init("kind", .string(stage.kind.name)),
      .init("item", .optional(id.item)), .init("axes", stage.axesJSON), .init("status", .string(word)),
      .init("reason", .optional(reason)),
    ]
    if !downloads.isEmpty {
      members.append(
        .init(
          "downloads",
          .array(
            downloads.map { file in
              [
                "url": .optional(file.urls.first), "mirrors": .array(file.urls.dropFirst().map(JSON.string)),
                "path": .string(file.path),
              ]
            })))
    }
    return .object(members)
  }
}
