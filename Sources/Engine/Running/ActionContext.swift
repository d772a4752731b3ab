import ArtifactStore
import Escaping
import Foundation
import Planning
import Runs
import StageKit

/// The world as one action sees it. Used by one thread, that of the action.
final class ActionContext: StageContext {
  private let action: Action
  private let store: Store
  private let attempt: StagingTransaction
  private let memo: LRUCache
  private let interruption: Interruption
  private let emit: @Sendable (RunEvent) -> Void
  private let environment: RunEnvironment
  /// The graphics card that it computes on; nil for the processor.
  private let device: Device?
  /// The name of the recipe.
  private let recipe: String
  /// Whether what is made counts even where the store has it already, and nothing that was made before does.
  let isForced: Bool
  /// Where folders of programs are that are kept if they fail; nil for nowhere.
  private let failedWork: Place?
  /// Where the action shows how it stands; nil for nowhere.
  private let previews: Place?
  private var workFolders: [Place] = []
  var threads: Int { environment.threads }

  private var written: [String: [Artifact.Item]] = [:]
  private(set) var lines: [String] = []
  private var work = Work.none
  private let start = ContinuousClock.now
  /// Wall time of earlier attempts, as far as this one goes on from there.
  private var earlierSeconds = 0.0
  /// The first input that could not be read because the store has lost it, whatever the action makes of the error.
  private(set) var lost: StoreError?

  init(
    _ action: Action, store: Store, attempt: StagingTransaction, memo: LRUCache, interruption: Interruption,
    recipe: String, environment: RunEnvironment, device: Device?, failedWork: Place?, previews: Place?, isForced: Bool,
    emit: @escaping @Sendable (RunEvent) -> Void
  ) {
    self.action = action
    self.store = store
    self.attempt = attempt
    self.memo = memo
    self.interruption = interruption
    self.recipe = recipe
    self.environment = environment
    self.device = device
    self.isForced = isForced
    self.failedWork = failedWork
    self.previews = previews?[FileName.safe("\(action.id)")]
    self.emit = emit
  }

  var item: String? { action.id.item }
  var parameters: Parameters { action.stage.parameters }

  // MARK: Inputs

  func input(_ port: String) -> Artifact? {
    if case .one(let artifact) = action.preimage.inputs[port] { artifact } else { nil }
  }

  func inputs(_ port: String) -> [LabeledArtifact] {
    if case .list(let members) = action.preimage.inputs[port] { return members }
    return action.stage.ports.compactMap { member in
      guard let label = Port.label(of: member.name, at: port), let artifact = input(member.name) else { return nil }
      return LabeledArtifact(label: label, artifact: artifact)
    }
  }

  func mixture(_ port: String) -> Mixture<Artifact>? {
    if case .mixture(let mixture) = action.preimage.inputs[port] { mixture } else { nil }
  }

  func records(at port: String) throws -> [ActionRecord] {
    let makers = action.stage.ports.filter { $0.name == port || Port.label(of: $0.name, at: port) != nil }
      .flatMap { action.makers[$0.name] ?? [] }
    return try makers.uniqued.map { key in
      guard let record = try store.record(of: key) else {
        throw InputError(
          "the record of an action that made what is at '\(port)' cannot be read: make that again with --force")
      }
      return record
    }
  }

  func files(_ parameter: String) -> [SourceFile] { action.sources[parameter] ?? [] }

  func read(_ item: Artifact.Item) throws -> Data {
    do throws(StoreError) { return try store.read(item.object) } catch {
      if lost == nil, error.lostObject != nil { lost = error }
      throw error
    }
  }

  func read(_ file: SourceFile) throws -> Data {
    guard let data = try Files.read(Place(file.path), isInterrupted: { self.interruption.isRequested }),
      Digest(of: data) == file.digest
    else {
      throw ExecutionError.changedSource(path: file.path)
    }
    return data
  }

  func verify(_ file: SourceFile) throws {
    let digest = try Files.digest(of: Place(file.path), isInterrupted: { self.interruption.isRequested })
    guard digest == file.digest else { throw ExecutionError.changedSource(path: file.path) }
  }

  // MARK: Outputs

  func write(_ data: Data, item: String, to port: String) throws {
    guard let output = action.stage.outputs.first(where: { $0.name == port }) else {
      throw broken("it writes to '\(port)', an output that it does not declare")
    }
    let items = written[port, default: []]
    let name = output.type.isItemSet ? action.id.item ?? item : item
    if output.type.isItemSet {
      guard !name.isEmpty, !items.contains(where: { $0.name == name }) else {
        throw broken("it writes the item '\(name)' to '\(port)' twice, or without a name")
      }
    } else if output.type.objectNames.dropFirst(items.count).first != name {
      throw broken("it writes '\(name)' to '\(port)' as object \(items.count + 1) of a \(output.type)")
    }
    written[port] = items + [Artifact.Item(name: name, object: try attempt.write(data), size: data.count)]
  }

