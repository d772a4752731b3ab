import Checkpoints
import Foundation
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct DDPMUNetTests {
  /// What the official code has for CelebA-HQ (REFERENCE: 113,673,219 parameters in 450 tensors).
  @Test func countsOfTheOfficialConfiguration() throws {
    let network = try DDPMUNet(.celebAHQ, .unset)
    #expect(network.parameters.count == 113_673_219)
    #expect(network.parameters.parameters.count == 450)
  }

  /// The tolerance leaves room for float32 sums in another order, over some thirty layers.
  @Test func agreesWithDiffusers() throws {
    let fixture = try OracleFixture("ddpm-unet.safetensors")
    let network = try DDPMUNet(fixture.configuration(DDPMUNet.Configuration.self), .unset)
    try network.parameters.load(fixture.parameters)
    let x = fixture["input/x"].parameterCopy()
    let y = network(x, timesteps: fixture["input/timesteps"].doubleValues.map { Int($0) })
    fixture.expect(y, "output/y", within: 1e-5)
    y.backward(fixture["seed/y"])
    fixture.expect(x.gradient, "gradient/x", within: 1e-4)
    fixture.expectGradients(of: network.parameters, within: 1e-4)
  }

  @Test func startsAsPredictingNothing() throws {
    let network = try DDPMUNet(.tiny, seed: 1)
    var source = RandomSource(seed: 2)
    let y = network(source.normal([2, 8, 8, 3]), timesteps: [0, 999])
    #expect(y.values.allSatisfy { $0 == 0 })
  }

  @Test func doesNotDependOnTheOrderOfInitialization() throws {
    let first = try DDPMUNet(.tiny, seed: 1)
    let again = try DDPMUNet(.tiny, seed: 1)
    let other = try DDPMUNet(.tiny, seed: 2)
    let name = "mid.block_1.conv1.weight"
    func values(_ network: DDPMUNet) -> [Float]? { network.parameters.parameters[name]?.tensor.values }
    var source = RandomSource(seed: 1, name: name)
    let bound = 1 / (9 * 16.0).squareRoot()
    let expected = source.uniform([3, 3, 16, 16], in: -bound...bound).values
    // Compared as a whole, or a failure would print every number.
    let (asExpected, repeated, different) =
      (values(first) == expected, values(again) == expected, values(other) != expected)
    #expect(asExpected && repeated && different)
  }

  @Test func copiesAreIndependent() throws {
    let network = try DDPMUNet(.tiny, seed: 1)
    let copy = try network.copy()
    let (a, b) = (network.parameters.tensors[0], copy.parameters.tensors[0])
    #expect(a.values == b.values)
    a.floats[0] += 1
    #expect(a.values != b.values)
  }

  @Test func itemsDoNotDependOnEachOther() throws {
    let network = try DDPMUNet(.tiny, seed: 1)
    try randomize(network.parameters)
    var source = RandomSource(seed: 2)
    let x = source.normal([3, 8, 8, 3])
    let together = network(x, timesteps: [5, 500, 999]).values
    let alone = network(x.narrowed(0, 1..<2), timesteps: [500]).values
    #expect(Array(together[192..<384]) == alone)
  }

  @Test(arguments: [
    (DDPMUNet.Configuration.tiny.with { $0.resolution = 9 }, "a resolution of 9 cannot be halved 1 times"),
    (DDPMUNet.Configuration.tiny.with { $0.groups = 3 }, "8 channels cannot be split into 3 groups"),
    (DDPMUNet.Configuration.tiny.with { $0.multipliers = [] }, "sizes must be positive, with 1 to 16 multipliers"),
    (DDPMUNet.Configuration.tiny.with { $0.channels = 2 }, "channels must be even and at least 4, not 2"),
  ])
  func refusesImpossibleConfigurations(configuration: DDPMUNet.Configuration, reason: String) {
    #expect {
      try DDPMUNet(configuration, seed: 1)
    } throws: { error in
      "\(error)" == "ddpm-unet: the network's configuration is unusable: \(reason)"
    }
  }
}

extension DDPMUNet.Configuration {
  static let tiny = DDPMUNet.Configuration(
    resolution: 8, channels: 8, multipliers: [1, 2], blocks: 1, attentionResolutions: [4], groups: 4)

  func with(_ change: (inout Self) -> Void) -> Self {
    var copy = self
    change(&copy)
    return copy
  }
}
