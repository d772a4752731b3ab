import ArtifactStore
import Planning
import StageKit

/// A stage with what there is of the results of its actions.
package struct LookedUpStage: Sendable {
  package let steps: [ResolvedAction]
  /// For each step, nil where it still has to run.
  package let records: [FinishedAction?]
  /// What is known of each output.
  package let states: [OutputReference: ArtifactState]

  /// Whether nothing of it has to run.
  package let isComplete: Bool

  package init(_ stage: PlannedStage, steps: [ResolvedAction], records: [FinishedAction?]) {
    (self.steps, self.records) = (steps, records)
    isComplete = records.allSatisfy { $0 != nil }
    let states = stage.outputs.map { output in
      let reference = OutputReference(stage: stage.id, port: output.name, type: output.type)
      return (reference, Self.state(of: output, steps, records))
    }
    self.states = Dictionary(states) { first, _ in first }
  }

  private static func state(
    of output: OutputPort, _ steps: [ResolvedAction], _ records: [FinishedAction?]
  ) -> ArtifactState {
    guard steps.allSatisfy({ $0.id.item != nil }) else {
      let artifact = (records.first ?? nil)?[port: output.name]
      return artifact.map { ArtifactState($0) } ?? ArtifactState(type: output.type, entries: nil)
    }
    // The item is called as it is called now, which may differ from when it was made.
    let entries = zip(steps, records).map { step, record in
      let made = record?[port: output.name]?.items.first
      let name = step.id.item ?? ""
      return ArtifactState.Entry(
        name: name, item: made.map { Artifact.Item(name: name, object: $0.object, size: $0.size) })
    }
    return ArtifactState(type: output.type, entries: entries)
  }
}
