import ArtifactStore
import Escaping
import Foundation
import JSONSyntax
import Planning
import RecipeSyntax
import StageKit

/// One stage of a plan, or some of its items, executed by itself over a store that others share: what a cluster engine
/// starts on a node, maybe twice. What is in the store already is not done again.
public struct StageExecution: Sendable {
  /// Which of a stage's actions.
  public enum Selection: Sendable, Hashable {
    case all
    case items([String])
    /// The `number`th, from 1, of so many parts: of the items in their order every `count`th, so that what is to do is
    /// spread evenly where some are done already.
    case part(number: Int, of: Int)
  }

  private let file: PlanFile
  private let stage: PlannedStage
  private let selection: Selection
  private let store: Store

  private init(_ stage: PlannedStage, _ selection: Selection, in file: PlanFile, store: Store) {
    (self.stage, self.selection, self.file, self.store) = (stage, selection, file, store)
  }

  /// What executes these actions: an execution for each of their stages, in the order of the plan.
  /// - Parameters:
  ///   - actions: ids as `plan` lists them: stages, or items of stages.
  ///   - part: of the items of each of the stages.
  /// - Throws: ``ExecutionError`` or `InputError` where the plan has no such actions.
  public static func all(
    of actions: [String], part: Selection? = nil, in file: PlanFile, store: Store
  ) throws -> [StageExecution] {
    let found = try actions.map { try action($0, in: file.plan) }
    let chosen = Dictionary(grouping: found) { $0.stage.id }
    return try file.plan.stages.compactMap { stage in
      guard let actions = chosen[stage.id] else { return nil }
      let items = actions.compactMap(\.item)
      guard items.isEmpty || items.count == actions.count && part == nil else {
        throw InputError("'\(stage.id)' is named as a whole as well as by items: name the one or the others")
      }
      return StageExecution(stage, part ?? (items.isEmpty ? .all : .items(items)), in: file, store: store)
    }
  }

  private static func action(_ id: String, in plan: Plan) throws -> (stage: PlannedStage, item: String?) {
    if let stage = plan[id] { return (stage, nil) }
    // A stage's id may have slashes in it, in a swept text.
    for slash in id.utf8.indices.filter({ id.utf8[$0] == UInt8(ascii: "/") }).reversed() {
      if let stage = plan[String(id[..<slash])] { return (stage, String(id[id.utf8.index(after: slash)...])) }
    }
    let names = plan.stages.map(\.id)
    throw ExecutionError.unknownStage(id, suggestion: Suggestion.nearest(to: id, in: names), available: names)
  }

  /// Where the receipt goes unless another place is given: a changed recipe, whose plan is another, finds none of these.
  public var receiptPath: String {
    receiptPlace.path
  }

  private var receiptPlace: Place { store.receipts(ofPlan: file.digest)[Self.receiptName(stage.id, selection)] }

  /// The name of the receipt that tells how a whole plan ended (see ``PlanCompletion``): no stage is called so.
  package static let finishReceipt = "finish .json"

  package static func receiptName(_ stage: String, _ selection: Selection) -> String {
    let name =
      switch selection {
      case .all: stage
      // No item's name has a slash in it, and no stage's name starts with a digit.
      case .items(let items): "\(stage)/" + items.joined(separator: "/")
      case .part(let number, let count): "\(stage).\(number)-of-\(count)"
      }
    return FileName.safe(name) + ".json"
  }

  /// Writes a receipt in one step, to `path` or where it goes by default.
  /// - Throws: `StoreError`.
  public func write(_ receipt: JSON, to path: String? = nil) throws {
    guard let path else {
      try Files.makeFolder(store.receipts(ofPlan: file.digest))
      return try Files.replace(receiptPlace, with: receipt.prettyData)
    }
    let folder = path.parentFolder
    if !folder.isEmpty { try Files.makeFolder(folder) }
    try Files.write(receipt.prettyData, to: path)
  }

