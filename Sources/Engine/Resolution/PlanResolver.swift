import ArtifactStore
import Planning
import StageKit

/// The way through a plan, stage by stage, that every command shares: it binds what is known to the inputs of each
/// action, looks the action up, and puts together what each stage made. What is done about actions that are missing is
/// the ``Scheduler``'s to say.
struct PlanResolver {
  private let store: Store
  private var states: [OutputReference: ArtifactState] = [:]
  /// The keys of the actions of each stage that are done, by its id.
  private var keys: [String: [Digest]] = [:]

  init(in store: Store) { self.store = store }

  /// What is known of an output.
  subscript(reference: OutputReference) -> ArtifactState {
    states[reference] ?? ArtifactState(type: reference.type, entries: nil)
  }

  /// The artifacts that are complete.
  var artifacts: [OutputReference: Artifact] { states.compactMapValues(\.artifact) }

  /// A stage, all of whose predecessors are settled, with its actions looked up.
  /// - Parameters:
  ///   - choose: which of the actions to look up, where these are not all.
  ///   - history: tells why actions are missing.
  ///   - check: stops it.
  /// - Throws: ``ExecutionError`` where the items at two ports do not fit together or a file has gone.
  func look(
    at stage: PlannedStage, choosing choose: (([ResolvedAction]) throws -> [ResolvedAction])? = nil, history: History?,
    check: @Sendable () throws -> Void
  ) throws -> ResolvedStage {
    let (items, sources) = (items(of: stage), try sources(of: stage))
    let bindings = stage.ports.compactMap { port in
      stage.inputs[port.name].map { Binding(port: port, input: $0, stage: stage, resolver: self) }
    }
    for binding in bindings where binding.role == .parts { try binding.requireOwners(among: items) }
    let makers =
      stage.kind.seesRecords
      ? stage.inputs.mapValues { $0.references.map(\.stage).uniqued.flatMap { keys[$0] ?? [] } } : [:]
    @Sendable func resolved(_ number: Int) throws -> ResolvedAction {
      let id = ActionID(stage: stage.id, item: items[number])
      var inputs: [String: BoundInput] = [:]
      for binding in bindings {
        guard let bound = try binding.bound(to: id.item) else {
          return ResolvedAction(id: id, state: .blocked(by: binding.port))
        }
        inputs[binding.port] = bound
      }
      var files = sources
      if case .files(let parameter) = stage.mapping, let own = sources[parameter] { files[parameter] = [own[number]] }
      let action = Action(id: id, stage: stage, inputs: inputs, sources: files, makers: makers)
      return ResolvedAction(id: id, state: .missing(action, .neverRun))
    }
    @Sendable func lookedUp(_ action: ResolvedAction) throws -> ResolvedAction {
      try check()
      return try action.lookedUp(in: store, history)
    }
    guard let choose else {
      return ResolvedStage(stage, try items.indices.concurrentMap { try lookedUp(resolved($0)) })
    }
    return ResolvedStage(stage, try choose(items.indices.concurrentMap(resolved)).concurrentMap(lookedUp))
  }

  /// Takes note of what a stage made.
  mutating func settle(_ stage: ResolvedStage) {
    states.merge(stage.states) { $1 }
    keys[stage.stage.id] = stage.actions.compactMap { $0.record?.key }
  }

  /// The items that a stage has an action for; `[nil]` for one action that does it all, or where they are unknown.
  private func items(of stage: PlannedStage) -> [String?] {
    switch stage.mapping {
    case .whole: return [nil]
    case .files, .numbers: return stage.ownItems ?? [nil]
    case .items(let port):
      guard case .one(let reference) = stage.inputs[port], let entries = self[reference].entries else { return [nil] }
      return entries.map(\.name)
    }
  }

  private func sources(of stage: PlannedStage) throws -> [String: [SourceFile]] {
    try stage.sources.mapValues { source in
      if let path = source.lost.first {
        throw ExecutionError.notAsPinned(SourceLock.loss(of: path, for: stage), location: stage.location)
      }
      return try source.files.concurrentMap { try digested($0, stage: stage) }
    }
  }

