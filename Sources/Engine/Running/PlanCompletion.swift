import ArtifactStore
import Foundation
import JSONSyntax
import Planning
import StageKit

/// The end of a plan that was executed piece by piece: sees that all of it is done and whole, and then does what `run`
/// does at its end. Nothing is executed.
public struct PlanCompletion: Sendable {
  private let file: PlanFile
  private let store: Store
  private let folder: String?
  private let formats: ArtifactFormats

  /// - Parameter folder: where runs are kept, as ``Run`` has it.
  public init(of file: PlanFile, in store: Store, folder: String? = nil, formats: ArtifactFormats) {
    self.file = file
    self.store = store
    self.folder = folder
    self.formats = formats
  }

  /// - Parameter patience: for how many seconds to look again while something is missing.
  /// - Throws: ``UnfinishedPlan``; `Cancelled`; `StoreError`, also where an output's bytes are not what they were: it is
  ///   then made again by the next submission.
  public func perform(
    environment: RunEnvironment, patience: Double = 0, interruption: Interruption = Interruption(),
    emit: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) async throws -> RunOutcome {
    let run = Run(of: file.plan, in: store, folder: folder, environment: environment, formats: formats)
    do {
      let dryRun = try interruption.looking(in: store, within: patience, for: complete)
      for reference in file.plan.outputs {
        for item in dryRun.artifacts[reference]?.items ?? [] { _ = try store.read(item.object) }
      }
    } catch {
      // Only an earlier run could be taken for this one.
      if run.results.hasRuns, let problem = run.note(RunOutcome(error: error)).problem {
        emit(.notice(problem))
      }
      throw error
    }
    try run.requireFolder()
    return await run.perform(interruption: interruption, emit: emit)
  }

  /// What there is of the plan, or what is missing.
  private func complete() throws -> Result<DryRun, any Error> {
    let dryRun = try DryRun(of: file.plan, in: store)
    let missing = dryRun.actions.filter { !$0.isCached }
    return missing.isEmpty
      ? .success(dryRun) : .failure(UnfinishedPlan(missing: missing.map(\.id), of: dryRun.actions.count))
  }

  /// Notes how the plan ended, in `path` or where `submit --status` looks for it.
  /// - Throws: `StoreError`.
  public func note(_ status: ExitStatus, to path: String? = nil) throws {
    let folder = store.receipts(ofPlan: file.digest)
    let receipt: JSON = [
      "plan": .string(file.digest.hex), "recipe": .string(file.plan.recipe), "status": .int(Int(status.rawValue)),
    ]
    if let path { return try Files.write(receipt.prettyData, to: path) }
    try Files.makeFolder(folder)
    try Files.replace(folder[StageExecution.finishReceipt], with: receipt.prettyData)
  }
}

/// Actions of a plan are not done that should be.
public struct UnfinishedPlan: Error, CustomStringConvertible {
  let missing: [ActionID]
  let count: Int

  init(missing: [ActionID], of count: Int) {
    self.missing = missing
    self.count = count
  }

  public var description: String {
    let stages = missing.map(\.stage).uniqued
    let names = stages.prefix(12).joined(separator: ", ") + (stages.count > 12 ? " and \(stages.count - 12) more" : "")
    return
      "\(missing.count) of \(count) actions are not done, of the stages \(names): see what their jobs say, solve the problem, "
      + "and submit again; what is done is kept"
  }
}
