import Escaping

/// The expectations of runs as a JUnit report, which CI dashboards show.
public struct JUnit: Sendable {
  private let runs: [(recipe: String, outcome: RunOutcome)]

  public init(of runs: [(recipe: String, outcome: RunOutcome)]) { self.runs = runs }

  /// A suite for each run.
  public var xml: String {
    let suites = runs.map { Self.suite($0.recipe, $0.outcome) }.joined()
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      + (runs.count == 1 ? suites : "<testsuites>\n\(suites)</testsuites>\n")
  }

  /// A case for each expectation; a run that stopped before it could judge them is one case with an error.
  private static func suite(_ recipe: String, _ outcome: RunOutcome) -> String {
    let results = outcome.expectations
    let failed = results.count { !$0.held }
    let errors = outcome.error == nil ? 0 : 1
    var xml = "<testsuite name=\(quoted(recipe)) tests=\"\(results.count + errors)\" failures=\"\(failed)\" "
    xml += "errors=\"\(errors)\" time=\"\(outcome.seconds)\">\n"
    for result in results {
      let name = "\(result.expectation.measure) \(result.expectation.text)"
      xml += "  <testcase classname=\(quoted("\(recipe).\(result.stage)")) name=\(quoted(name))"
      xml += result.complaint.map { "><failure message=\(quoted($0))/></testcase>\n" } ?? "/>\n"
    }
    if let error = outcome.error {
      xml += "  <testcase classname=\(quoted(recipe)) name=\"run\">"
      xml += "<error message=\(quoted("\(error)"))/></testcase>\n"
    }
    return xml + "</testsuite>\n"
  }

  /// An attribute's value.
  private static func quoted(_ text: String) -> String { "\"" + Escape.attribute(text) + "\"" }
}
