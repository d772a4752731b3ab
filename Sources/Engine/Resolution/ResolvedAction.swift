import ArtifactStore
import Planning
import StageKit

/// An action of a stage that the resolver came to, and what the store has of it.
package struct ResolvedAction: Sendable {
  package enum State: Sendable {
    /// An input is not made yet, so that nothing can be said about the action: the port.
    case blocked(by: String)
    case missing(Action, Reason)
    case done(Action, FinishedAction)
  }

  package let id: ActionID
  package internal(set) var state: State

  /// Nil where an input is not made yet.
  package var action: Action? {
    switch state {
    case .blocked: nil
    case .missing(let action, _), .done(let action, _): action
    }
  }

  package var isBlocked: Bool { if case .blocked = state { true } else { false } }

  /// What the action made; nil where it still has to be done.
  package var record: FinishedAction? { if case .done(_, let record) = state { record } else { nil } }

  /// The action with what the store has of it.
  /// - Parameter history: tells why one is missing; without it, just what the store says is told.
  func lookedUp(in store: Store, _ history: History?) throws -> ResolvedAction {
    guard let action else { return self }
    var found = self
    switch try store.lookup(action.key) {
    case .hit(let record): found.state = .done(action, record)
    case .miss(let miss): found.state = .missing(action, try history?.reason(for: action, miss) ?? .lost(miss))
    }
    return found
  }
}

/// A stage with its actions, looked up in the store.
package struct ResolvedStage: Sendable {
  package let stage: PlannedStage
  /// In the order of the stage's items.
  package let actions: [ResolvedAction]
  /// What is known of each output.
  package let states: [OutputReference: ArtifactState]

  /// Whether nothing of it has to run.
  var isComplete: Bool { actions.allSatisfy { $0.record != nil } }

  init(_ stage: PlannedStage, _ actions: [ResolvedAction]) {
    self.stage = stage
    self.actions = actions
    let states = stage.outputs.map { output in
      (OutputReference(stage: stage.id, port: output.name, type: output.type), Self.state(of: output, actions))
    }
    self.states = Dictionary(states) { first, _ in first }
  }

  private static func state(of output: OutputPort, _ actions: [ResolvedAction]) -> ArtifactState {
    guard actions.allSatisfy({ $0.id.item != nil }) else {
      let artifact = actions.first?.record?[port: output.name]
      return artifact.map { ArtifactState($0) } ?? ArtifactState(type: output.type, entries: nil)
    }
    // The item is called as it is called now, which may differ from when it was made.
    let entries = actions.map { action in
      let made = action.record?[port: output.name]?.items.first
      let name = action.id.item ?? ""
      return ArtifactState.Entry(
        name: name, item: made.map { Artifact.Item(name: name, object: $0.object, size: $0.size) })
    }
    return ArtifactState(type: output.type, entries: entries)
  }
}
