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

  /// Of runs, those that one of these does not keep; of all where nothing is asked. Never one that goes on or has a tag.
  /// - Parameter runs: the newest first.
  public func dispensable(_ runs: [KeptRun], now: Date = .now) -> [KeptRun] {
    let limit = days.map { RunID(milliseconds: Int(max(0, min(now.timeIntervalSince1970 - $0 * 86_400, 2e11)) * 1000)) }
    var seen: [String: Int] = [:]
    return runs.filter { run in
      guard run.state != .running, run.tags.isEmpty else { return false }
      if onlySuccess, [.failed, .interrupted, .killed, .unreadable].contains(run.state) { return true }
      seen[run.recipe, default: 0] += 1
      if let count, seen[run.recipe, default: 0] > count { return true }
      if let limit, let id = RunID(run.id), id < limit { return true }
      return count == nil && days == nil && !onlySuccess
    }
  }
}
