import ArtifactStore
import Escaping
import Foundation
import JSONSyntax
import OrderedCollections
import RecipeSyntax
import StageKit

/// Numbers of an earlier run in a file that is checked in beside the recipe, `RECIPE.baseline.json`: what expectations can
/// be held against.
public struct Baseline: Sendable {
  /// Means, by the stage's id and the measure: `scores.s_dir`.
  public let measures: OrderedDictionary<String, Double>
  /// The parameters of that run; nil where the file does not say.
  public let parameters: [JSON.Member]?

  /// Nil where `data` is no such file.
  public init?(_ data: Data) {
    let json = try? JSON(parsing: data)
    guard let members = json?["measures"]?.members else { return nil }
    var measures: OrderedDictionary<String, Double> = [:]
    for member in members {
      guard let value = member.value.double else { return nil }
      measures[member.name] = value
    }
    self.measures = measures
    parameters = json?["params"]?.members
  }

  /// Which of these parameters were others then: `gain=2.0`; nil for none.
  package func difference(from parameters: OrderedDictionary<String, Value>) -> String? {
    let others = (self.parameters ?? []).filter { parameters[$0.name].map { $0.json.bytes } != $0.value.bytes }
    guard !others.isEmpty else { return nil }
    return others.map { "\($0.name)=\($0.value.string ?? $0.value.text)" }.joined(separator: ", ")
  }

  /// The name of the file beside a recipe.
  package static func file(ofRecipe path: String) -> String { path.withEnding("baseline.json") }
}

/// The baseline of a recipe, read when an expectation asks for it first.
struct BaselineFile {
  private let path: String
  /// Those of the recipe now.
  private let parameters: OrderedDictionary<String, Value>
  private var found: Result<Baseline, Problem>?

  /// Why there are no numbers.
  private struct Problem: Error { let message: String }

  init(ofRecipe path: String, parameters: OrderedDictionary<String, Value>) {
    self.path = Baseline.file(ofRecipe: path)
    self.parameters = parameters
  }

  /// The expectations of a stage with the numbers of the baseline in them; what lacks one is reported and left out.
  /// - Parameter outputs: the stage's: what is measured by one that is not its first has that one's name, too.
  mutating func applied(
    to expectations: [Expectation], of stage: String, _ outputs: [OutputPort], into problems: inout Problems
  ) -> [Expectation] {
    expectations.compactMap { expectation in
      guard expectation.needsBaseline else { return expectation }
      let help = "write it with `diffusionclip runs baseline RUN`, and check it in"
      switch read() {
      case .failure(let problem):
        problems.report(problem.message, at: expectation.location, hint: help)
        return nil
      case .success(let baseline):
        let name = "\(stage).\(expectation.measure)"
        let names = [name] + outputs.map { "\(stage).\($0.name).\(expectation.measure)" }
        guard let value = names.lazy.compactMap({ baseline.measures[$0] }).first,
          let applied = expectation.applying(value, of: baseline.difference(from: parameters))
        else {
          problems.report(
            "the baseline \(path.fileName) has no number '\(name)'", at: expectation.location,
            suggestion: Suggestion.nearest(to: name, in: baseline.measures.keys), hint: help)
          return nil
        }
        return applied
      }
    }
  }

  private mutating func read() -> Result<Baseline, Problem> {
    if let found { return found }
    let read: Result<Baseline, Problem>
    do {
      if let data = try Files.read(path) {
        read =
          Baseline(data).map(Result.success)
          ?? .failure(
            Problem(message: "the baseline \(path.fileName) must be {\"measures\": {\"STAGE.MEASURE\": NUMBER}}"))
      } else {
        read = .failure(Problem(message: "there is no baseline \(path.fileName) beside the recipe"))
      }
    } catch { read = .failure(Problem(message: "the baseline cannot be read: \(error)")) }
    found = read
    return read
  }
}
