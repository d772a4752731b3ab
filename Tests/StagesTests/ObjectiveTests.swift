import Checkpoints
import Foundation
import StageKit
import Stages
import Tensors
import Testing

/// What guides a fine-tuning: several CLIPs, views, texts, pictures.
struct ObjectiveTests {
  private let world: SmallWorld
  private let latent: Data

  init() throws {
    world = try SmallWorld.shared.get()
    latent = try world.inverted(["steps": .int(4)]).latent
  }

  private func tuning(
    _ values: [String: Value], clip: BenchContext.Input? = nil, _ inputs: [String: BenchContext.Input] = [:]
  ) throws -> BenchContext {
    let usual: [String: Value] = [
      "steps": .int(2), "epochs": .int(3), "learning_rate": .double(0.01), "checkpoint_every_s": .double(0),
    ]
    return try BenchContext(
      "finetune", usual.merging(values) { $1 },
      inputs: [
        "model": .one(.diffusion, [("", world.model)]), "latents": .one(.latents, [("a", latent)]),
        "clip": clip ?? .one(.clip, [("", world.clip)]),
      ].merging(inputs) { $1 })
  }

  /// The weights that a fine-tuning ends with.
  private func tuned(
    _ values: [String: Value], clip: BenchContext.Input? = nil, _ inputs: [String: BenchContext.Input] = [:]
  ) throws -> [String: Tensor] {
    let data = try #require(tuning(values, clip: clip, inputs).run()["model"]?.first).data
    let tensors = try Safetensors.read(data, from: "model").tensors
    return Dictionary(uniqueKeysWithValues: tensors.map { ($0.key, $0.value) })
  }

  private func difference(_ a: [String: Tensor], _ b: [String: Tensor]) -> Double {
    a.map { name, tensor in b[name].map { distance(tensor, $0) } ?? .infinity }.max() ?? .infinity
  }

  private let zombie: [String: Value] = ["target": .string("zombie")]

  private func targets(_ weights: [String: Double]) -> [String: Value] {
    ["targets": .map(weights.map { Value.Entry(key: $0.key, value: .double($0.value)) })]
  }

  // MARK: CLIPs

  /// Halves of the same loss make the same; of two CLIPs each has its part.
  @Test func severalCLIPsGuideTogether() throws {
    let alone = try tuned(zombie)
    let clip = world.clip
    // But for rounding, which Adam makes larger.
    let twice = difference(alone, try tuned(zombie, clip: .mixture(.clip, [(0.5, clip), (0.5, clip)])))
    let other = try otherCLIP()
    let byOther = try tuned(zombie, clip: .one(.clip, [("", other)]))
    let together = try tuned(zombie, clip: .mixture(.clip, [(0.5, clip), (0.5, other)]))
    let mostly = try tuned(zombie, clip: .mixture(.clip, [(0.9, clip), (0.1, other)]))
    #expect(difference(together, alone) > 1e-4 && difference(together, byOther) > 1e-4)
    #expect(difference(mostly, together) > 1e-4)
    #expect(twice < difference(alone, mostly) / 10, "\(twice)")
  }

  /// The CLIP of the small world, its pictures' embedding turned round.
  private func otherCLIP() throws -> Data {
    var file = try Safetensors.read(world.clip, from: "clip")
    let projection = try #require(file.tensors["visual.proj"])
    file.tensors["visual.proj"] = Tensor(Array(projection.values.reversed()), shape: projection.shape)
    return try Safetensors.data(of: file)
  }

  // MARK: Views

  @Test func viewsFollowFromTheirSeed() throws {
    let plain = try tuned(zombie)
    func views(_ more: [String: Value] = [:]) -> [String: Value] {
      zombie.merging(["views": .int(2)]) { $1 }.merging(more) { $1 }
    }
    let seen = try tuned(views())
    #expect(difference(seen, plain) > 1e-4)
    #expect(difference(seen, try tuned(views())) == 0)
    #expect(difference(seen, try tuned(views(["view_seed": .int(1)]))) > 1e-4)
    // A view that leaves out nothing and changes no color is the picture.
    let same = try tuned(views(["view_crop": .double(0), "view_color": .double(0)]))
    #expect(difference(same, plain) < 1e-3 && difference(same, plain) < difference(seen, plain) / 10)
  }

