import Foundation
import StageKit
import Stages
import Testing

/// What kinds foresee of a stage is what its network then does.
struct EstimateTests {
  private let world: SmallWorld
  /// FLOP of one evaluation of the small model, as `load` reads it from the file.
  private let flop: Double

  init() throws {
    world = try SmallWorld.shared.get()
    let file = NSTemporaryDirectory() + "estimate-\(UUID().uuidString).safetensors"
    try world.model.write(to: URL(filePath: file))
    defer { try? FileManager.default.removeItem(atPath: file) }
    let load = try Self.kind("load")
    let parameters = Parameters(["diffusion": .string(file)])
    let estimate = load.estimate(
      EstimateInput(
        parameters: parameters, inputs: [:], files: ["diffusion": [file]], actions: 1,
        outputs: load.outputs(parameters)))
    flop = try #require(estimate.outputs["diffusion"]?.flopPerEvaluation)
    #expect(estimate.outputs["diffusion"]?.bytes == world.model.count)
  }

  private static func kind(_ name: String) throws -> StageKind {
    try #require(Catalog.kinds.first { $0.name == name })
  }

  private func estimate(_ context: BenchContext, inputs: [String: [OutputEstimate]], actions: Int = 1) -> StageEstimate
  {
    context.kind.estimate(
      EstimateInput(
        parameters: context.parameters, inputs: inputs, files: [:], actions: actions,
        outputs: context.kind.outputs(context.parameters)))
  }

  private var model: OutputEstimate { OutputEstimate(bytes: world.model.count, flopPerEvaluation: flop) }

  @Test(arguments: ["ddim", "belm", "edit_friendly"])
  func ofInversions(method: String) throws {
    let context = try world.inversion(["steps": .int(12), "method": .string(method)])
    try context.run()
    let images = OutputEstimate(items: 3, bytes: pictureBytes, size: PictureSize(side: 16))
    let estimate = estimate(context, inputs: ["images": [images], "model": [model]], actions: 3)
    #expect(estimate.work == context.counted)
    #expect(context.counted.evaluations == (method == "ddim" ? 11 : 12))
    #expect(estimate.outputs["latents"]?.items == 3)
  }

  private let pictureBytes = 3 * 16 * 16

  @Test func ofASampling() throws {
    let latent = try world.inverted(["steps": .int(4)]).latent
    let context = try world.sampling(latent, ["steps": .int(5)])
    try context.run()
    let latents = OutputEstimate(bytes: latent.count)
    #expect(estimate(context, inputs: ["latents": [latents], "model": [model]]).work == context.counted)
    #expect(context.counted == .forward(5, of: flop))
    // Each of several models is asked at each step.
    let mixed = estimate(context, inputs: ["latents": [latents], "models": [model, model, model]])
    #expect(mixed.work == .forward(15, of: flop))
    // Nothing is said of a model that nobody knows.
    #expect(estimate(context, inputs: ["latents": [latents], "model": [OutputEstimate(bytes: 1)]]).work == nil)
  }

  @Test(arguments: [("model", "full"), ("model", "per_step"), ("latent", nil)])
  func ofFineTunings(method: String, gradient: String?) throws {
    let latents = try (0..<2).map { place in
      (
        name: "\(place)",
        data: try #require(world.inversion(of: place, ["steps": .int(4)]).run()["latents"]?.first).data
      )
    }
    let context = try BenchContext(
      "finetune",
      ["target": .string("zombie"), "steps": .int(3), "epochs": .int(2), "method": .string(method)]
        .merging(gradient.map { ["gradient": .string($0)] } ?? [:]) { $1 },
      inputs: [
        "model": .one(.diffusion, [("", world.model)]), "latents": .one(.latents, latents),
        "clip": .one(.clip, [("", world.clip)]),
      ])
    try context.run()
    let inputs = ["model": [model], "latents": [OutputEstimate(items: 2, bytes: latents[0].data.count)]]
    let estimate = estimate(context, inputs: inputs)
    #expect(estimate.work == context.counted)
    #expect(context.counted == .learning(2 * 2 * 3, of: flop))
    #expect(method == "latent" || estimate.outputs["model"]?.flopPerEvaluation == flop)
  }

  @Test func ofATraining() throws {
    let context = try BenchContext(
      "train",
      [
        "network": .string("diffusion"), "steps": .int(3), "batch_size": .int(2), "warmup_steps": .int(1),
        "channels": .int(8),
        "multipliers": .list([.int(1), .int(2)]), "groups": .int(4),
      ], inputs: ["images": .one(.images, world.portraits)])
    try context.run()
    let images = OutputEstimate(items: 3, bytes: pictureBytes, size: PictureSize(side: 16))
    let estimate = estimate(context, inputs: ["images": [images]])
    #expect(estimate.work == context.counted)
    #expect(context.counted == .learning(6, of: flop))
    let size = try #require(context.written["model"]?.first).data.count
    let bytes = try #require(estimate.outputs["model"]?.bytes)
    #expect((0.9...1.1).contains(Double(bytes) / Double(size)), "\(bytes) \(size)")
  }

  @Test func ofWhatSynthesizes() throws {
    for contrasts in [[], ["tan"]] {
      let context = try BenchContext(
        "synthesize", ["count": .int(5), "size": .int(16), "counterfactuals": .list(contrasts.map(Value.string))])
      try context.run()
      let estimate = estimate(context, inputs: [:])
      #expect(estimate.outputs["images"]?.items == context.written["images"]?.count)
    }
  }
}
