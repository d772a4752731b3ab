import Checkpoints
import Foundation
import StageKit
import Testing

/// Several items at once: the same bytes as one by one.
struct BatchTests {
  private let world: SmallWorld

  init() throws { world = try SmallWorld.shared.get() }

  /// What contexts write when they are run at once, by port.
  private func together(_ contexts: [BenchContext]) throws -> [[String: [Data]]] {
    let batching = try #require(contexts[0].kind.batching)
    try batching.run(contexts)
    return contexts.map { $0.written.mapValues { $0.map(\.data) } }
  }

  private func alone(_ contexts: [BenchContext]) throws -> [[String: [Data]]] {
    try contexts.map { try $0.run().mapValues { $0.map(\.data) } }
  }

  @Test(arguments: ["ddim", "fixed_point", "belm", "edit_friendly", "dpm_solver"])
  func inversions(_ method: String) throws {
    let values: [String: Value] = ["steps": .int(6), "method": .string(method), "iterations": .int(4)]
    func contexts() throws -> [BenchContext] {
      try world.portraits.indices.map { try world.inversion(of: $0, values) }
    }
    let written = try together(contexts())
    #expect(try written == alone(contexts()))
    #expect(Set(written.map { $0["latents"] }).count == world.portraits.count)
  }

  @Test(
    arguments: [
      [:], ["eta": .double(0.5)], ["sampler": .string("ddpm")], ["sampler": .string("respaced"), "seed": .int(3)],
      ["sampler": .string("dpm_solver"), "clip_x0": .string("clamp")],
      ["spacing": .string("trailing"), "clip_x0": .string("dynamic"), "clip_percentile": .double(0.5)],
    ] as [[String: Value]])
  func samplings(_ values: [String: Value]) throws {
    let latents = try latents(["ddim", "ddim", "ddim"])
    func contexts() throws -> [BenchContext] {
      try latents.map { try world.sampling($0, values.merging(["steps": .int(5)]) { $1 }) }
    }
    #expect(try together(contexts()) == alone(contexts()))
  }

  @Test(arguments: [["clip_loss": .string("global")], ["views": .int(2), "rounds": .int(3)]] as [[String: Value]])
  func guides(_ values: [String: Value]) throws {
    let latents = try latents(["ddim", "ddim", "ddim"])
    let usual: [String: Value] = ["target": .string("a hat"), "steps": .int(4), "until": .int(100)]
    func contexts() throws -> [BenchContext] {
      try latents.map { latent in
        try BenchContext(
          "guide", item: "a", usual.merging(values) { $1 },
          inputs: [
            "latents": .one(.latents, [("a", latent)]), "model": .one(.diffusion, [("", world.model)]),
            "clip": .one(.clip, [("", world.clip)]),
          ])
      }
    }
    let written = try together(contexts())
    #expect(try written == alone(contexts()))
    #expect(Set(written.map { $0["images"] }).count == latents.count)
  }

  @Test func latentsOfDifferentKinds() throws {
    let latents = try latents(["edit_friendly", "ddim", "belm"], returnSteps: [500, 400, 500])
    let more = try latents + self.latents(["belm", "edit_friendly", "dpm_solver"])
    func contexts() throws -> [BenchContext] { try more.map { try world.sampling($0, ["steps": .int(6)]) } }
    #expect(try together(contexts()) == alone(contexts()))
  }

  @Test func aBatchOfPicturesOf256SquaredIsOne() throws {
    let invert = try #require(world.inversion([:]).kind.batching)
    #expect(try invert.size(plainPicture(9, side: 64)) == 8)
    #expect(try invert.size(plainPicture(9, side: 256)) == 1)
    #expect(try invert.size(plainPicture(9, side: 512)) == 1)
    #expect(throws: (any Error).self) { try invert.size(Data("no picture".utf8)) }
    let sample = try #require(world.sampling(Data(), [:]).kind.batching)
    #expect(try sample.size(latents(["ddim"])[0]) == 128)
  }

  /// A latent of each portrait.
  private func latents(_ methods: [String], returnSteps: [Int]? = nil) throws -> [Data] {
    try methods.indices.map { place in
      let context = try world.inversion(
        of: place,
        [
          "steps": .int(6), "method": .string(methods[place]), "return_step": .int(returnSteps?[place] ?? 500),
        ])
      return try #require(context.run()["latents"]?.first).data
    }
  }
}
