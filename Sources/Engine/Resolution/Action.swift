import ArtifactStore
import Planning
import StageKit

/// A unit of work whose inputs are all known, and so its key.
package final class Action: Sendable {
  package let id: ActionID
  package let stage: PlannedStage
  package let preimage: ActionPreimage
  package let key: Digest
  /// What stands for the chain that the action makes links of, where it makes some.
  let chain: Digest?
  package let sources: [String: [SourceFile]]
  /// The keys of the actions that made what is at each port, in a kind that sees their records.
  let makers: [String: [Digest]]

  init(
    id: ActionID, stage: PlannedStage, inputs: [String: BoundInput], sources: [String: [SourceFile]],
    makers: [String: [Digest]]
  ) {
    self.id = id
    self.stage = stage
    self.sources = sources
    self.makers = makers
    preimage = ActionPreimage(stage: stage, item: id.item, inputs: inputs, sources: sources, makers: makers)
    key = preimage.key
    chain = stage.links == nil ? nil : Digest(of: preimage.text(of: stage, links: nil))
  }

  /// What is leased while it is executed, and has the saved state: the chain, of which one link is made after the other,
  /// or the action itself.
  var leased: Digest { chain ?? key }

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
