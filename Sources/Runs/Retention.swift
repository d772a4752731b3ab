import Foundation

/// Which runs need not be kept.
public struct Retention: Sendable {
  /// How many of the latest of each recipe to keep; nil for all.
  public var count: Int?
  /// For how many days to keep any; nil for ever.
  public var days: Double?
  /// Whether to keep only those that made what they were to make.
  public var onlySuccess: Bool

  public init(count: Int? = nil, days: Double? = nil, onlySuccess: Bool = false) {
    self.count = count
    self.days = days
    self.onlySuccess = onlySuccess
  }

  /// Of runs, those that one of these does not keep; of all where nothing is asked. Never one that goes on.
  /// - Parameter runs: the newest first.
  /// - Returns: those without a tag; those with one, which are removed only by their names.
  public func dispensable(
    _ runs: [KeptRun], now: Date = .now
  ) -> (untagged: [KeptRun], tagged: [KeptRun]) {
    let limit = days.map { RunID(milliseconds: Int(max(0, min(now.timeIntervalSince1970 - $0 * 86_400, 2e11)) * 1000)) }
    /// How many whole runs of a recipe are kept so far: others do not take their place.
    var kept: [String: Int] = [:]
    let found = runs.filter { run in
      guard run.state != .running else { return false }
      if onlySuccess, [.failed, .interrupted, .killed, .unreadable].contains(run.state) { return true }
      if let count, kept[run.recipe, default: 0] >= count { return true }
      if [.done, .missed].contains(run.state) { kept[run.recipe, default: 0] += 1 }
      if let limit, let id = RunID(run.id), id < limit { return true }
      return count == nil && days == nil && !onlySuccess
    }
    return (found.filter(\.tags.isEmpty), found.filter { !$0.tags.isEmpty })
  }
}
