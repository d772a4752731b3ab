import Diffusion
import Networks
import StageKit
import Tensors

/// What `train` is told of a new diffusion U-Net.
final class DiffusionTraining: StagePart {
  @Parameter(4...1024, help: "Channels of the diffusion U-Net at full resolution; 32 unless given.") var channels: Int?
  @Parameter(1...64, help: "Multipliers of the diffusion U-Net's channels, by level; 1, 2, 3, 4 unless given.")
  var multipliers: [Int]?
  @Parameter(1...8, help: "Residual blocks of the diffusion U-Net per level; 1 unless given.") var blocks: Int?
  @Parameter(1...4096, help: "Resolutions at which the diffusion U-Net has attention; 8 unless given.") var attention:
    [Int]?
  @Parameter(1...64, help: "Groups of the diffusion U-Net's normalizations; 8 unless given.") var groups: Int?
  @Parameter(
    help:
      "How much a diffusion model's errors count by time. uniform, unless given: alike (paper eq. 2). velocity: by 1/ᾱ, at most 100, so that pictures generated from noise alone get their brightness and color right."
  )
  var lossWeighting: DenoisingLoss.Weighting?

  /// The network that a training begins with, for pictures of so many pixels on a side.
  func configuration(side: Int) -> DDPMUNet.Configuration {
    DDPMUNet.Configuration(
      resolution: side, channels: channels ?? 32, multipliers: multipliers ?? [1, 2, 3, 4], blocks: blocks ?? 1,
      attentionResolutions: attention ?? [8], groups: groups ?? 8)
  }

  /// What is wrong with the network that is described, whatever the size of its pictures.
  /// - Parameters:
  ///   - goesOn: whether the training goes on from another network instead.
  ///   - isSound: whether nothing else is wrong.
  func issues(goesOn: Bool, isSound: Bool) -> [ValidationIssue] {
    // Pictures as small as the levels allow.
    let side = 1 << min(max(1, multipliers?.count ?? 4) - 1, 15)
    let described = configuration(side: side)
    guard described.channels % described.groups == 0 else {
      return [
        ValidationIssue(
          about: $groups,
          "\(described.channels) channels do not fall into \(described.groups) groups: choose a divisor")
      ]
    }
    guard !goesOn, isSound else { return [] }
    do {
      try requireHandled(DDPMUNet(described, .described))
      return []
    } catch let NetworkError.badConfiguration(_, reason) {
      return [ValidationIssue(about: multipliers == nil ? $channels.name : $multipliers.name, reason)]
    } catch { return [ValidationIssue(about: $channels, "\(error)")] }
  }
}

/// The most numbers that a network which is to be trained may have: 16 GB, with its gradient and what Adam keeps.
private let largestNetwork = 1 << 30

/// - Throws: `InputError` for a network too large to be trained.
private func requireHandled(_ network: DDPMUNet) throws {
  let count = network.parameters.count
  guard count <= largestNetwork else {
    throw InputError(
      "the network would have \(count) weights, more than the \(largestNetwork) that are handled: choose fewer 'channels' or smaller 'multipliers'"
    )
  }
}

extension DiffusionModels {
  /// Pictures are all that it takes.
  static func check(_ stage: Train, _ draft: StageDraft) -> [ValidationIssue] { [] }

  /// The loss of DDPM (Ho et al. 2020, algorithm 1).
  static func task(_ stage: Train, _ set: Dataset, _ context: any StageContext) throws -> TrainingTask {
    let configuration = stage.unet.configuration(side: set.side)
    let network: any DiffusionModel
    if let given = stage.model {
      network = try context.network(Whole<DiffusionModels>(name: given.name, artifact: given.artifact)).copy()
    } else {
      // Without values it takes no memory, whatever its size.
      try requireHandled(DDPMUNet(configuration, .described))
      network = try DDPMUNet(configuration, seed: UInt64(stage.seed))
    }
    try requireSize([1, set.side, set.side, 3], of: network, context)
    guard set.side == network.resolution else {
      throw InputError(
        "the pictures are \(set.side)×\(set.side), but the model is trained on \(network.resolution)×\(network.resolution): load them with `size: \(network.resolution)`"
      )
    }
    network.parameters.setRequiresGradient(true)
    let loss = DenoisingLoss(process: DDPM(schedule: noiseSchedule), weighting: stage.unet.lossWeighting ?? .uniform)
    let batch = stage.batchSize
    return TrainingTask(
      learned: network.parameters.tensors,
      loss: { random, _ in
        let pictures = set.pictures(set.draw(batch, &random))
        return loss(pictures, with: network, random: &random)
      },
      checkpoint: { try network.checkpoint() },
      pictures: {
        var random = RandomSource(seed: UInt64(stage.seed), name: "preview")
        let last = noiseSchedule.count - 1
        return try DPMSolver(schedule: noiseSchedule).generate(
          random.normal([4, set.side, set.side, 3]),
          with: ClippedPredictor(network, .clamp, schedule: noiseSchedule),
          through: Step.sequence(returnStep: last, steps: 16))
      }, work: .learning(batch, of: network.flopPerEvaluation))
  }
}

extension DenoisingLoss.Weighting: Choice {}
