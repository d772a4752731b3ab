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
    self.stage = stage
    self.selection = selection
    self.file = file
    self.store = store
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
    throw InputError(unknown: "stage", id, meant: Suggestion.nearest(to: id, in: names), shown: names)
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
    let policy = MissingPolicy(
      runner: ActionRunner(
        store: store, environment: environment, recipe: file.plan.recipe, interruption: interruption, emit: emit),
      options: RunOptions(keepsGoing: true), part: .init(stage: stage.id, choose: selected))
    let results = try interruption.looking(in: store, within: patience) { () -> Result<[ActionResult], any Error> in
      let scheduler = Scheduler(
        of: file.plan.only([stage]), in: store, missing: policy, interruption: interruption, emit: emit)
      do { _ = try scheduler.perform() } catch let error as MissingInputs { return .failure(error.issue) }
      return .success(scheduler.results)
    }
    if let failures = RunFailures(results.compactMap(\.failure)) { throw failures }
    return [
      "plan": .string(file.digest.hex), "recipe": .string(file.plan.recipe), "file": .string(file.plan.file),
      "stage": .string(stage.id),
      "actions": .array(results.map(\.receipt)), "seconds": .double((clock.now - start).seconds),
      "provenance": environment.provenance(
        seconds: (clock.now - start).seconds, megabytes: ProcessMemory.highestMegabytes
      ).json,
    ]
  }

  /// The actions meant.
  @Sendable
  private func selected(_ steps: [ResolvedAction]) throws -> [ResolvedAction] {
    switch selection {
    case .all: return steps
    // Where the items are not known yet, there is one step, for all of them.
    case .part(let number, let count):
      return steps.contains { !$0.isBlocked }
        ? stride(from: number - 1, to: steps.count, by: count).map { steps[$0] } : steps
    case .items(let items):
      return try items.map { item in
        guard let step = steps.first(where: { $0.id.item == item || $0.id.item == nil && $0.isBlocked }) else {
          let names = steps.compactMap(\.id.item)
          throw InputError(
            unknown: "stage", "\(stage.id)/\(item)",
            meant: Suggestion.nearest(to: item, in: names).map { "\(stage.id)/\($0)" },
            shown: names.map { "\(stage.id)/\($0)" })
        }
        return step
      }
    }
  }
}

extension ActionResult {
  fileprivate var receipt: JSON {
    let word = if case .ran = status { "ran" } else { "cached" }
    return [
      "id": .string(id.description), "item": .optional(id.item), "key": .string(key.hex), "status": .string(word),
      "outputs": .array((record?.outputs ?? []).map { .object($0.artifact.members(at: $0.port)) }),
    ]
  }
}
