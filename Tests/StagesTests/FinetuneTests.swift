import Checkpoints
import Foundation
import Imaging
import StageKit
import Stages
import Tensors
import Testing

/// `finetune` with a small network.
struct FinetuneTests {
  private let world: SmallWorld
  private let latent: Data

  init() throws {
    world = try SmallWorld.shared.get()
    latent = try world.inverted(["steps": .int(4)]).latent
  }

  private func tuning(_ values: [String: Value], of model: [Data]? = nil) throws -> BenchContext {
    let usual: [String: Value] = [
      "target": .string("zombie"), "steps": .int(3), "epochs": .int(4), "learning_rate": .double(0.01),
      "checkpoint_every_s": .double(0),
    ]
    return try BenchContext(
      "finetune", usual.merging(values) { $1 },
      inputs: [
        "model": .one(.diffusion, (model ?? [world.model]).map { ("", $0) }),
        "latents": .one(.latents, [("a", latent)]),
        "clip": .one(.clip, [("", world.clip)]),
      ])
  }

  /// The objects of the tuned model.
  private func tuned(_ values: [String: Value], of model: [Data]? = nil) throws -> [Data] {
    try (tuning(values, of: model).run()["model"] ?? []).map(\.data)
  }

  private func picture(_ model: [Data]) throws -> Tensor {
    try world.sampled(latent, ["steps": .int(4)], model: model)
  }

  private let lora: [String: Value] = ["adapter": .string("lora"), "lora_rank": .int(2)]

