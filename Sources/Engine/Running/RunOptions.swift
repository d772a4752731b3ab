/// How a run goes about its work. No result depends on it.
public struct RunOptions: Sendable {
  /// How many actions may run side by side.
  public var jobs: Int
  /// How many bytes the actions that run side by side may take together, by what their kinds declare. One alone may
  /// always run.
  public var memory: Int
  /// Whether to finish what a failure does not touch.
  public var keepsGoing: Bool
  /// The ids of stages to execute although the store has what they make.
  public var forced: Set<String>
  /// What the plan was reduced to, as the user said it; empty for all that the recipe asks for.
  public var only: [String]
  /// Whether the folder of a program that failed is kept in the run's folder.
  public var keepsFailedWork: Bool

  public init(
    jobs: Int = 1, memory: Int = .max, keepsGoing: Bool = false, forced: Set<String> = [], only: [String] = [],
    keepsFailedWork: Bool = false
  ) {
    self.jobs = jobs
    self.memory = memory
    self.keepsGoing = keepsGoing
    self.forced = forced
    self.only = only
    self.keepsFailedWork = keepsFailedWork
  }
}
