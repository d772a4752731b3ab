import Engine
import Escaping
import RecipeSyntax

/// What was checked, or expected of runs, as a JUnit report, which CI dashboards show.
public struct JUnit: Sendable {
  private struct Case {
    enum Outcome {
      case passed
      /// What was expected is not so.
      case failure(String)
      /// It could not be told.
      case error(String)
      case skipped(String)
    }

    let group: String
    let name: String
    let outcome: Outcome
  }

  private struct Suite {
    let name: String
    let cases: [Case]
    let seconds: Double
  }

  private let suites: [Suite]

  /// A suite for each run: a case for each expectation, with an error for each action that failed, and for each that was
  /// skipped because of that; a run that stopped for another reason is one case with an error.
  public init(of runs: [(recipe: String, outcome: RunOutcome)]) {
    suites = runs.map { recipe, outcome in
      let expectations = outcome.expectations.map { result in
        Case(
          group: "\(recipe).\(result.stage)", name: "\(result.expectation.measure) \(result.expectation.written)",
          outcome: result.issue.map { .failure($0) } ?? .passed)
      }
      var errors = outcome.failures.map {
        Case(
          group: "\(recipe).\($0.action.stage)", name: $0.action.description, outcome: .error($0.description))
      }
      if errors.isEmpty, let error = outcome.error {
        errors = [Case(group: recipe, name: "run", outcome: .error("\(error)"))]
      }
      let skipped = outcome.skipped.map { action in
        Case(
          group: "\(recipe).\(action.stage)", name: action.description, outcome: .skipped("what it needs failed"))
      }
      return Suite(name: recipe, cases: expectations + errors + skipped, seconds: outcome.seconds)
    }
  }

  /// A suite with a case for each recipe.
  public init(of checks: [Check]) {
    let cases = checks.map { check in
      Case(group: "check", name: check.file, outcome: check.errors.map { .failure("\($0)") } ?? .passed)
    }
    suites = [Suite(name: "check", cases: cases, seconds: 0)]
  }

  /// Recipes that cannot be run, because something is wrong with them or with how they are to be run.
  /// - Parameter recipe: as the user names it.
  public init(of error: any Error, in recipe: String) {
    let cases = (error as? Diagnostics)?.errors.map { error in
      Case(group: recipe, name: "\(error.location)", outcome: .error(error.message))
    }
    suites = [
      Suite(name: recipe, cases: cases ?? [Case(group: recipe, name: "run", outcome: .error("\(error)"))], seconds: 0)
    ]
  }

  /// Things that were looked at, each with what is wrong with it.
  package init(called name: String, cases: [(group: String, name: String, failure: String?)]) {
    let cases = cases.map { Case(group: $0.group, name: $0.name, outcome: $0.failure.map { .failure($0) } ?? .passed) }
    suites = [Suite(name: name, cases: cases, seconds: 0)]
  }

  public var xml: String {
    let suites = suites.map(Self.xml).joined()
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      + (self.suites.count == 1 ? suites : "<testsuites>\n\(suites)</testsuites>\n")
  }

  private static func xml(_ suite: Suite) -> String {
    func count(_ isMeant: (Case.Outcome) -> Bool) -> String { "\"\(suite.cases.count { isMeant($0.outcome) })\"" }
    let failures = count { if case .failure = $0 { true } else { false } }
    let errors = count { if case .error = $0 { true } else { false } }
    let skipped = count { if case .skipped = $0 { true } else { false } }
    var xml = "<testsuite name=\(quoted(suite.name)) tests=\"\(suite.cases.count)\" failures=\(failures) "
    xml += "errors=\(errors) skipped=\(skipped) time=\"\(suite.seconds)\">\n"
    for test in suite.cases {
      xml += "  <testcase classname=\(quoted(test.group)) name=\(quoted(test.name))"
      switch test.outcome {
      case .passed: xml += "/>\n"
      case .failure(let message): xml += Self.xml("failure", message)
      case .error(let message): xml += Self.xml("error", message)
      case .skipped(let message): xml += Self.xml("skipped", message)
      }
    }
    return xml + "</testsuite>\n"
  }

  /// What became of a case: the first line of the message is what lists show, the whole is its content.
  private static func xml(_ outcome: String, _ message: String) -> String {
    let lines = message.parts(at: "\n")
    let content = lines.count > 1 ? ">\(Escape.markup(message))</\(outcome)>" : "/>"
    return "><\(outcome) message=\(quoted(lines.first ?? ""))\(content)</testcase>\n"
  }

  /// An attribute's value.
  private static func quoted(_ text: String) -> String { "\"" + Escape.attribute(text) + "\"" }
}
