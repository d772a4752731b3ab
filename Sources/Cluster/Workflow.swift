import Costing
import Foundation
import OrderedCollections
import Planning
import StageKit

/// The jobs by which a cluster engine gets a plan done: what is in the store already is in none of them.
///
/// A stage that takes long is a job, whose items are spread over as many tasks as make each about as long as wanted. All
/// stages that go over the same items have as many tasks, so that each can start as soon as its own items are done.
/// Quick stages that wait for the same long ones, and for which the same long ones wait, are one job: it fails only for
/// what needs it anyhow.
public struct Workflow: Sendable {
  /// How a plan is cut into jobs.
  public struct Shape: Sendable {
    /// How long a task should take.
    public var taskSeconds: Double
    /// Threads of a task in which a network works; others have one.
    public var threads: Int
    /// Tasks of one job at most, and jobs of a workflow at most. Beyond that, the places of sweeps share jobs.
    public var taskLimit = 1000
    public var jobLimit = 900
    /// Whether quick stages share jobs.
    public var bundlesQuickStages: Bool

    public init(taskSeconds: Double, threads: Int, bundlesQuickStages: Bool) {
      self.taskSeconds = taskSeconds
      self.threads = threads
      self.bundlesQuickStages = bundlesQuickStages
    }
  }

  /// What is done on one node, piece after piece.
  public typealias Task = [Partition.Shard]

  /// What a job waits for.
  public enum Need: Sendable, Hashable {
    /// Each of its tasks for the task with the same number of another job.
    case corresponding(Int)
    /// All of another job.
    case all(Int)
  }

  public struct Job: Sendable {
    public let name: String
    public fileprivate(set) var tasks: [Task]
    /// Of one task: wall time, memory, and threads.
    public fileprivate(set) var seconds: Double
    public fileprivate(set) var megabytes: Double
    public fileprivate(set) var threads: Int
    /// Whether it needs a graphics card.
    public let usesCard: Bool
    /// Jobs by their places, those before this one.
    public fileprivate(set) var needs: [Need] = []
    /// What to ask an engine for.
    var limits: Limits { Limits(seconds: seconds, megabytes: megabytes) }
  }

  /// Time and memory to ask an engine for, with room for what an estimate cannot know.
  struct Limits {
    let minutes: Int
    let megabytes: Int
    /// What an engine's own numbers have room for.
    private static let most = Int(Int32.max)

    init(seconds: Double, megabytes: Double) {
      minutes = min(Int(bounded: ((2 * seconds + 600) / 60).rounded(.up)), Self.most)
      self.megabytes = min(Int(bounded: (1.1 * megabytes + 256).rounded(.up)), Self.most)
    }
  }

  public let plan: Plan
  /// Whether a job needs a graphics card.
  public var usesCards: Bool { jobs.contains(where: \.usesCard) }
  /// Each behind those that it needs.
  public let jobs: [Job]
  /// How the stages with something to run are cut into pieces.
  let division: Partition

  public init(_ cost: CostEstimate, shape: Shape) {
    let division = Partition(cost, shape: shape)
    plan = cost.plan
    self.division = division
    let bundles = shape.bundlesQuickStages ? Self.bundles(division) : [:]
    let groups = OrderedDictionary(grouping: division.stages.values) { bundles[$0.stage.id] ?? $0.stage.id }
    var jobs = groups.values.map { Self.job($0, division, shape) }
    if jobs.count > shape.jobLimit { jobs = Self.merged(jobs, division, shape) }
    self.jobs = Self.ordered(jobs, division)
  }

  // MARK: Jobs

  private static func job(_ chosen: [CostEstimate.Stage], _ division: Partition, _ shape: Shape) -> Job {
    let ids = chosen.map(\.stage.id)
    let count = division.parts(of: ids[0])
    // Every item may come to lie in one part that is a little longer than the others.
    let seconds = chosen.reduce(0) { sum, stage in
      sum + stage.seconds * (Double(stage.runs) / Double(count)).rounded(.up)
    }
    return Job(
      name: ids.count == 1 ? ids[0] : "\(ids[0]) and \(ids.count - 1) more",
      tasks: (1...count).map { part in ids.map { Partition.Shard(stage: $0, part: part, parts: count) } },
      seconds: seconds, megabytes: chosen.map(\.megabytes).max() ?? 0,
      threads: chosen.contains(where: \.isParallel) ? shape.threads : 1, usesCard: chosen.contains(where: \.usesCard))
  }

