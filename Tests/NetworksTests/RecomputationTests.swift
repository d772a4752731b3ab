import Kernels
import Networks
import Tensors
import Testing

/// Gradients are the same bytes however little is kept for them.
@Suite struct RecomputationTests {
  @Test func limitsDoNotChangeGradients() throws {
    let configuration = DDPMUNet.Configuration(
      resolution: 16, channels: 16, multipliers: [1, 2], blocks: 1, attentionResolutions: [8], groups: 4)
    var source = RandomSource(seed: 8)
    let (x, seed) = (source.normal([2, 16, 16, 3]), source.normal([2, 16, 16, 3]))
    func gradients(_ limit: Int?) throws -> [[Float]] {
      let network = try DDPMUNet(configuration, seed: 3)
      // Layers that begin as zero would let no gradient through.
      var source = RandomSource(seed: 9)
      for tensor in network.parameters.tensors { tensor.assign(source.normal(tensor.shape) * 0.1) }
      let input = x.parameterCopy()
      func run() { network(input, timesteps: [10, 600]).backward(seed) }
      if let limit { Recomputation.limited(to: limit, run) } else { run() }
      return try ([input] + network.parameters.tensors).map { try #require($0.gradient).values }
    }
    let whole = try gradients(nil)
    #expect(whole.allSatisfy { $0.contains { $0 != 0 } })
    for limit in [0, 300_000, 1 << 30] {
      let same = try gradients(limit) == whole
      #expect(same, "at a limit of \(limit) bytes")
    }
  }
}
