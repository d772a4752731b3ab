import Checkpoints
import Diffusion
import Foundation
import Networks
import StageKit
import Tensors

/// Where an interrupted fine-tuning stood.
struct SavedTuning {
  let model: CheckpointTensors
  let optimizer: Adam
  let iteration: Int
  let losses: LossTable

  /// What an earlier attempt saved; nil where there is none.
  init?(_ context: any StageContext) throws {
    guard let data = try context.savedState() else { return nil }
    let state = try Safetensors.read(data, from: "saved state")
    guard let iteration = state.metadata["iteration"].flatMap(Int.init),
      let step = state.metadata["optimizer_step"].flatMap(Int.init),
      let losses = LossTable(state.metadata["losses"] ?? "")
    else { return nil }
    var model = CheckpointTensors(tensors: [:], source: "saved state")
    for (name, tensor) in state.tensors where name.hasPrefix("model.") {
      model.tensors[String(name.dropFirst("model.".count))] = tensor
    }
    var moments: [(first: Tensor, second: Tensor)] = []
    while let first = state.tensors["first.\(moments.count)"], let second = state.tensors["second.\(moments.count)"] {
      moments.append((first, second))
    }
    context.log("goes on after \(iteration) images")
    (self.model, self.iteration, self.losses) = (model, iteration, losses)
    optimizer = Adam(step: step, moments: moments)
  }

  /// The bytes to save.
  static func data(_ tuning: FineTuning, _ model: DDPMUNet, _ losses: LossTable) throws -> Data {
    var state = CheckpointTensors(tensors: [:], source: "saved state")
    for (name, tensor) in model.parameters.state() { state.tensors["model." + name] = tensor }
    for (index, moment) in tuning.optimizer.moments.enumerated() {
      state.tensors["first.\(index)"] = moment.first
      state.tensors["second.\(index)"] = moment.second
    }
    state.metadata = [
      "iteration": "\(tuning.iteration)", "optimizer_step": "\(tuning.optimizer.step)", "losses": losses.text,
    ]
    return try Safetensors.data(of: state)
  }
}
