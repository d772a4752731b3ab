import Planning
import StageKit

/// Which action of a plan: a stage, and the item it makes where the stage has an action for each item.
public struct ActionID: Sendable, Hashable, CustomStringConvertible {
  /// The id of the stage.
  public let stage: String
  public let item: String?

  public init(stage: String, item: String?) { (self.stage, self.item) = (stage, item) }

  /// `latents/alice`, `angry`
  public var description: String { item.map { "\(stage)/\($0)" } ?? stage }
}

/// An action as `plan` shows it.
public struct PlannedAction: Sendable {
  public enum Status: Sendable, Hashable {
    case cached
    case run(Reason)
  }

  public let id: ActionID
  public let stage: PlannedStage
  public let status: Status
  /// Files that have to be downloaded first: their addresses, and where they may be put by hand instead.
  public let downloads: [SourceFile]

  public var isCached: Bool { status == .cached }

  /// Whether neither it nor what it needs was ever done.
  package var isNew: Bool {
    switch status {
    case .run(.neverRun), .run(.blocked): true
    case .run, .cached: false
    }
  }
}
