import Engine
import Escaping
import OrderedCollections
import StageKit

/// What a command says at the end, for people.
public enum Summary {
  /// A plan: a line for each stage, and for each action that will run and why.
  public static func text(of dryRun: DryRun) -> String {
    let stages: OrderedDictionary<String, [PlannedAction]> = .init(grouping: dryRun.actions) { $0.id.stage }
    // Of a recipe's first run there is nothing to say stage by stage.
    let isFirst = dryRun.actions.allSatisfy(\.isNew) && !dryRun.actions.isEmpty
    let depending = dryRun.actions.count { if case .run(.blocked) = $0.status { true } else { false } }
    let remark =
      isFirst
      ? ": nothing of this was run before"
      : depending > 0 ? ", \(depending) of them only if what they take in comes out otherwise than before" : ""
    return stages.values.map { text(of: $0, withReasons: !isFirst) }.joined()
      + "\(dryRun.cached) cached, \(dryRun.actions.count - dryRun.cached) to run\(remark)\n"
  }

  /// The actions of one stage: how many are cached, and why the others will run, the same reason once.
  static func text(of actions: [PlannedAction], withReasons: Bool = true) -> String {
    let cached = actions.count(where: \.isCached)
    var text = "\(Escape.message(actions[0].id.stage)): \(cached) cached, \(actions.count - cached) to run"
    // Of a stage that is new to the store, its own line says all there is to say.
    let isNew = actions.allSatisfy { $0.status == .run(.neverRun) }
    text += isNew && withReasons ? ", \(Reason.neverRun)\n" : "\n"
    var items: OrderedDictionary<String, [ActionID]> = [:]
    for action in actions {
      if withReasons, !isNew, case .run(let reason) = action.status {
        items[reason.description, default: []].append(action.id)
      }
    }
    for (reason, ids) in items {
      let names = ids.prefix(3).compactMap(\.item).joined(separator: ", ") + (ids.count > 3 ? ", …" : "")
      let subject = ids.count == 1 ? "\(ids[0])" : "\(ids.count) items (\(names))"
      text += "  \(Escape.message(subject)): \(reason)\n"
    }
    for file in actions.flatMap(\.downloads).uniqued {
      text += Escape.message("  downloads \(file.urls.joined(separator: ", or ")) unless it is at \(file.path)") + "\n"
    }
    return text
  }

  /// A run: its expectations as a table, the counts, and where to look.
  public static func text(of outcome: RunOutcome) -> String {
    if outcome.isRefused { return "" }
    let summary = outcome.summary
    var text = table(of: summary.expectations)
    text += "\(summary.cached) cached"
    if summary.fetched > 0 { text += " (\(summary.fetched) fetched)" }
    text += ", \(summary.ran) ran"
    if summary.failed > 0 { text += ", \(summary.failed) failed" }
    if summary.skipped > 0 { text += ", \(summary.skipped) skipped because of that" }
    text += " in \(Readable.duration(summary.seconds))\n"
    if let record = summary.record { text += "\(record)/report.html\n" }
    return text
  }

  private static func table(of expectations: [ExpectationResult]) -> String {
    guard !expectations.isEmpty else { return "" }
    let rows = expectations.map { result in
      [
        result.held ? "held" : "FAILED", result.stage, result.expectation.measure,
        result.shownValue, "expected \(result.expectation.text)",
      ]
    }
    return AlignedText.rows(rows) + "\n"
  }
}
