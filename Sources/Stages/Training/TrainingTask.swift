import Checkpoints
import Networks
import StageKit
import Tensors

/// What a training learns: parameters, a loss for a random batch, and the checkpoint that comes of it.
struct TrainingTask {
  /// Every parameter that changes, the network's first.
  let learned: [Tensor]
  /// The loss, of shape [], of a batch drawn from the step's own random numbers, at a point in 0..<1 of the training.
  let loss: (_ random: inout RandomSource, _ progress: Double) -> Tensor
  let checkpoint: () throws -> CheckpointTensors
  /// Pictures that show what the network has learned, [N, H, W, 3], where it makes some.
  var pictures: (() throws -> Tensor)?
  /// What its diffusion network does in a step, if it has one.
  var work = Work.none
}

extension NetworkContent {
  /// What most networks need beside pictures.
  static func check(_ stage: Train, _ draft: StageDraft) -> [ValidationIssue] { tableCheck(stage, draft) }

  static func tableCheck(_ stage: Train, _ draft: StageDraft) -> [ValidationIssue] {
    draft.has(stage.$table) ? [] : [ValidationIssue("training \(type.rawValue) needs the input 'table': add it")]
  }
}

/// - Throws: `InputError` where a network that is to be trained cannot take the pictures.
func require(_ network: any PictureNetwork, takes set: Dataset) throws {
  guard let requirement = network.requirement(unmetByHeight: set.side, width: set.side) else { return }
  throw InputError(
    "the pictures are \(set.side)×\(set.side), but this network needs pictures \(requirement): load them with `size`")
}
