import Diffusion
import Kernels
import Networks
import Tensors
import Testing

/// What the networks of the paper take of a graphics card's memory, told by a device that takes memory and counts, but does not
/// compute.
struct DeviceMemoryTests {
  private static let gigabyte = 1 << 30

  /// The most that `body` has at a time, in bytes, on a card of so many.
  private func highest(of memory: Int = 1 << 40, _ body: () throws -> Void) throws -> Int {
    let gpu = GPU(counting: memory)
    gpu.begin()
    try gpu.use(body)
    #expect(gpu.takeFailure() == nil)
    return gpu.memoryInUse.highest
  }

  /// Fine-tuning of the CelebA-HQ model with the exact gradient of all steps, guided by CLIP ViT-B/16 and the identity network.
  private func fineTuning(side: Int, activations: Int?) throws {
    let model = try DDPMUNet(.celebAHQ, .unset)
    let clip = try CLIP(
      .init(
        embedDim: 512, imageResolution: 224, visionLayers: 12, visionWidth: 768, visionPatchSize: 16, visionHeads: 12,
        contextLength: 77, vocabularySize: 49408, textLayers: 12, textWidth: 512, textHeads: 8), .unset)
    let face = try IRSE50(IRSE50.Configuration(), .unset)
    for network in [clip.parameters, face.parameters] { network.setRequiresGradient(false) }
    func look(_ x: Tensor) -> Tensor { clip.encodeImage(clip.preprocessed(x)).normalizedRows() }
    let picture = Tensor.zeros([1, side, side, 3])
    var tuning = FineTuning(
      model, parameters: model.parameters.tensors,
      trajectory: Trajectory(ddim: DDIM(schedule: .linear()), steps: Step.sequence(returnStep: 500, steps: 6)),
      settings: .init(gradient: .full, learningRate: 4e-6, schedule: .perEpoch(1)),
      objective: { generated, original, seen, _ in
        let direction = (1 - (look(generated) * Gradients.off { look(original) }).sum([-1])).mean()
        let identity = (1 - (face(seen) * Gradients.off { face(original) }).sum([-1])).mean()
        return LossValue(total: direction * 3 + (generated - original).absolute().mean() + identity)
      })
    let example = FineTuning.Example(latent: picture, image: picture)
    for _ in 0..<2 {
      if let activations {
        _ = try Recomputation.limited(to: activations) { try tuning.iterate(over: [example]) }
      } else {
        _ = try tuning.iterate(over: [example])
      }
    }
  }

  /// The exact gradient at 256² fits a card of 8 GB, and at 512² as well where activations are computed twice.
  @Test func ofFineTuning() throws {
    for (side, activations, limit) in [(256, nil, 8), (256, 0, 4), (512, 0, 8)] as [(Int, Int?, Int)] {
      let most = try highest(of: limit * Self.gigabyte) { try fineTuning(side: side, activations: activations) }
      #expect(most <= limit * Self.gigabyte && most > 2 * Self.gigabyte, "\(side): \(most)")
    }
  }

  @Test func ofInference() throws {
    let most = try highest(of: 8 * Self.gigabyte) {
      let model = try GuidedUNet(.imageNet512, .unset)
      _ = Gradients.off { model.predictNoise(.zeros([1, 512, 512, 3]), at: 3) }
    }
    #expect(most <= 8 * Self.gigabyte && most > 2 * Self.gigabyte, "\(most)")
  }

  /// What is kept for later is let go first; then it is an error, with what was needed, and nothing is computed any more.
  @Test func ofACardThatIsTooSmall() throws {
    let gpu = GPU(counting: 1 << 20)
    var kept: Tensor? = gpu.use { .zeros([100_000]) }
    let holder = Holder { kept = nil }
    gpu.begin { holder.letGo() }
    let second = gpu.use { Tensor.zeros([200_000]) }
    #expect(kept == nil && gpu.takeFailure() == nil)
    let third = gpu.use { Tensor.zeros([200_000]) + 1 }
    #expect(third.values.allSatisfy { $0.isNaN })
    guard case .outOfMemory(let bytes, _) = gpu.takeFailure() else {
      Issue.record("there was enough")
      return
    }
    #expect(bytes == 800_000 && second.count == 200_000)
  }

  private final class Holder: @unchecked Sendable {
    let letGo: () -> Void
    init(_ letGo: @escaping () -> Void) { self.letGo = letGo }
  }
}