  @Test(arguments: ["full", "per_step"]) func viewsGoOnWithTheSameBytes(_ gradient: String) throws {
    let values = zombie.merging(["views": .int(2), "gradient": .string(gradient)]) { $1 }
    let whole = try tuning(values).run()["model"]?.map(\.data)
    let first = try tuning(values)
    first.patience = 2
    #expect(throws: Cancelled.self) { try first.run() }
    let second = try tuning(values)
    second.state = first.state
    #expect(try second.run()["model"]?.map(\.data) == whole)
    #expect(second.lines == ["goes on after 2 iterations"])
  }

  // MARK: Targets

  @Test(arguments: ["directional", "global"]) func textsHaveWeights(_ loss: String) throws {
    let options: [String: Value] = ["clip_loss": .string(loss)]
    func made(_ weights: [String: Double]) throws -> [String: Tensor] {
      try tuned(targets(weights).merging(options) { $1 })
    }
    let alone = try tuned(zombie.merging(options) { $1 })
    #expect(difference(alone, try made(["zombie": 1])) == 0)
    // Only the direction counts.
    #expect(difference(alone, try made(["zombie": 2])) < 1e-3)
    let both = try made(["zombie": 1, "sketch": 1])
    #expect(difference(alone, both) > 1e-4)
    #expect(difference(both, try made(["zombie": 1, "sketch": -0.5])) > 1e-4)
    // CLIP's texts have no capitals.
    #expect(
      issue { _ = try made(["zombie": 1, "Zombie": -1]) }
        == "the texts of 'targets' cancel each other: change a weight")
  }

  @Test func templatesAreOnesOwn() throws {
    let own = try tuned(zombie.merging(["templates": .list([.string("a portrait of a {}")])]) { $1 })
    #expect(difference(own, try tuned(zombie)) > 1e-4)
  }

  @Test(arguments: ["directional", "global"]) func picturesAreATarget(_ loss: String) throws {
    let options: [String: Value] = ["clip_loss": .string(loss)]
    let others = BenchContext.Input.one(.images, Array(world.portraits[1...]))
    let made = try tuned(options, ["target_images": others])
    #expect(difference(made, try tuned(zombie.merging(options) { $1 })) > 1e-4)
    if loss == "directional" {
      // The pictures before are those that are learned from, but where others are given.
      let own = BenchContext.Input.one(.images, [world.portraits[0]])
      #expect(difference(made, try tuned(options, ["target_images": others, "source_images": own])) < 1e-3)
      #expect(
        issue { _ = try tuned(options, ["target_images": others, "source_images": others]) }
          == "'target_images' and the pictures before lie at the same place for CLIP: give other pictures")
    }
  }

  // MARK: What is wrong

  @Test func thereIsOneTarget() throws {
    func issues(_ values: [String: Value], _ inputs: [String] = []) throws -> [String] {
      try BenchContext("finetune", values).issues(
        Dictionary(uniqueKeysWithValues: (["model", "latents", "clip"] + inputs).map { ($0, []) }))
    }
    let one = "'finetune' needs one of 'target', 'targets' and 'target_images': "
    #expect(try issues([:]) == [one + "say what the images should show"])
    #expect(try issues(zombie.merging(targets(["a": 1])) { $1 }) == [one + "leave the others out"])
    #expect(try issues(zombie, ["target_images"]) == [one + "leave the others out"])
    #expect(try issues([:], ["target_images", "source_images"]) == [])
    let same = "the target says what 'source' says, 'face': nothing would change"
    #expect(try issues(["target": .string(" Face ")]) == [same])
    #expect(try issues(targets(["face": 1])) == [same])
    #expect(try issues(["target": .string("face"), "clip_loss": .string("global")]) == [])
    #expect(
      try issues(["target": .string(" ")]) == ["a text of the target is empty: say what the images should show"])
    #expect(
      try issues(zombie, ["source_images"]) == [
        "'source_images' stand beside 'target_images': give both, or say it in 'source'"
      ])
    #expect(
      try issues(targets(["a": 0, "b": 1])) == ["the weight of 'a' is 0: leave the text out"])
    #expect(
      try issues(targets([:])) == ["'targets' is empty: give it at least one text with its weight"])
    #expect(
      try issues(zombie.merging(["view_crop": .double(0.1), "view_seed": .int(1)]) { $1 }) == [
        "'view_crop' is about views: say how many in 'views', or leave it out",
        "'view_seed' is about views: say how many in 'views', or leave it out",
      ])
    #expect(
      try issues(zombie.merging(["templates": .list([.string("a face")])]) { $1 }) == [
        "the template 'a face' has no place for a text: put {} there"
      ])
  }
}
