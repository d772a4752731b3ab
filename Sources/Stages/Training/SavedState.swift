import Checkpoints
import StageKit
import Tensors

/// Where a stage that takes long stood when it last saved: what it goes on with after it was cut short.
struct SavedState {
  var tensors: [String: Tensor] = [:]
  /// Counters, such as the steps done.
  var numbers: [String: Int] = [:]
  var losses: LossTable

  private static let source = "saved state"
  private static let lossesEntry = "losses"

  init(losses: LossTable) { self.losses = losses }

  /// What an earlier attempt at this action saved; nil where there is none, or none that can be read.
  init?(_ context: any StageContext) throws {
    guard let data = try context.savedState() else { return nil }
    let state = try Safetensors.read(data, from: Self.source)
    guard let losses = LossTable(state.metadata[Self.lossesEntry] ?? ""),
      state.tensors.values.allSatisfy(\.isFinite)
    else { return nil }
    self.losses = losses
    tensors = Dictionary(uniqueKeysWithValues: state.tensors.map { ($0.key, $0.value) })
    numbers = state.metadata.compactMapValues(Int.init)
  }

  /// Saves it, but where a number is not finite: then what was saved before is better.
  func save(_ context: any StageContext) throws {
    guard tensors.values.allSatisfy(\.isFinite) else { return }
    var state = CheckpointTensors(tensors: [:], source: Self.source)
    for (name, tensor) in tensors { state.tensors[name] = tensor }
    state.metadata = numbers.mapValues(String.init)
    state.metadata[Self.lossesEntry] = losses.text
    try context.saveState(Safetensors.data(of: state))
  }

  /// Stops where the run was interrupted.
  /// - Parameter save: saves where the stage is, for the next attempt to go on from there.
  static func checkCancellation(_ context: any StageContext, save: () throws -> Void) throws {
    do { try context.checkCancellation() } catch {
      try save()
      throw error
    }
  }

  /// What an attempt goes on from, of what is saved, and whether that is to stay as it is. It begins anew where it is
  /// forced, and where more is done than it is asked for: then it leaves what is saved to those who ask for more.
  static func resumed<State>(
    from saved: State?, _ context: any StageContext, isAhead: (State) -> Bool
  ) -> (state: State?, staysAsItIs: Bool) {
    let isAhead = saved.map(isAhead) ?? false
    guard isAhead || context.isForced else { return (saved, false) }
    context.ignoreSavedState()
    return (nil, isAhead)
  }

  /// The tensors called `prefix`0, `prefix`1 and so on, as far as they go.
  func list(_ prefix: String) -> [Tensor] {
    var list: [Tensor] = []
    while let tensor = tensors["\(prefix)\(list.count)"] { list.append(tensor) }
    return list
  }
}
