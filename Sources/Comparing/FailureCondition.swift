import Escaping
import Planning
import RecipeSyntax
import Reporting
import StageKit

/// What must not happen to a number between two runs: `s_dir < -0.01` for its difference, the later minus the first.
public struct FailureCondition: Sendable {
  public let text: String
  let measure: String
  private let comparison: Expectation.Comparison

  /// - Throws: `InputError`.
  public init(_ text: String) throws {
    self.text = text.trimmed
    let scalars = Array(self.text.unicodeScalars)
    var depth = 0
    let place = scalars.indices.first { index in
      if scalars[index] == "[" { depth += 1 }
      if scalars[index] == "]" { depth -= 1 }
      return depth == 0 && (scalars[index] == " " || "<>=".unicodeScalars.contains(scalars[index]))
    }
    guard let place, place > 0,
      let comparison = Expectation.Comparison(String(String.UnicodeScalarView(scalars[place...])))
    else {
      throw InputError(
        "--fail-on is '\(text.abridged)': write a measure and a comparison of its difference, such as \"s_dir < -0.01\""
      )
    }
    measure = String(String.UnicodeScalarView(scalars[..<place])).trimmed
    self.comparison = comparison
  }

  /// What a number did that it must not do.
  public struct Failure: Sendable {
    public let number: String
    public let condition: String
    public let message: String
  }

  /// The numbers that it is about.
  func subjects(in comparison: RunComparison) -> [RunComparison.Number] {
    comparison.numbers.filter { $0.name.isSame(as: measure) || $0.name.ends(with: "." + measure) }
  }

  /// - Throws: `InputError` where no run has such a number.
  func failures(in compared: RunComparison) throws -> [Failure] {
    let subjects = subjects(in: compared)
    guard !subjects.isEmpty else {
      let names = compared.numbers.map(\.name)
      let meant = Suggestion.question(about: measure, in: names.compactMap { $0.parts(at: ".").last } + names)
      throw InputError(
        "--fail-on \"\(text)\": no run measures '\(measure)'; "
          + (meant ?? "there are \(Suggestion.list(names, upTo: 12))"))
    }
    return subjects.flatMap { number in
      zip(compared.runs.dropFirst(), number.change).compactMap { run, change in
        guard let change else {
          return Failure(
            number: number.name, condition: text, message: "\(run.label): \(number.name) is not there in both runs")
        }
        // Of what is no number nobody can say that it is well.
        guard comparison.holds(change) || change.isNaN else { return nil }
        let values = RunComparison.arrows([number.values[0], run.measures[number.name]].map { $0.map(CSV.cell) })
        return Failure(
          number: number.name, condition: text,
          message: "\(run.label): \(number.name) changed by \(CSV.cell(change)) (\(values)), which is \(text)")
      }
    }
  }
}

extension RunComparison {
  /// Which of these conditions came about.
  /// - Throws: `InputError` where one is about something that no run measures.
  public func failures(_ conditions: [FailureCondition]) throws -> [FailureCondition.Failure] {
    try conditions.flatMap { try $0.failures(in: self) }
  }

  /// The comparison as a JUnit report: a case for each number, and for each expectation that was met before and is not.
  public func junit(_ failures: [FailureCondition.Failure]) -> JUnit {
    let group = runs.compactMap { $0.run?.recipeName }.first ?? runs[0].label
    let lost = expectations.filter { $0.values.first == "held" && $0.values.contains("failed") }
    let measured = numbers.map { number in
      let mine = failures.filter { $0.number == number.name }.map(\.message)
      return (group: group, name: number.name, failure: mine.isEmpty ? nil : mine.joined(separator: "; "))
    }
    return JUnit(
      called: runs.map(\.label).joined(separator: " → "),
      cases: measured
        + lost.map { (group: group, name: $0.subject, failure: "held before, and does not now") })
  }
}