  func attach(_ item: Artifact.Item, to port: String) throws {
    let items = written[port, default: []]
    guard action.stage.outputs.contains(where: { $0.name == port && $0.type == .diffusion }), !items.isEmpty else {
      throw broken("it attaches an object to '\(port)', which is no diffusion model that it wrote")
    }
    let name = Artifact.attachedName(items.count)
    written[port] = items + [Artifact.Item(name: name, object: item.object, size: item.size)]
  }

  /// What is to be known of the action, now that it is done.
  /// - Parameters:
  ///   - seconds: wall time of this attempt.
  ///   - megabytes: the largest resident set, where it can be told.
  ///   - text: its preimage, where that is of fewer links of a chain.
  func record(seconds: Double, megabytes: Double?, preimage text: String? = nil) throws -> ActionRecord {
    let (kind, text) = (action.stage.kind, text ?? action.preimage.text)
    return ActionRecord(
      key: Digest(of: text), preimage: text, recipe: recipe, stage: action.stage.name, item: action.id.item,
      kind: kind.name, revision: kind.revision, inputs: action.preimage.sets, outputs: try outputs(),
      provenance: environment.provenance(
        seconds: earlierSeconds + seconds, megabytes: megabytes, device: device?.name, work: work),
      log: lines, chain: action.chain)
  }

  func publish(link number: Int) throws {
    let text = action.preimage.text(of: action.stage, links: number)
    let seconds = (ContinuousClock.now - start).seconds
    try attempt.publish(record(seconds: seconds, megabytes: nil, preimage: text), replacing: isForced)
    written = [:]
  }

  /// What the action made: an artifact for each output that its stage declares.
  private func outputs() throws -> [ActionRecord.Output] {
    try action.stage.outputs.map { output in
      guard let items = written[output.name] else { throw broken("it writes nothing to '\(output.name)'") }
      guard action.id.item == nil || output.type.isItemSet else {
        throw broken("it maps over items, but '\(output.name)' holds one \(output.type)")
      }
      return .init(port: output.name, artifact: Artifact(type: output.type, items: items))
    }
  }

  private func broken(_ problem: String) -> ExecutionError {
    .brokenDeclaration(kind: action.stage.kind.name, problem: problem)
  }

  // MARK: Everything else

  func programFolder() throws -> String {
    try environment.programs.require(for: [action.stage])
    guard let failedWork else { return try attempt.makeFolder() }
    let place = failedWork[FileName.safe("\(action.id)") + "-\(workFolders.count + 1)"]
    try Files.makeFolder(place)
    workFolders.append(place)
    // A program changes its current folder at once.
    return URL(filePath: place.path).absoluteURL.path
  }

  /// Removes the folders of programs that are not needed any more.
  func removeWork() {
    for place in workFolders { try? Files.removeTree(place) }
    if !workFolders.isEmpty, let failedWork { _ = try? Files.removeFolder(failedWork) }
  }

  /// Says where the folders of a program that failed are.
  func tellOfWork() {
    for place in workFolders { emit(.notice("\(action.id): what its program left is in \(place.path)")) }
  }

  func shared<Made: AnyObject>(_ key: String, make: () throws -> Made) throws -> Made {
    // What was made on a graphics card lies there.
    try memo.value(device.map { "gpu:\($0.number) \(key)" } ?? key, make: make)
  }

  func progress(_ completed: Int, of total: Int, unit: String, values: [ProgressValue]) {
    emit(.progress(action.id, ActionProgress(completed: completed, total: total, unit: unit, values: values)))
  }

  func preview(_ name: String, _ data: Data) {
    guard let previews else { return }
    // A help for those who watch: where it cannot be written, the action goes on without.
    do {
      try Files.makeFolder(previews)
      try Files.replace(previews[name], with: data)
      emit(.preview(action.id, file: previews[name].path))
    } catch {}
  }

  func log(_ message: String) {
    lines.append(message)
    emit(.log(action.id, message))
  }

  func count(_ work: Work) { self.work = work }

  func savedState() throws -> Data? {
    guard let state = try store.state(of: action.leased) else { return nil }
    earlierSeconds = state.seconds
    return state.data
  }

  func ignoreSavedState() { earlierSeconds = 0 }

  func saveState(_ data: Data) throws {
    let seconds = earlierSeconds + (ContinuousClock.now - start).seconds
    try attempt.saveState(data, of: action.leased, seconds: seconds)
  }

  func checkCancellation() throws { try interruption.check() }
}
