import ArtifactStore
import Planning
import StageKit

/// A unit of work whose inputs are all known, and so its key.
package final class Action: Sendable {
  package let id: ActionID
  package let stage: PlannedStage
  package let preimage: ActionPreimage
  package let key: Digest
  package let sources: [String: [SourceFile]]

  package init(id: ActionID, stage: PlannedStage, inputs: [String: BoundInput], sources: [String: [SourceFile]]) {
    (self.id, self.stage, self.sources) = (id, stage, sources)
    preimage = ActionPreimage(stage: stage, item: id.item, inputs: inputs, sources: sources)
    key = preimage.key
  }

  /// Whether the action makes one item of what its stage makes.
  package var isItem: Bool { id.item != nil }

  /// All that it takes in from the store.
  package var inputItems: [Artifact.Item] { preimage.inputs.values.flatMap(\.artifacts).flatMap(\.items) }

  /// The item that it is about, in a stage that maps over the items at an input.
  package var mappedItem: Artifact.Item? {
    guard isItem, case .items(let port) = stage.mapping, case .one(let artifact) = preimage.inputs[port] else {
      return nil
    }
    return artifact.items.first
  }
}

/// An action that a walk comes to.
package struct ResolvedAction: Sendable {
  package enum Readiness: Sendable {
    case ready(Action)
    /// An input is not made yet, so that nothing can be said about the action: the port.
    case blocked(by: String)
  }

  package let id: ActionID
  package let stage: PlannedStage
  package let readiness: Readiness

  /// Nil where an input is not made yet.
  package var action: Action? { if case .ready(let action) = readiness { action } else { nil } }
  package var isReady: Bool { action != nil }

  /// What the store has of it; nil where it is still to be done.
  package func finished(in store: Store) throws -> FinishedAction? {
    guard let action, case .hit(let record) = try store.lookup(action.key) else { return nil }
    return record
  }
}
