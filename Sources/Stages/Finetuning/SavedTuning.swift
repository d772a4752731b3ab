import Diffusion
import StageKit
import Tensors

/// Where an interrupted fine-tuning stood.
struct SavedTuning {
  /// What Adam had made of what it changes.
  let learned: [Tensor]
  let optimizer: Adam
  let iteration: Int
  let losses: LossTable

  private static let (iterations, optimizerSteps) = ("iteration", "optimizer_step")
  private static let (parameter, first, second) = ("learned.", "first.", "second.")

  /// What an earlier attempt saved; nil where there is none.
  init?(_ context: any StageContext) throws {
    guard let state = try SavedState(context), let iteration = state.numbers[Self.iterations],
      let step = state.numbers[Self.optimizerSteps]
    else { return nil }
    learned = state.list(Self.parameter)
    self.iteration = iteration
    losses = state.losses
    optimizer = Adam(step: step, moments: zip(state.list(Self.first), state.list(Self.second)).map { ($0, $1) })
  }

  static func save(_ tuning: FineTuning, _ losses: LossTable, _ context: any StageContext) throws {
    var state = SavedState(losses: losses)
    for (index, tensor) in tuning.learned.enumerated() { state.tensors["\(parameter)\(index)"] = tensor }
    for (index, moment) in tuning.optimizer.moments.enumerated() {
      state.tensors["\(first)\(index)"] = moment.first
      state.tensors["\(second)\(index)"] = moment.second
    }
    state.numbers = [iterations: tuning.iteration, optimizerSteps: tuning.optimizer.step]
    try state.save(context)
  }
}
