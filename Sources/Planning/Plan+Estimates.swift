import Escaping
import Foundation
import OrderedCollections
import RecipeSyntax
import StageKit

private struct Finding: Hashable {
  let location: SourceLocation
  let message: String
}

extension Plan {
  /// What is sure to go wrong, as far as the files on this machine tell before anything runs; nil where that is nothing.
  /// Of pictures, models and tokenizers no more is read than that takes.
  /// - Parameter isMeant: the stages that it is about.
  public func problemsAhead(in isMeant: (PlannedStage) -> Bool = { _ in true }) -> Diagnostics? {
    let meant = Set(stages.filter(isMeant).map(\.id))
    guard !meant.isEmpty else { return nil }
    /// By message, at each place of the recipe. What is wrong at all places of a sweep is said once.
    var found: OrderedDictionary<Finding, [String]> = [:]
    for (stage, estimate) in estimates(of: meant) {
      for issue in estimate.issues {
        // What is wrong with many tensors is a list, which here is one line.
        let message = issue.message.parts(at: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.joined(
          separator: "; ")
        found[Finding(location: stage.location, message: message), default: []].append(stage.id)
      }
    }
    let errors = found.map { finding, stages in
      let more = stages.count > 1 ? " (and \(stages.count - 1) more of its places)" : ""
      return Diagnostic("stage '\(stages[0])'\(more): \(finding.message)", at: finding.location)
    }
    guard !errors.isEmpty else { return nil }
    let sources = Set(errors.map(\.location.file)).sorted().compactMap { try? SourceText.read($0) }
    return Diagnostics(errors, sources: sources)
  }

  /// The stages that make the most links of each chain, with what that takes in the store, where it can be told.
  /// - Parameter isMeant: the stages that it is about.
  public func chainBytes(in isMeant: (PlannedStage) -> Bool) -> [(stage: PlannedStage, bytes: ChainBytes)] {
    let meant = Set(stages.filter { $0.links != nil && isMeant($0) }.map(\.id))
    var longest: OrderedDictionary<PlannedStage.Chain, (stage: PlannedStage, bytes: ChainBytes)> = [:]
    for (stage, estimate) in estimates(of: meant) {
      guard let chain = stage.chain, let bytes = estimate.chainBytes else { continue }
      if bytes.total > longest[chain]?.bytes.total ?? 0 { longest[chain] = (stage, bytes) }
    }
    return Array(longest.values)
  }

  /// What can be told of stages before they run.
  private func estimates(of meant: Set<String>) -> [(PlannedStage, StageEstimate)] {
    var outputs: [OutputReference: OutputEstimate] = [:]
    return stages.needed(for: meant).compactMap { stage in
      let estimate = stage.estimate(inputs: outputs, actions: stage.ownItems?.count ?? 1)
      for output in stage.outputs {
        outputs[OutputReference(stage: stage.id, port: output.name, type: output.type)] = estimate.outputs[output.name]
      }
      return meant.contains(stage.id) ? (stage, estimate) : nil
    }
  }
}

extension PlannedStage {
  /// What can be told of the stage before it runs.
  /// - Parameters:
  ///   - inputs: what is known of each output that is bound to a port.
  ///   - actions: how many the stage has.
  package func estimate(inputs: [OutputReference: OutputEstimate], actions: Int) -> StageEstimate {
    func estimate() -> StageEstimate { kind.estimate(EstimateInput(of: self, inputs: inputs, actions: actions)) }
    guard self.inputs.isEmpty else { return estimate() }
    return estimated.withLock { known in
      if let known, known.actions == actions { return known.estimate }
      let found = estimate()
      known = (actions, found)
      return found
    }
  }
}

extension EstimateInput {
  fileprivate init(of stage: PlannedStage, inputs: [OutputReference: OutputEstimate], actions: Int) {
    self.init(
      parameters: stage.parameters,
      inputs: stage.inputs.mapValues { $0.references.uniqued.compactMap { inputs[$0] } },
      files: stage.sources.mapValues { $0.files.compactMap(\.path) },
      awaitsDownloads: stage.sources.values.contains { $0.files.contains { $0.path == nil } },
      axes: stage.inputs.mapValues { input in
        guard case .list(let members) = input else { return [] }
        return members.flatMap(\.axes).uniqued
      }, actions: actions, outputs: stage.outputs)
  }
}
