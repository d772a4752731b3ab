import Escaping
import Foundation
import JSONSyntax
import OrderedCollections
import Runs
import StageKit

/// One of the runs that are compared, or numbers that were kept of one.
public struct ComparedRun: Sendable {
  /// What it is called in the comparison.
  public let label: String
  /// The same in a few letters: its name, or its ID.
  let word: String
  /// The branch and the commit that it is of, where that is known.
  let origin: String?
  public let run: KeptRun?
  /// Means by `stage.measure`.
  let measures: OrderedDictionary<String, Double>
  let numbers: RunNumbers?
  let texts: RecipeTexts?
  /// Facts that need not be the same: by what they are called.
  let facts: OrderedDictionary<String, String>
  /// Nil where they are not known.
  let parameters: OrderedDictionary<String, String>?
  /// Whether what a stage expects is met, by the expectation.
  let expectations: OrderedDictionary<String, String>
  /// Digests of artifacts, by `stage.port`.
  let artifacts: OrderedDictionary<String, String>
  /// The files of the run's folder with their digests.
  let files: OrderedDictionary<String, String>

  /// - Throws: `StoreError` or `JSON.SyntaxError` where its record cannot be read.
  public init(_ run: KeptRun) throws {
    self.run = run
    label = "\(run.recipe)/\(run.id)" + (run.name.map { " (\($0))" } ?? "")
    word = run.name ?? run.id
    let git = run.facts["git"]
    let commit = git?["commit"]?.string.map { String($0.prefix(12)) }
    let parts = [git?["branch"]?.string, commit, git?["dirty"] == .bool(true) ? "with changes" : nil]
    origin = commit == nil ? nil : parts.compactMap { $0 }.joined(separator: ", ")
    measures = OrderedDictionary(run.measures.map { ($0.name, $0.mean) }) { first, _ in first }
    numbers = run.numbers
    texts = run.texts
    let record = try run.wholeRecord()
    func text(_ value: JSON?) -> String { value.map { $0.string ?? ($0 == .null ? "" : $0.text) } ?? "" }
    facts = [
      "state": run.state.rawValue, "only": text(record["only"].flatMap { $0 == [] ? nil : $0 }),
      "commit": text(record["git"]?["commit"]),
      "dirty": text(record["git"]?["dirty"]), "host": text(record["host"]),
      "program": text(record["provenance"]?["program"]),
      "device": text(record["provenance"]?["device"] ?? record["provenance"]?["cpu"]),
      "kernels": text(record["provenance"]?["blas"]),
    ]
    parameters = Self.texts(of: run.parameters)
    expectations = OrderedDictionary(
      (record["expectations"]?.array ?? []).map { expectation in
        (
          "\(text(expectation["stage"])).\(text(expectation["measure"])) \(text(expectation["expected"]))",
          expectation["held"] == .bool(true) ? "held" : "failed"
        )
      }
    ) { first, _ in first }
    artifacts = OrderedDictionary(
      (record["artifacts"]?.array ?? []).map { ("\(text($0["stage"])).\(text($0["port"]))", text($0["digest"])) }
    ) { first, _ in first }
    files = OrderedDictionary(run.files.map { ($0, run.digest(of: $0) ?? "") }) { first, _ in first }
  }

  /// Numbers that were checked in (``RunBaseline``).
  public init(_ baseline: RunBaseline, label: String) {
    self.label = label
    word = label.fileName
    origin = nil
    run = nil
    measures = baseline.measures
    numbers = baseline.numbers
    texts = nil
    parameters = baseline.parameters.map { Self.texts(of: $0) }
    (facts, expectations, artifacts, files) = ([:], [:], [:], [:])
  }

  private static func texts(of parameters: [JSON.Member]) -> OrderedDictionary<String, String> {
    OrderedDictionary(
      parameters.map { parameter in
        let value = parameter.value
        let swept = value["sweep"]?.array?.map { $0.string ?? $0.text }.joined(separator: ", ")
        return (parameter.name, swept ?? value.string ?? (value == .null ? "" : value.text))
      }
    ) { first, _ in first }
  }

  /// With what it is of.
  var fullLabel: String { label + (origin.map { ": \($0)" } ?? "") }

  /// Whether it knows no more than numbers.
  var isBaseline: Bool { run == nil }
}
