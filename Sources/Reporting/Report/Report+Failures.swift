import Escaping
import StageKit

/// What a reader has to know before all else of a run that did not make all that its recipe asks for.
extension Report {
  /// More names than these are counted.
  private static let most = 100

  /// What failed, and what could not be made because of that; empty for a run that made everything.
  var shortcomings: String {
    guard ![.done, .missed].contains(record.state) else { return "" }
    let outcome = record.outcome
    var body = ""
    if outcome.error == nil {
      body += "<p>This run made only \(Self.listed(record.run.options.only)) and what that needs.</p>\n"
    } else if outcome.failures.isEmpty, let error = outcome.error {
      body += "<pre class=\"error\">\(Escape.markup("\(error)"))</pre>\n"
    } else {
      body += HTML.table(
        ["failed", "error"],
        outcome.failures.prefix(Self.most).map { failure in
          let error = "<pre class=\"error\">\(Escape.markup(failure.description))</pre>"
          return [Escape.markup(failure.action.description), error]
        })
      let rest = outcome.failures.count - Self.most
      if rest > 0 { body += "<p>… and \(rest) more</p>\n" }
    }
    if !outcome.skipped.isEmpty {
      let need = outcome.skipped.count == 1 ? "it needs" : "they need"
      body += "<p>\(Readable.count(outcome.skipped.count, "action")) skipped, because what \(need) failed: "
      body += "\(Self.listed(outcome.skipped.map(\.description)))</p>\n"
    }
    return body
  }

  private static func listed(_ names: [String]) -> String {
    names.prefix(most).map { "<code>\(Escape.markup($0))</code>" }.joined(separator: ", ")
      + (names.count > most ? " and \(names.count - most) more" : "")
  }
}
