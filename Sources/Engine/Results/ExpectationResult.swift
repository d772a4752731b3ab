import ArtifactStore
import JSONSyntax
import Planning
import RecipeSyntax
import StageKit

/// Whether what a recipe expects of a stage came true.
public struct ExpectationResult: Sendable {
  public enum Verdict: Sendable, Hashable {
    case held(Double)
    case failed(Double)
    /// The stage says that there was nothing to measure, as in a comparison along a sweep of one place. It holds.
    case idle
    /// The measure could be taken of none of its items.
    case unmeasured
    /// There is no such measure; what was probably meant.
    case unknown(suggestion: String?, available: [String])
  }

  /// The id of the stage.
  public let stage: String
  public let expectation: Expectation
  public let verdict: Verdict
  /// Of how many items the measure was taken, and of how many it should have been, where these are not the same.
  private let coverage: (measured: Int, all: Int)?

  public var held: Bool {
    switch verdict {
    case .held, .idle: true
    case .failed, .unmeasured, .unknown: false
    }
  }

  /// The measured value, if there is one.
  public var value: Double? {
    switch verdict {
    case .held(let value), .failed(let value): value
    case .idle, .unmeasured, .unknown: nil
    }
  }

  /// The value as a table shows it: with more digits than usual where it would read as if the verdict were another one.
  /// `0.15` is not what is expected to be above 0.15.
  package var shownValue: String {
    switch verdict {
    case .idle: return "nothing to compare"
    case .unmeasured: return "not measured"
    case .unknown: return "no such measure"
    case .held(let value), .failed(let value):
      let short = Readable.number(value)
      let shown = Double(short).map { expectation.holds($0) == held ? short : CSV.cell(value) } ?? short
      return shown + (coverage.map { " (\($0.measured) of \($0.all) items)" } ?? "")
    }
  }

  /// What went wrong, where something did.
  package var issue: String? {
    switch verdict {
    case .held, .idle: return nil
    case .failed(let value):
      let baseline = expectation.baselineParameters.map { "; the baseline was made with \($0)" } ?? ""
      return "\(demand), got \(value.isFinite ? shownValue : CSV.cell(value)) in stage '\(stage)'\(baseline)"
    case .unmeasured:
      let count = coverage.map { $0.all == 1 ? " of its only item" : " on any of \($0.all) items" } ?? ""
      return "\(demand), but stage '\(stage)' could not measure it\(count)"
    case .unknown(let suggestion, let available):
      let meant = suggestion.map { "did you mean '\($0)'? " } ?? ""
      let list = available.isEmpty ? "it measures nothing" : "it measures " + available.joined(separator: ", ")
      return "\(expectation.location): error: stage '\(stage)' has no measure '\(expectation.measure)'; \(meant)\(list)"
    }
  }

  private var demand: String {
    "\(expectation.location): error: expected \(expectation.measure) \(expectation.text)"
  }

  /// Evaluates all expectations of a plan by what its stages made; of a stage that made nothing, nothing can be said.
  /// - Throws: ``ExecutionError`` or `StoreError`.
  package static func all(
    of plan: Plan, artifacts: [OutputReference: Artifact], in store: Store
  ) throws -> [ExpectationResult] {
    try plan.stages.flatMap { stage in
      let isMade = stage.outputs.contains { output in
        artifacts[OutputReference(stage: stage.id, port: output.name, type: output.type)] != nil
      }
      guard !stage.expectations.isEmpty, isMade else { return [ExpectationResult]() }
      let measured = try stage.outputs.compactMap { output in
        try artifacts[OutputReference(stage: stage.id, port: output.name, type: output.type)].flatMap {
          try Measurements(of: $0, stage: stage.id, in: store)
        }
      }
      return stage.expectations.map { ExpectationResult(of: stage.id, $0, by: measured) }
    }
  }

  private init(of stage: String, _ expectation: Expectation, by measured: [Measurements]) {
    self.stage = stage
    self.expectation = expectation
    let lacking = measured.lazy.compactMap { numbers in
      numbers.unmeasured[expectation.measure].map { (measured: numbers.rows.count - $0, all: numbers.rows.count) }
    }.first
    coverage = lacking
    if let value = measured.lazy.compactMap({ $0.mean(expectation.measure) }).first {
      verdict = expectation.holds(value) ? .held(value) : .failed(value)
    } else if measured.contains(where: { $0.untaken.contains(expectation.measure) }) {
      verdict = .idle
    } else if lacking != nil {
      verdict = .unmeasured
    } else {
      let available = measured.flatMap(\.measures)
      verdict = .unknown(
        suggestion: Suggestion.nearest(to: expectation.measure, in: available), available: available)
    }
  }

  package var json: JSON {
    [
      "stage": .string(stage), "measure": .string(expectation.measure), "expected": .string(expectation.text),
      "value": value.map(JSON.double) ?? .null, "held": .bool(held),
    ]
  }
}