  @Test func aChangeOfLowRankIsSmallAndUsedLikeAModel() throws {
    let model = try tuned(lora)
    #expect(model.count == 2 && model[1] == world.model)
    #expect(model[0].count < world.model.count / 2)
    let image = try picture(model)
    #expect(distance(image, try picture([world.model])) > 1e-3)
    // Exported as one model, it makes the same picture, to the last bit.
    let exported = try Catalog.exported(model, .diffusion, "zombies")
    #expect(exported.map(\.name) == ["zombies.safetensors"])
    #expect(try picture(exported.map(\.data)).values == image.values)
    let state = try TensorFile(
      #require(Catalog.exported(model, .diffusion, "zombies", format: .torch).first).data, from: "zombies.pt")
    let merged = try Safetensors.read(exported[0].data, from: "zombies").tensors
    #expect(Set(state.entries.keys) == Set(merged.keys))
    for (name, tensor) in merged { #expect(state.entries[name]?.tensor.values == tensor.values) }
  }

  @Test func aChangeStandsOnAChange() throws {
    let first = try tuned(lora)
    let second = try tuned(
      lora.merging(["target": .string("sketch"), "lora_targets": .string("attention")]) { $1 }, of: first)
    #expect(second.count == 3 && Array(second[1...]) == first)
    #expect(distance(try picture(second), try picture(first)) > 1e-4)
    // All of the weights may learn on top of it, too.
    let whole = try tuned([:], of: first)
    #expect(whole.count == 1)
    #expect(distance(try picture(whole), try picture(first)) > 1e-3)
  }

  @Test(arguments: [("attention", "q", "conv1"), ("convolutions", "conv1", "q")])
  func layersAreChosen(_ adapted: String, _ with: String, _ without: String) throws {
    let model = try tuned(lora.merging(["lora_targets": .string(adapted)]) { $1 })
    let names = try Safetensors.read(model[0], from: "change").tensors.keys
    #expect(names.contains { $0.hasSuffix(".\(with).lora_A.weight") })
    #expect(names.contains { $0.hasSuffix(".\(with).lora_B.weight") })
    #expect(!names.contains { $0.contains(".\(without).") || $0.contains("temb") || $0.contains("norm") })
  }

  @Test func factorsAreInPyTorchsLayout() throws {
    let model = try tuned(lora)
    let file = try Safetensors.read(model[0], from: "change")
    #expect(file.tensors["down.0.block.0.conv1.lora_A.weight"]?.shape == [2, 8, 3, 3])
    #expect(file.tensors["down.0.block.0.conv1.lora_B.weight"]?.shape == [8, 2, 1, 1])
    #expect(file.tensors["mid.attn_1.q.lora_A.weight"]?.shape == [2, 16, 1, 1])
    #expect(file.tensors["mid.attn_1.q.lora_B.weight"]?.shape == [16, 2, 1, 1])
    #expect(file.metadata["low_rank_scale"] == "1.0" && file.metadata["base"]?.count == 64)
    let half = try Safetensors.read(tuned(lora.merging(["lora_alpha": .double(1)]) { $1 })[0], from: "change")
    #expect(half.metadata["low_rank_scale"] == "0.5")
  }

  @Test func aChangeToAnotherModelIsNamed() throws {
    let model = try tuned(lora)
    var file = try Safetensors.read(model[0], from: "change")
    let factor = file.tensors.removeValue(forKey: "conv_in.lora_A.weight")
    #expect(factor != nil)
    file.tensors["conv_up.lora_A.weight"] = factor
    let other = try Safetensors.data(of: file)
    #expect(
      issue { _ = try picture([other, world.model]) }
        == "model: the low-rank change does not fit the model: 'conv_up.weight' is missing or misshaped")
  }

  @Test(
    arguments: [
      [:], ["adapter": .string("lora")], ["gradient": .string("per_step_official")],
      ["gradient": .string("random"), "gradient_steps": .int(2)],
      ["gradient": .string("last"), "gradient_samples": .int(2)],
    ] as [[String: Value]])
  func goesOnWithTheSameBytes(_ values: [String: Value]) throws {
    let whole = try tuned(values)
    let first = try tuning(values)
    first.patience = 2
    #expect(throws: Cancelled.self) { try first.run() }
    let second = try tuning(values)
    second.state = first.state
    #expect(first.savings == 3, "after each image, and where it was stopped")
    #expect(try (second.run()["model"] ?? []).map(\.data) == whole)
    #expect(second.lines == ["goes on after 2 iterations"])
  }

  /// The epochs of a fine-tuning are links of a chain.
  @Test(
    arguments: [
      [:], ["adapter": .string("lora")], ["gradient": .string("per_step")],
      ["gradient": .string("random"), "gradient_steps": .int(2)],
      ["method": .string("latent"), "learning_rate": .double(0.02)],
    ] as [[String: Value]])
  func moreEpochsGoOnToTheSameBytes(_ values: [String: Value]) throws {
    func tuning(_ epochs: Int, from state: Data?, patience: Int = .max) throws -> BenchContext {
      let context = try self.tuning(values.merging(["epochs": .int(epochs)]) { $1 })
      context.state = state
      context.patience = patience
      return context
    }
    func bytes(_ written: [String: [(name: String, data: Data)]]) -> [String: [Data]] {
      written.mapValues { $0.map(\.data) }
    }
    let whole = try tuning(5, from: nil)
    let made = try bytes(whole.run())
    let first = try tuning(3, from: nil)
    let three = try bytes(first.run())
    let isLatent = values["method"] == .string("latent")
    #expect(whole.links.keys.sorted() == (isLatent ? [] : [1, 2, 3, 4]))
    if !isLatent { #expect(bytes(whole.links[3] ?? [:]) == three) }

    let second = try tuning(5, from: first.state)
    #expect(try bytes(second.run()) == made)
    #expect(second.lines.count == 1 && second.counted == whole.counted)
    #expect(second.links.keys.sorted() == (isLatent ? [] : [4]))
    // Stopped in between.
    let cut = try tuning(5, from: first.state, patience: 1)
    #expect(throws: Cancelled.self) { try cut.run() }
    #expect(try bytes(tuning(5, from: cut.state).run()) == made)
    // Fewer begin anew, and leave what is saved.
    let fewer = try tuning(3, from: second.state)
    #expect(try bytes(fewer.run()) == three)
    #expect(fewer.state == second.state && fewer.savings == 0)
  }

  @Test func epochsAreKeptUnlessTheyAreNot() throws {
    let context = try tuning(["keep_epochs": .bool(false)])
    try context.run()
    #expect(context.links.isEmpty)
  }

  @Test func previewsShowWhatIsLearned() throws {
    let context = try tuning(["preview_every_s": .double(0)])
    try context.run()
    let names = ["epoch-1.png", "epoch-2.png", "epoch-3.png", "epoch-4.png", "losses.csv"]
    #expect(context.previews.keys.sorted() == names)
    let shown = try Image(decoding: #require(context.previews["epoch-4.png"]), name: "preview")
    #expect(shown.width == 4 * 16 && shown.height == 2 * 16, "the last four pictures, and what became of them")
    #expect(CSV(try #require(context.previews["losses.csv"]))?.rows.count == 4)
    #expect(try tuned(["preview_every_s": .double(0)]) == tuned([:]))
  }

  /// A rate that no network survives stops a fine-tuning where a number is not finite, and what was saved before it is.
  @Test(
    arguments: [
      [:], ["adapter": .string("lora"), "lora_rank": .int(2)], ["gradient": .string("per_step")],
      ["method": .string("latent")],
    ] as [[String: Value]])
  func stopsWhereANumberIsNotFinite(_ values: [String: Value]) throws {
    let wild: [String: Value] = ["learning_rate": .double(1), "lr_gamma": .double(10), "epochs": .int(400)]
    let isLatent = values["method"] == .string("latent")
    let context = try tuning(
      wild.merging(values) { $1 }.merging(isLatent ? ["learning_rate": .double(1e300)] : [:]) { $1 })
    let error = try #require(throws: ResultError.self) { try context.run() }
    #expect(error.description.contains(isLatent ? "latent 'a', iteration " : "iteration "), "\(error)")
    #expect(error.description.contains(" of 400: "))
    #expect(error.description.contains("lower 'learning_rate' (it is \(isLatent ? "1e+300" : "1.0"))"))
    #expect(isLatent || error.description.contains("or 'lr_gamma' (it is 10.0)"))
    #expect(context.written.isEmpty)
    if let state = context.state {
      #expect(try Safetensors.read(state, from: "state").tensors.values.allSatisfy(\.isFinite))
    }
  }

  @Test func latentsOfAnotherSizeAreNamed() throws {
    let small = Tensor.zeros([8, 8, 3])
    let other = try Safetensors.data(
      of: CheckpointTensors(tensors: ["latent": small, "image": small], metadata: ["return_step": "500"]))
    let context = try BenchContext(
      "finetune", ["target": .string("zombie")],
      inputs: [
        "model": .one(.diffusion, [("", world.model)]), "latents": .one(.latents, [("a", latent), ("b", other)]),
        "clip": .one(.clip, [("", world.clip)]),
      ])
    #expect(
      issue { try context.run() }
        == "picture 'b' is 8×8, 'a' 16×16: fine-tune on pictures of one size")
  }

  @Test func latentsHaveNoAdapter() throws {
    #expect(
      try tuning(lora.merging(["method": .string("latent")]) { $1 }).issues()
        == ["the method latent changes no model: leave 'adapter' out"])
    #expect(try tuning(["method": .string("latent")]).issues() == [] && tuning(lora).issues() == [])
  }

  @Test func stepsOfTheGradientMustFit() throws {
    func issues(_ values: [String: Value]) throws -> [String] { try tuning(values).issues() }
    let random: [String: Value] = ["gradient": .string("random"), "gradient_steps": .int(4)]
    #expect(try issues(random) == ["4 are more than the 3 `steps`: give at most these"])
    #expect(
      try issues(["gradient_steps": .int(1)]) == ["the gradient full goes through no choice of steps: leave it out"])
    #expect(
      try issues(["gradient": .string("random"), "gradient_samples": .int(2)])
        == ["several samples are for `gradient: last` through one step: leave it out"])
    let latent: [String: Value] = ["method": .string("latent"), "batch_size": .int(2), "gradient": .string("last")]
    #expect(
      try issues(latent)
        == ["gradient", "batch_size"].map { "the method latent changes no model: leave '\($0)' out" })
    #expect(
      try issues(["gradient": .string("last"), "gradient_samples": .int(2), "gradient_steps": .int(1)]).isEmpty)
  }

  /// Cheaper gradients change other weights, and a batch those of both its pictures at once.
  @Test func gradientsAndBatchesDiffer() throws {
    let cheap: [[String: Value]] = [
      [:], ["gradient": .string("last")], ["gradient": .string("last"), "gradient_samples": .int(3)],
      ["gradient": .string("random")], ["gradient": .string("per_step")],
    ]
    let models = try cheap.map { try tuned($0.merging(["epochs": .int(1)]) { $1 }) }
    #expect(Set(models).count == models.count)
    #expect(try tuned(["gradient": .string("last"), "gradient_steps": .int(3), "epochs": .int(1)]) == models[0])
    #expect(try tuned(["batch_size": .int(2), "epochs": .int(1)]) == models[0], "there is one picture")
  }

  @Test func clipSeesPicturesAsItIsTold() throws {
    func losses(_ preprocessing: String) throws -> [String] {
      let context = try tuning(["clip_preprocessing": .string(preprocessing), "epochs": .int(1)])
      try context.run()
      return try context.table("losses").column("clip") ?? []
    }
    let all = try ["official", "antialias", "clamped"].map(losses)
    #expect(Set(all).count >= 2 && all.allSatisfy { $0.count == 1 })
  }

  @Test func diffusersTakesDiffusionModelsAlone() throws {
    let names = try Catalog.exported([world.model], .diffusion, "base", format: .diffusers).map(\.name)
    #expect(names == ["base/config.json", "base/diffusion_pytorch_model.safetensors"])
    #expect(
      issue { _ = try Catalog.exported([world.clip], .clip, "clip", format: .diffusers) }
        == "clip: diffusers has a layout for diffusion models of DDPM's architecture alone")
  }
}
