import ArtifactStore
import JSONSyntax

extension JSON {
  /// An event with the time at which it happened, in seconds since 1970, to the millisecond.
  package func happening(at seconds: Double) -> JSON {
    .object((members ?? []) + [.init("time", .double((seconds * 1000).rounded() / 1000))])
  }
}

extension RunEvent {
  /// The event as `run --json` prints it; nil for what only a person watching wants to know.
  public var json: JSON? {
    switch self {
    case .planned(let actions, let cached):
      ["event": "planned", "actions": .int(actions), "cached": .int(cached), "run": .int(actions - cached)]
    case .cached(let id): Self.json("cached", id)
    case .started(let id, let reason): Self.json("started", id, ["reason": .string(reason)])
    case .progress(let id, let progress):
      Self.json(
        "progress", id,
        [
          "completed": .int(progress.completed), "total": .int(progress.total), "unit": .string(progress.unit),
          "values": .object(progress.values.map { JSON.Member($0.name, .double($0.value)) }),
        ])
    case .done(let id, let seconds, let key):
      Self.json("done", id, ["seconds": .double(seconds), "key": .string(key.hex)])
    case .failed(let id, let message): Self.json("failed", id, ["message": .string(message)])
    case .finished(let summary):
      [
        "event": "finished", "cached": .int(summary.cached), "fetched": .int(summary.fetched),
        "ran": .int(summary.ran), "failed": .int(summary.failed), "skipped": .int(summary.skipped),
        "seconds": .double(summary.seconds), "run": .optional(summary.run),
        "record": .optional(summary.record),
        "expectations": .array(summary.expectations.map(\.json)),
      ]
    case .preview(let id, let file): Self.json("preview", id, ["file": .string(file)])
    case .log(let id, let line): Self.json("log", id, ["line": .string(line)])
    case .notice(let line): ["event": "notice", "line": .string(line)]
    case .stage, .waiting, .repairing, .stageDone: nil
    }
  }

  private static func json(_ event: String, _ id: ActionID, _ more: [JSON.Member] = []) -> JSON {
    let identity: [JSON.Member] = [
      .init("event", .string(event)), .init("id", .string(id.description)), .init("stage", .string(id.stage)),
      .init("item", .optional(id.item)),
    ]
    return .object(identity + more)
  }

  private static func json(_ event: String, _ id: ActionID, _ more: JSON) -> JSON {
    json(event, id, more.members ?? [])
  }
}
