import ArtifactStore
import Checkpoints
import Foundation
import JSONSyntax
import StageKit
import Stages
import Tensors
import Testing

/// A diffusion model and a CLIP that have learned next to nothing, and portraits of their size.
struct SmallWorld {
  let portraits: [(name: String, data: Data)]
  let model: Data
  let clip: Data

  static let shared = Result { try SmallWorld() }

  private init() throws {
    let world = try BenchContext("synthesize", ["count": .int(3), "people": .int(2), "size": .int(16)]).run()
    func trained(_ network: String) throws -> Data {
      let context = try BenchContext(
        "train",
        [
          "network": .string(network), "steps": .int(30), "batch_size": .int(3), "warmup_steps": .int(1),
          "ema_decay": .double(0),
          "learning_rate": .double(0.01), "channels": .int(8), "multipliers": .list([.int(1), .int(2)]),
          "groups": .int(4), "merges": .int(50),
        ],
        inputs: ["images": .one(.images, world["images"] ?? []), "table": .one(.table, world["table"] ?? [])])
      return try #require(context.run()["model"]?.first).data
    }
    portraits = world["images"] ?? []
    model = try trained("diffusion")
    clip = try trained("clip")
  }

  /// The inversion of a portrait, to be run.
  func inversion(of place: Int = 0, _ values: [String: Value], noise: Data? = nil) throws -> BenchContext {
    let portrait = portraits[place]
    return try BenchContext(
      "invert", item: portrait.name, values,
      inputs: [
        "images": .one(.images, [portrait]), "model": .one(.diffusion, [("", model)]),
      ].merging(noise.map { ["noise": .one(.latents, [(portrait.name, $0)])] } ?? [:]) { $1 })
  }

  /// The sampling of a latent, to be run.
  func sampling(
    _ latent: Data, _ values: [String: Value], model: [Data]? = nil, noise: Data? = nil
  ) throws -> BenchContext {
    try BenchContext(
      "sample", item: "a", values,
      inputs: [
        "latents": .one(.latents, [("a", latent)]), "model": .one(.diffusion, (model ?? [self.model]).map { ("", $0) }),
      ].merging(noise.map { ["noise": .one(.latents, [("a", $0)])] } ?? [:]) { $1 })
  }

  /// The latent of the first portrait, and what it took.
  func inverted(_ values: [String: Value], noise: Data? = nil) throws -> (latent: Data, stats: [String: Double]) {
    let written = try inversion(values, noise: noise).run()
    let stats = try JSON(parsing: #require(written["stats"]?.first).data)
    return (
      try #require(written["latents"]?.first).data,
      Dictionary(uniqueKeysWithValues: (stats.members ?? []).map { ($0.name, $0.value.double ?? .nan) })
    )
  }

  /// The picture [16, 16, 3] that models make of a latent: one, of several objects where it is a change to another.
  func sampled(_ latent: Data, _ values: [String: Value], model: [Data]? = nil, noise: Data? = nil) throws -> Tensor {
    let data = try #require(sampling(latent, values, model: model, noise: noise).run()["images"]?.first).data
    return try #require(Safetensors.read(data, from: "image").tensors["image"])
  }
}

/// The largest difference of two tensors' elements.
func distance(_ a: Tensor, _ b: Tensor) -> Double {
  a.shape == b.shape ? zip(a.doubleValues, b.doubleValues).map { abs($0 - $1) }.max() ?? 0 : .infinity
}
