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
    /// There is no such measure; what was probably meant.
    case unknown(suggestion: String?, available: [String])
  }

  /// The id of the stage.
  public let stage: String
  public let expectation: Expectation
  public let verdict: Verdict

  public var held: Bool {
    switch verdict {
    case .held, .idle: true
    case .failed, .unknown: false
    }
  }

  /// The measured value, if there is one.
  public var value: Double? {
    switch verdict {
    case .held(let value), .failed(let value): value
    case .idle, .unknown: nil
    }
  }

  /// The value as a table shows it: with more digits than usual where it would read as if the verdict were another one.
  /// `0.15` is not what is expected to be above 0.15.
  package var shownValue: String {
    guard let value else { return verdict == .idle ? "nothing to compare" : "no such measure" }
    let short = Readable.number(value)
    guard let read = Double(short) else { return short }
    return expectation.holds(read) == held ? short : CSV.cell(value)
  }

  /// What went wrong, where something did.
  package var complaint: String? {
    switch verdict {
    case .held, .idle: return nil
    case .failed(let value):
      return
        "\(expectation.location): error: expected \(expectation.measure) \(expectation.text), got \(CSV.cell(value))"
    case .unknown(let suggestion, let available):
      let meant = suggestion.map { "did you mean '\($0)'? " } ?? ""
      let list = available.isEmpty ? "it measures nothing" : "it measures " + available.joined(separator: ", ")
      return "\(expectation.location): error: stage '\(stage)' has no measure '\(expectation.measure)'; \(meant)\(list)"
    }
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
    (self.stage, self.expectation) = (stage, expectation)
    if let value = measured.lazy.compactMap({ $0.mean(expectation.measure) }).first {
      verdict = expectation.holds(value) ? .held(value) : .failed(value)
    } else if measured.contains(where: { $0.untaken.contains(expectation.measure) }) {
      verdict = .idle
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