  /// Does what is not done.
  /// - Parameter patience: for how many seconds to look again for what the stage needs, while it is not there yet.
  /// - Returns: the receipt, which tells what was made.
  /// - Throws: `InputError` where something that the stage needs is not there yet; ``RunFailures`` once all that could be
  ///   done is; `Cancelled`, `StoreError` or ``ExecutionError``.
  public func perform(
    environment: RunEnvironment, patience: Double = 0, interruption: Interruption = Interruption(),
    emit: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) throws -> JSON {
    let clock = ContinuousClock()
    let start = clock.now
    let runner = ActionRunner(store: store, environment: environment, interruption: interruption, emit: emit)
    let actions = try interruption.looking(in: store, within: patience, for: chosen)
    var outcomes: [ActionID: (word: String, record: FinishedAction)] = [:]
    var tasks: [ReadyQueue.Task] = []
    for (place, action) in actions.enumerated() {
      switch try store.lookup(action.key) {
      case .hit(let record):
        emit(.cached(action.id))
        outcomes[action.id] = ("cached", record)
      case .miss(let miss):
        tasks.append(ReadyQueue.Task(stage: 0, place: place, action: action, reason: .lost(miss)))
      }
    }
    var failures: [ActionFailure] = []
    var batches = tasks.isEmpty ? [] : tasks.parts(ofAtMost: runner.batchSize(like: tasks[0].action)).reversed()
    while let batch = batches.popLast() {
      try interruption.check()
      do {
        for (task, outcome) in zip(batch, try runner.perform(batch)) {
          switch outcome {
          case .ran(let record): outcomes[task.action.id] = ("ran", record)
          case .cached(let record): outcomes[task.action.id] = ("cached", record)
          // Another process is running it: it is asked for alone, in the end.
          case .taken: batches.insert([task], at: 0)
          }
        }
      } catch is BatchFailure {
        batches += batch.reversed().map { task in
          var task = task
          task.isRestarted = true
          return [task]
        }
      } catch let failure as ActionFailure { failures.append(failure) }
    }
    store.saveCaches()
    if let failures = RunFailures(failures) { throw failures }
    let done = actions.compactMap { action in outcomes[action.id].map { action.receipt(of: $0.record, $0.word) } }
    return [
      "plan": .string(file.digest.hex), "recipe": .string(file.plan.recipe), "file": .string(file.plan.file),
      "stage": .string(stage.id),
      "actions": .array(done), "seconds": .double((clock.now - start).seconds),
      "provenance": environment.provenance(
        seconds: (clock.now - start).seconds, megabytes: ProcessMemory.highestMegabytes
      ).json,
    ]
  }

  /// The actions meant, or what their inputs lack.
  private func chosen() throws -> Result<[Action], any Error> {
    let needed = file.plan.only([stage])
    var resolver = PlanResolver(plan: needed, store: store)
    var missing: [String] = []
    for other in needed.stages where other.id != stage.id {
      let steps = try resolver.steps(of: other)
      let records = try steps.concurrentMap { try $0.finished(in: store) }
      let found = LookedUpStage(other, steps: steps, records: records)
      if !found.isComplete { missing.append(other.id) }
      resolver.settle(found)
    }
    // Other items may still be in the making.
    let steps = try selected(resolver.steps(of: stage))
    let actions = steps.compactMap(\.action)
    guard actions.count == steps.count else {
      return .failure(
        InputError(
          "stage '\(stage.id)' needs what is not in the store \(store.folder) yet: execute these first: "
            + missing.joined(separator: ", ")))
    }
    return .success(actions)
  }

  private func selected(_ steps: [ResolvedAction]) throws -> [ResolvedAction] {
    switch selection {
    case .all: return steps
    // Where the items are not known yet, there is one step, for all of them.
    case .part(let number, let count):
      return steps.contains { $0.isReady }
        ? stride(from: number - 1, to: steps.count, by: count).map { steps[$0] } : steps
    case .items(let items):
      return try items.map { item in
        guard let step = steps.first(where: { $0.id.item == item || $0.id.item == nil && !$0.isReady }) else {
          let names = steps.compactMap(\.id.item)
          throw ExecutionError.unknownStage(
            "\(stage.id)/\(item)", suggestion: Suggestion.nearest(to: item, in: names).map { "\(stage.id)/\($0)" },
            available: names.map { "\(stage.id)/\($0)" })
        }
        return step
      }
    }
  }
}

extension Action {
  fileprivate func receipt(of record: FinishedAction, _ word: String) -> JSON {
    [
      "id": .string(id.description), "item": .optional(id.item), "key": .string(key.hex), "status": .string(word),
      "outputs": .array(record.outputs.map { .object($0.artifact.members(at: $0.port)) }),
    ]
  }
}
