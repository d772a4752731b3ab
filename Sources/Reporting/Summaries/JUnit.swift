import Engine
import Escaping

/// What runs were expected to do and did not as a JUnit report, which CI dashboards show.
public struct JUnit: Sendable {
  private let runs: [(recipe: String, outcome: RunOutcome)]

  public init(of runs: [(recipe: String, outcome: RunOutcome)]) { self.runs = runs }

  /// A suite for each run.
  public var xml: String {
    let suites = runs.map { Self.suite($0.recipe, $0.outcome) }.joined()
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      + (runs.count == 1 ? suites : "<testsuites>\n\(suites)</testsuites>\n")
  }

  /// A case for each expectation, with an error for each action that failed, and for each that was skipped because of
  /// that; a run that stopped for another reason is one case with an error.
  private static func suite(_ recipe: String, _ outcome: RunOutcome) -> String {
    let results = outcome.expectations
    let failed = results.count { !$0.held }
    var errors = outcome.failures.map { (stage: $0.action.stage, name: $0.action.description, message: $0.description) }
    if errors.isEmpty, let error = outcome.error { errors = [(stage: "", name: "run", message: "\(error)")] }
    let count = results.count + errors.count + outcome.skipped.count
    var xml = "<testsuite name=\(quoted(recipe)) tests=\"\(count)\" failures=\"\(failed)\" "
    xml += "errors=\"\(errors.count)\" skipped=\"\(outcome.skipped.count)\" time=\"\(outcome.seconds)\">\n"
    for result in results {
      let name = "\(result.expectation.measure) \(result.expectation.written)"
      xml += "  <testcase classname=\(quoted("\(recipe).\(result.stage)")) name=\(quoted(name))"
      xml += result.issue.map { "><failure message=\(quoted($0))/></testcase>\n" } ?? "/>\n"
    }
    for error in errors {
      let name = error.stage.isEmpty ? recipe : "\(recipe).\(error.stage)"
      xml += "  <testcase classname=\(quoted(name)) name=\(quoted(error.name))>"
      xml += "<error message=\(quoted(error.message))/></testcase>\n"
    }
    for action in outcome.skipped {
      xml += "  <testcase classname=\(quoted("\(recipe).\(action.stage)")) name=\(quoted(action.description))>"
      xml += "<skipped message=\"what it needs failed\"/></testcase>\n"
    }
    return xml + "</testsuite>\n"
  }

  /// An attribute's value.
  private static func quoted(_ text: String) -> String { "\"" + Escape.attribute(text) + "\"" }
}
