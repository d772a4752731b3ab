import Checkpoints
import Diffusion
import Networks
import StageKit
import Tensors

/// Where an interrupted fine-tuning stood.
struct SavedTuning {
  let model: CheckpointTensors
  let optimizer: Adam
  let iteration: Int
  let losses: LossTable

  private static let (iterations, optimizerSteps) = ("iteration", "optimizer_step")
  private static let (parameter, first, second) = ("model.", "first.", "second.")

  /// What an earlier attempt saved; nil where there is none.
  init?(_ context: any StageContext) throws {
    guard let state = try SavedState(context), let iteration = state.numbers[Self.iterations],
      let step = state.numbers[Self.optimizerSteps]
    else { return nil }
    var model = CheckpointTensors(tensors: [:], source: "saved state")
    for (name, tensor) in state.tensors where name.hasPrefix(Self.parameter) {
      model.tensors[String(name.dropFirst(Self.parameter.count))] = tensor
    }
    context.log("goes on after \(iteration) images")
    (self.model, self.iteration, losses) = (model, iteration, state.losses)
    optimizer = Adam(step: step, moments: zip(state.list(Self.first), state.list(Self.second)).map { ($0, $1) })
  }

  static func save(
    _ tuning: FineTuning, _ model: any DiffusionModel, _ losses: LossTable, _ context: any StageContext
  ) throws {
    var state = SavedState(losses: losses)
    for (name, tensor) in model.parameters.state() { state.tensors[parameter + name] = tensor }
    for (index, moment) in tuning.optimizer.moments.enumerated() {
      state.tensors["\(first)\(index)"] = moment.first
      state.tensors["\(second)\(index)"] = moment.second
    }
    state.numbers = [iterations: tuning.iteration, optimizerSteps: tuning.optimizer.step]
    try state.save(context)
  }
}
