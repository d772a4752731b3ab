/// The expectations of a run as a JUnit report, which CI dashboards show.
public struct JUnit: Sendable {
  private let recipe: String
  private let outcome: RunOutcome

  public init(of outcome: RunOutcome, recipe: String) { (self.recipe, self.outcome) = (recipe, outcome) }

  /// One suite with a case for each expectation; a run that stopped before it could judge them is one case with an
  /// error.
  public var xml: String {
    let results = outcome.expectations
    let failed = results.count { !$0.held }
    let errors = outcome.error == nil ? 0 : 1
    var xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    xml += "<testsuite name=\(Self.quoted(recipe)) tests=\"\(results.count + errors)\" failures=\"\(failed)\" "
    xml += "errors=\"\(errors)\" time=\"\(outcome.seconds)\">\n"
    for result in results {
      let name = "\(result.expectation.measure) \(result.expectation.text)"
      xml += "  <testcase classname=\(Self.quoted("\(recipe).\(result.stage)")) name=\(Self.quoted(name))"
      xml += result.complaint.map { "><failure message=\(Self.quoted($0))/></testcase>\n" } ?? "/>\n"
    }
    if let error = outcome.error {
      xml += "  <testcase classname=\(Self.quoted(recipe)) name=\"run\">"
      xml += "<error message=\(Self.quoted("\(error)"))/></testcase>\n"
    }
    return xml + "</testsuite>\n"
  }

  /// An attribute's value. Characters that XML cannot hold become question marks.
  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": quoted += "&amp;"
      case "<": quoted += "&lt;"
      case ">": quoted += "&gt;"
      case "\"": quoted += "&quot;"
      case "\n": quoted += "&#10;"
      case _ where scalar.value < 0x20: quoted += "?"
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
