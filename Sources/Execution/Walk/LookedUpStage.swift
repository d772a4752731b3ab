import ArtifactStore
import Planning
import StageKit

/// A stage with what there is of the results of its actions.
struct LookedUpStage: Sendable {
  let steps: [Step]
  /// For each step, nil where it still has to run.
  let records: [FinishedAction?]
  /// What is known of each output.
  let outlooks: [OutputReference: Outlook]

  /// Whether nothing of it has to run.
  let isComplete: Bool

  init(_ stage: PlannedStage, steps: [Step], records: [FinishedAction?]) {
    (self.steps, self.records) = (steps, records)
    isComplete = records.allSatisfy { $0 != nil }
    let outlooks = stage.outputs.map { output in
      let reference = OutputReference(stage: stage.id, port: output.name, type: output.type)
      return (reference, Self.outlook(of: output, steps, records))
    }
    self.outlooks = Dictionary(outlooks) { first, _ in first }
  }

  private static func outlook(of output: OutputPort, _ steps: [Step], _ records: [FinishedAction?]) -> Outlook {
    guard steps.allSatisfy({ $0.id.item != nil }) else {
      let artifact = (records.first ?? nil)?[port: output.name]
      return artifact.map { Outlook($0) } ?? Outlook(type: output.type, entries: nil)
    }
    // The item is called as it is called now, which may differ from when it was made.
    let entries = zip(steps, records).map { step, record in
      let made = record?[port: output.name]?.items.first
      let name = step.id.item ?? ""
      return Outlook.Entry(name: name, item: made.map { Artifact.Item(name: name, object: $0.object, size: $0.size) })
    }
    return Outlook(type: output.type, entries: entries)
  }
}
