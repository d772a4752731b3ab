import ArtifactStore
import StageKit

/// What happens in a run, as it happens.
public enum RunEvent: Sendable {
  case planned(actions: Int, cached: Int)
  /// A stage is reached; it has this many actions.
  case stage(String, actions: Int)
  case cached(ActionID)
  /// Somebody else executes the action; the run waits for what they make.
  case waiting(ActionID)
  case started(ActionID, reason: String)
  case progress(ActionID, ActionProgress)
  /// The action shows how it stands: the path of a file in the run's folder.
  case preview(ActionID, file: String)
  case log(ActionID, String)
  /// What it made is in the store under this key.
  case done(ActionID, seconds: Double, key: Digest)
  case failed(ActionID, message: String)
  /// An object turned out damaged or missing; what made it is executed again.
  case repairing(StoreError)
  /// Something that a person should know and that changes nothing.
  case notice(String)
  case stageDone(String)
  case finished(RunSummary)
}

/// How far an action is.
public struct ActionProgress: Sendable, Hashable {
  public let completed: Int
  public let total: Int
  /// What is counted: `steps`.
  public let unit: String
  /// Numbers to show with it, such as losses.
  public let values: [ProgressValue]

  /// Between 0 and 1.
  package var fraction: Double { total > 0 ? min(1, Double(completed) / Double(total)) : 0 }
}

/// How a run ended.
public struct RunSummary: Sendable {
  public let cached: Int
  /// How many of these were in a shared cache, not in the store.
  public let fetched: Int
  public let ran: Int
  public let failed: Int
  /// How many could not run because what they need failed.
  public let skipped: Int
  public let seconds: Double
  /// The folder of the results; nil for a run that made none because it failed.
  public let run: String?
  /// The folder of its record and its page; nil for a run that did not begin.
  public let record: String?
  public let expectations: [ExpectationResult]
}
