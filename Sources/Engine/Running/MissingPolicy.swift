/// What is done about actions that the store does not have.
package struct MissingPolicy: Sendable {
  /// What is asked for them first, and gets what was executed.
  var cache: (any SharedCache)?
  /// Executes what is still missing; nil where it stays so, and with it all that depends on it.
  var runner: ActionRunner?
  var options = RunOptions()
  /// The only actions that are executed; nil for all.
  var part: Part?

  /// Actions of one stage.
  struct Part: Sendable {
    let stage: String
    let choose: @Sendable ([ResolvedAction]) throws -> [ResolvedAction]
  }

  /// Whether nothing is done about them.
  var isReport: Bool { cache == nil && runner == nil }

  /// Whether something is done about those of a stage.
  func acts(on stage: String) -> Bool { !isReport && part.map { $0.stage == stage } ?? true }

  /// They are told of: `plan`, `why`, `push`; and `show` and `export`, which fail where they need them.
  package static let report = MissingPolicy()

  /// They are taken from a cache, as far as it has them: `pull`.
  package static func fetch(from cache: any SharedCache) -> MissingPolicy { MissingPolicy(cache: cache) }
}
