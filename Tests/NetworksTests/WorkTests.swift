import Kernels
import Networks
import Tensors
import Testing

/// The FLOP of a network by its configuration are those that its operations count.
@Suite(.serialized) struct WorkTests {
  private func counted(_ network: some DiffusionModel) -> Double {
    let x = Tensor.zeros([1, network.resolution, network.resolution, network.pictureChannels])
    return Double(Work.counted { Gradients.off { _ = network.predict(x, timesteps: [500]) } })
  }

  @Test(arguments: [
    DDPMUNet.Configuration(
      resolution: 16, channels: 8, multipliers: [1, 2, 2], blocks: 2, attentionResolutions: [8], groups: 4),
    DDPMUNet.Configuration(
      resolution: 16, channels: 8, multipliers: [2], blocks: 1, attentionResolutions: [16, 8], groups: 8),
    DDPMUNet.Configuration(
      resolution: 64, channels: 16, multipliers: [1, 2, 3, 4], blocks: 1, attentionResolutions: [8], groups: 8),
  ])
  func ofDDPM(_ configuration: DDPMUNet.Configuration) throws {
    let network = try DDPMUNet(configuration, seed: 1)
    #expect(network.flopPerEvaluation == counted(network))
  }

  @Test(arguments: [(true, true, true), (false, true, false), (true, false, true), (false, false, false)])
  func ofGuidedDiffusion(scales: Bool, resamples: Bool, variance: Bool) throws {
    let network = try GuidedUNet(
      GuidedUNet.Configuration(
        resolution: 16, channels: 8,
        levels: [.init(channels: 8, attention: false), .init(channels: 16, attention: true)], blocks: 2,
        headChannels: 8,
        learnsVariance: variance, scalesByTime: scales, resamplesInBlocks: resamples, groups: 4), seed: 1)
    #expect(network.flopPerEvaluation == counted(network))
  }

  /// DESIGN §9: 497 GFLOP.
  @Test func ofTheOfficialNetwork() throws {
    let network = try DDPMUNet(.celebAHQ, .unset)
    #expect((496e9...498e9).contains(network.flopPerEvaluation), "\(network.flopPerEvaluation)")
  }
}
