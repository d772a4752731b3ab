import ArtifactStore
import Planning

/// What became of one action in a run.
public final class ActionResult: Sendable {
  public enum Status: Sendable {
    case cached
    /// It was in a shared cache, from which it is in the store now.
    case fetched
    case ran(reason: String)
    case failed(ActionFailure)
  }

  public let id: ActionID
  public let stage: PlannedStage
  public let key: Digest
  public let status: Status
  /// What it made, now or earlier; nil for one that failed.
  package let record: FinishedAction?
  /// How it went when it was executed.
  public var provenance: Provenance? { record?.provenance }

  package var hasRun: Bool { if case .ran = status { true } else { false } }
  package var failure: ActionFailure? { if case .failed(let failure) = status { failure } else { nil } }

  init(_ action: Action, _ status: Status, _ record: FinishedAction?) {
    (id, stage, key) = (action.id, action.stage, action.key)
    (self.status, self.record) = (status, record)
  }
}
