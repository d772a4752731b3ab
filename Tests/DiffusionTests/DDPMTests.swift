import Diffusion
import Tensors
import TestSupport
import Testing

@Suite struct DDPMTests {
  private let oracle: OracleFixture
  private let ddpm = DDPM(schedule: .linear())

  init() throws { oracle = try OracleFixture.diffusion() }

  @Test func perturbationsAgree() {
    let found = ddpm.perturb(oracle.double("image"), noise: oracle.double("noise"), at: 500)
    oracle.expect(found, "perturb/500", within: stored)
    oracle.expect(
      ddpm.perturb(oracle["image"], noise: oracle["noise"], at: [0, 999]), "perturb/0,999", within: 2 * stored)
  }

  /// Through every time, and with times left out, where the official code's full step is kept.
  @Test(arguments: [("ancestral", 5, 6), ("ancestral-strided", 300, 4)])
  func ancestralSamplingAgrees(_ name: String, _ returnStep: Int, _ steps: Int) {
    var random = RandomSource(seed: 12)
    var progress: [Int] = []
    let model = RecordingPredictor(oracle.model("base", .float32))
    let image = ddpm.generate(
      oracle["latent"], with: model, returnStep: returnStep, steps: steps, random: &random
    ) { progress.append($0) }
    oracle.expect(image, name, within: single)
    #expect(model.times.count == steps && progress == Array(1...steps))
    // No noise at the end.
    #expect(random.position == UInt64((steps - 1) * image.count))
  }

  @Test func trainingLossAgrees() {
    var random = RandomSource(seed: 13)
    let model = oracle.model("base", .float32)
    let loss = ddpm.loss(oracle["image"], with: model, random: &random)
    oracle.expect(loss, "training-loss", within: single)
    loss.backward()
    #expect(model.parameters.allSatisfy { $0.gradient != nil })
  }
}
