import StageKit

/// What a command says at the end, for people.
public enum Summary {
  /// A plan: a line for each stage, and for each action that will run and why.
  public static func text(of forecast: Forecast) -> String {
    var lines: [String] = []
    for stage in forecast.actions.map(\.id.stage).uniqued {
      let actions = forecast.actions.filter { $0.id.stage == stage }
      let cached = actions.count(where: \.isCached)
      lines.append("\(stage): \(cached) cached, \(actions.count - cached) to run")
      for action in actions {
        guard case .run(let reason) = action.status else { continue }
        lines.append("  \(action.id): \(reason)")
      }
    }
    return lines.joined(separator: "\n")
      + "\n\(forecast.cached) cached, \(forecast.actions.count - forecast.cached) to run\n"
  }

  /// A run: its expectations as a table, the counts, and where to look.
  public static func text(of outcome: RunOutcome) -> String {
    let summary = outcome.summary
    var text = table(of: summary.expectations)
    text += "\(summary.cached) cached, \(summary.ran) ran"
    if summary.failed > 0 { text += ", \(summary.failed) failed" }
    text += " in \(Readable.duration(summary.seconds))\n"
    if let run = summary.run { text += "\(run)/report.html\n" }
    return text
  }

  private static func table(of expectations: [ExpectationResult]) -> String {
    guard !expectations.isEmpty else { return "" }
    let rows = expectations.map { result in
      [
        result.held ? "held" : "FAILED", result.stage, result.expectation.measure,
        result.value.map(Readable.number) ?? "no such measure", "expected \(result.expectation.text)",
      ]
    }
    return aligned(rows) + "\n"
  }

  /// Rows of cells, each column as wide as its widest cell.
  static func aligned(_ rows: [[String]]) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
      let cells = row.enumerated().map { column, cell in
        column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
      }
      return cells.joined(separator: "  ") + "\n"
    }.joined()
  }
}