  /// For each quick stage, what those have in common that share its job.
  private static func bundles(_ division: Partition) -> [String: String] {
    let stages = division.stages
    let numbers = Dictionary(uniqueKeysWithValues: stages.keys.enumerated().map { ($1, $0) })
    var (before, after) = (
      [Set<Int>](repeating: [], count: stages.count), [Set<Int>](repeating: [], count: stages.count)
    )
    let needed = stages.values.map { division.awaited(by: $0.stage).compactMap { numbers[$0] } }
    let long = stages.keys.map(division.isLong)
    for number in stages.values.indices {
      for other in needed[number] {
        before[number].formUnion(before[other])
        if long[other] { before[number].insert(other) }
      }
    }
    for number in stages.values.indices.reversed() {
      for other in needed[number] {
        after[other].formUnion(after[number])
        if long[number] { after[other].insert(number) }
      }
    }
    return Dictionary(
      uniqueKeysWithValues: stages.keys.enumerated().filter { !long[$0.offset] }.map { number, id in
        // A space stands in no stage's name in front of its axes.
        (id, " \(before[number].sorted()) \(after[number].sorted())")
      })
  }

  /// Fewer jobs: those with most places of sweeps share theirs, as tasks; short tasks are done one after the other.
  private static func merged(_ jobs: [Job], _ division: Partition, _ shape: Shape) -> [Job] {
    func name(_ job: Job) -> String { division.stages[job.tasks[0][0].stage]?.stage.name ?? job.name }
    let groups = OrderedDictionary(grouping: jobs, by: name)
    var excess = jobs.count - shape.jobLimit
    var merged: Set<String> = []
    for (name, group) in groups.sorted(by: { $0.value.count > $1.value.count }) where excess > 0 {
      merged.insert(name)
      excess -= group.count - 1
    }
    return groups.flatMap { name, group -> [Job] in
      guard merged.contains(name), group.count > 1 else { return group }
      let all = group.flatMap { job in job.tasks.map { (task: $0, seconds: job.seconds) } }
      // No more jobs than there were limits for, whatever time that makes a task take.
      let least = (all.count + shape.taskLimit * 8 - 1) / (shape.taskLimit * 8)
      var packed: [(task: Task, seconds: Double, count: Int)] = []
      for (task, seconds) in all {
        if let last = packed.last, last.count < least || last.seconds + seconds <= shape.taskSeconds {
          packed[packed.count - 1] = (last.task + task, last.seconds + seconds, last.count + 1)
        } else {
          packed.append((task, seconds, 1))
        }
      }
      return packed.parts(ofAtMost: shape.taskLimit).map { part in
        Job(
          name: name, tasks: part.map(\.task), seconds: part.map(\.seconds).max() ?? 0,
          megabytes: group.map(\.megabytes).max() ?? 0, threads: group.map(\.threads).max() ?? 1,
          usesCard: group.contains(where: \.usesCard))
      }
    }
  }

  // MARK: What waits for what

  /// The jobs with what they wait for, each behind those.
  private static func ordered(_ jobs: [Job], _ division: Partition) -> [Job] {
    var places: [Partition.Shard: (job: Int, task: Int)] = [:]
    var jobsOfStages: [String: Set<Int>] = [:]
    for (number, job) in jobs.enumerated() {
      for (place, task) in job.tasks.enumerated() {
        for piece in task {
          places[piece] = (number, place)
          jobsOfStages[piece.stage, default: []].insert(number)
        }
      }
    }
    /// For each job, those that it needs, and whether only task by task.
    let needs = jobs.enumerated().map { number, job -> [Int: Bool] in
      var needs: [Int: Bool] = [:]
      for (place, task) in job.tasks.enumerated() {
        for need in task.flatMap(division.needs) {
          let found = need.piece.flatMap { places[$0] }
          for other in found.map({ [$0.job] }) ?? jobsOfStages[need.stage] ?? [] where other != number {
            let corresponds = found?.task == place && jobs[other].tasks.count == job.tasks.count && job.tasks.count > 1
            needs[other] = (needs[other] ?? true) && corresponds
          }
        }
      }
      return needs
    }
    // Merged jobs may stand in front of what they need.
    var order: [Int] = []
    var isPlaced = [Bool](repeating: false, count: jobs.count)
    func place(_ number: Int) {
      guard !isPlaced[number] else { return }
      isPlaced[number] = true
      for other in needs[number].keys.sorted() { place(other) }
      order.append(number)
    }
    for number in jobs.indices { place(number) }
    let newPlaces = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1, $0) })
    return order.map { number in
      var job = jobs[number]
      job.needs = needs[number].map { (newPlaces[$0.key]!, $0.value) }.sorted { $0.0 < $1.0 }
        .map { $0.1 ? .corresponding($0.0) : .all($0.0) }
      return job
    }
  }
}