  private func digested(_ file: SourcePath, stage: PlannedStage) throws -> SourceFile {
    let (path, pinned): (String, Digest?)
    let found: Digest
    switch file.place {
    // What is to be downloaded is known by its digest, without the file.
    case .url(let url, let mirrors, let digest, let size):
      return SourceFile(
        name: file.name, path: store.path(ofDownload: digest), digest: digest, urls: [url] + mirrors, size: size)
    case .path(let place, let digest): (path, pinned) = (place, digest)
    }
    do throws(StoreError) {
      guard let digest = try store.sources.digest(of: path) else {
        throw StoreError.system(operation: "find", path: path, code: 2)
      }
      found = digest
    } catch {
      if error == .interrupted { throw error }
      throw ExecutionError.unreadableSource(path: path, stage: stage.name, location: stage.location, reason: error)
    }
    if let pinned, pinned != found {
      let change = SourceLock.change(of: path, for: stage, from: pinned, to: found)
      throw ExecutionError.notAsPinned(change, location: stage.location)
    }
    return SourceFile(name: file.name, path: path, digest: found)
  }
}

/// What is bound to one input port of a stage, looked up once for all its actions.
private struct Binding {
  let port: String
  private let input: PlannedInput
  private let stage: PlannedStage
  let role: PortRole
  private let states: [OutputReference: ArtifactState]
  /// Of what is reduced to what an action's own item needs, by that item's name: what it sees.
  private var entries: [OutputReference: [String: [ArtifactState.Entry]]] = [:]
  /// What every action sees at the port, where that is the same.
  private var common: BoundInput?

  init(port: Port, input: PlannedInput, stage: PlannedStage, resolver: PlanResolver) {
    self.port = port.name
    self.input = input
    self.stage = stage
    states = Dictionary(input.references.map { ($0, resolver[$0]) }) { first, _ in first }
    let role = stage.mapping == .items(of: port.name) ? .each : port.role
    self.role = role
    if role != .whole {
      entries = states.filter { $1.type.isItemSet }.compactMapValues { state in
        state.entries.map { entries in
          guard role == .parts else { return Dictionary(entries.map { ($0.name, [$0]) }) { first, _ in first } }
          return Dictionary(
            entries.flatMap { entry in role.owners(of: entry.name).map { ($0, [entry]) } }, uniquingKeysWith: +)
        }
      }
    }
    if entries.isEmpty { common = try? bound(to: nil) }
  }

  /// What the action for `item` sees at the port; nil where that is still to be made.
  func bound(to item: String?) throws -> BoundInput? {
    if let common { return common }
    var artifacts: [OutputReference: Artifact] = [:]
    for (reference, state) in states {
      guard let artifact = try artifact(state, of: reference, item: item) else { return nil }
      artifacts[reference] = artifact
    }
    switch input {
    case .one(let reference): return artifacts[reference].map(BoundInput.one)
    case .list(let members):
      return .list(
        members.compactMap { member in
          artifacts[member.reference].map { LabeledArtifact(label: member.label, axes: member.axes, artifact: $0) }
        })
    case .mixture(let mixture): return .mixture(mixture.map { artifacts[$0]! })
    }
  }

  private func artifact(_ state: ArtifactState, of reference: OutputReference, item: String?) throws -> Artifact? {
    guard let item, let entries = entries[reference] else { return state.artifact }
    guard let seen = entries[item] ?? (role == .parts ? [] : nil) else {
      throw ExecutionError.unmatchedItem(
        item, stage: stage.name, port: port, from: reference.stage, available: state.entries?.map(\.name) ?? [],
        location: stage.location)
    }
    let items = seen.compactMap(\.item)
    return items.count == seen.count ? Artifact(type: state.type, items: items) : nil
  }

  /// - Throws: ``ExecutionError`` where there is a part of something else than the items that actions are for.
  func requireOwners(among items: [String?]) throws {
    let items = items.compactMap(\.self)
    // Where the items are not known yet, nor is what is a part of them.
    guard !items.isEmpty else { return }
    for (reference, state) in states {
      let stray = role.strays(among: (state.entries ?? []).map(\.name), for: items)
      guard stray.isEmpty else {
        throw ExecutionError.strayParts(
          stray, stage: stage.name, port: port, from: reference.stage, location: stage.location)
      }
    }
  }
}
