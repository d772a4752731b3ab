import Kernels
import Networks
import Tensors
import Testing

/// The FLOP of a network without values are those of its evaluation, and stay what they were.
@Suite struct WorkTests {
  private func counted(_ network: some DiffusionModel) -> Double {
    let x = Tensor.zeros([1, network.resolution, network.resolution, network.pictureChannels])
    return FLOPs.counted { Gradients.off { _ = network.predict(x, timesteps: [500]) } }
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

  /// Of the published networks, whatever memory there is; `plan --cost` and DESIGN §9 rely on them.
  @Test func ofTheOfficialNetworks() throws {
    #expect(try DDPMUNet(.celebAHQ, .described).flopPerEvaluation == 497_027_514_368)
    #expect(try GuidedUNet(.afhq, .described).flopPerEvaluation == 387_934_191_616)
    #expect(try GuidedUNet(.imageNet512, .described).flopPerEvaluation == 3_964_669_526_016)
    let portraits = DDPMUNet.Configuration(
      resolution: 64, channels: 32, multipliers: [1, 2, 3, 4], blocks: 1, attentionResolutions: [8], groups: 8)
    #expect(try DDPMUNet(portraits, .described).flopPerEvaluation == 2_551_668_736)
  }

  /// Files can describe networks that no memory holds.
  @Test func ofTheLargestThatThereAre() throws {
    let levels = Array(repeating: 1 << 14, count: 16)
    let network = try DDPMUNet(
      DDPMUNet.Configuration(
        resolution: 1 << 16, channels: 4, multipliers: levels, blocks: 64,
        attentionResolutions: (0...16).map { 1 << $0 },
        groups: 1, pictureChannels: 1 << 16), .described)
    #expect(network.flopPerEvaluation > 1e20)
    #expect(throws: NetworkError.self) {
      try DDPMUNet(
        DDPMUNet.Configuration(
          resolution: 4, channels: 1 << 16, multipliers: [1 << 16], blocks: 1, attentionResolutions: []), .described)
    }
    let guided = try GuidedUNet(
      GuidedUNet.Configuration(
        resolution: 1 << 16, channels: 1 << 16,
        levels: Array(repeating: .init(channels: 1 << 16, attention: true), count: 16), blocks: 64, headChannels: 1,
        groups: 1, pictureChannels: 1 << 16, classes: 1 << 20, label: 3), .described)
    #expect(guided.flopPerEvaluation > 1e20)
  }
}
