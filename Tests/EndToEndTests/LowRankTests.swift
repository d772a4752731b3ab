import ArtifactStore
import Foundation
import Testing

/// A model that is a change to another one, and latents of a method of their own, as a user meets them.
struct LowRankTests {
  private static let stages = """
      belm: { invert: { images: faces, model: base, return_step: 300, steps: 4, method: belm } }
      small:
        finetune: { model: base, latents: latents, clip: clip, target: "${target}", steps: 3, epochs: 1,
                    learning_rate: 0.01, adapter: lora, lora_rank: 1 }
      smaller:
        finetune: { model: small, latents: belm, clip: clip, target: "${target}", steps: 3, epochs: 1,
                    learning_rate: 0.01, adapter: lora, lora_rank: 1, lora_targets: attention }
      edited_small: { sample: { latents: belm, model: smaller, steps: 4 } }
      blended_small: { sample: { latents: latents, models: { smaller: 0.5, small: 0.5 }, steps: 4 } }
    outputs: [edited_small, blended_small, smaller,
    """

  @Test func aChangeIsUsedKeptAndExportedWithWhatItStandsOn() throws {
    let repository = try WholeRecipe.finishedCopy()
    try repository.write(repository.text("recipe.yaml").replacing("outputs: [", with: Self.stages), to: "recipe.yaml")
    try #require(try repository.run("run", "recipe.yaml").status == 0)
    let shown = try repository.run("show", "recipe.yaml", "smaller.model", "--json").lines[0]
    let items = try #require(shown.array?.first?["items"]?.array)
    #expect(items.compactMap { $0["name"]?.string } == ["", "base 1", "base 2"])
    #expect(items[0]["size"]?.int ?? .max < (items[2]["size"]?.int ?? 0) / 4)

    // Nothing that it needs is garbage, and all of it is read when the store is verified.
    try #require(try repository.run("gc", "--keep", "1", "--grace", "0").status == 0)
    #expect(try repository.run("verify").status == 0)
    let again = try repository.run("run", "recipe.yaml", "--json")
    #expect(try again.status == 0 && again.finished["ran"] == 0)

    // Exported and loaded it is a model like any other, and the latents go with it.
    for (name, format) in [
      ("smaller.model", "safetensors"), ("belm.latents", "safetensors"), ("smaller.model", "torch"),
      ("smaller.model", "diffusers"),
    ] {
      try #require(try repository.run("export", "recipe.yaml", name, "--to", "out", "--format", format).status == 0)
    }
    #expect(repository.names(in: "out").contains("smaller.pt"))
    #expect(repository.names(in: "out/smaller") == ["config.json", "diffusion_pytorch_model.safetensors"])
    try repository.write(
      """
      recipe: loaded
      stages:
        model: { load: { diffusion: out/smaller.safetensors } }
        latents: { load: { latents: out/belm/*.safetensors } }
        edited: { sample: { latents: latents, model: model, steps: 4 } }
      outputs: [edited]
      """, to: "loaded.yaml")
    try #require(try repository.run("run", "loaded.yaml").status == 0)
    #expect(try repository.digests("loaded")["edited.images"] == repository.digests("whole")["edited_small.images"])
  }

  /// A recipe that brings exported changes back: of one to the whole model, and of one to that.
  private static let adapters = """
    recipe: adapters
    stages:
      base: { load: { diffusion: out/base.safetensors } }
      latents: { load: { latents: out/belm/*.safetensors } }
      small: { load: { adapter: "${file}", base: base } }
      smaller: { load: { adapter: out/smaller.safetensors, base: small } }
      edited: { sample: { latents: latents, model: smaller, steps: 4 } }
      first: { sample: { latents: latents, model: small, steps: 4 } }
    outputs: [edited, first]
    params: { file: out/small.safetensors }
    """

  /// What lora learned goes into a file of its own that knows its base, says how it was made, and is refused by another.
  @Test func aChangeGoesToOthersAlone() throws {
    let repository = try WholeRecipe.finishedCopy()
    try repository.write(repository.text("recipe.yaml").replacing("outputs: [", with: Self.stages), to: "recipe.yaml")
    try #require(try repository.run("run", "recipe.yaml").status == 0)
    try #require(try repository.run("export", "recipe.yaml", "belm.latents", "--to", "out").status == 0)
    for name in ["small.model", "smaller.model"] {
      let outcome = try repository.run(
        "export", "recipe.yaml", name, "--adapter", "--license", "CC0", "--measured", "scores", "--to", "out")
      try #require(outcome.status == 0, "\(outcome)")
    }
    let inspected = try repository.run("inspect", "out/small.safetensors")
    for line in [
      "made: license: CC0", "made: measure.mae: ", "made: parameter.target: angry face", "made: recipe: whole",
      "adapter: a low-rank change, for `load: {adapter: …, base: …}`", "base: the model with the digest ",
    ] {
      #expect(inspected.output.contains(line), "\(line): \(inspected.output)")
    }
    #expect(!inspected.output.contains("problem"))

    try repository.write(Self.adapters, to: "adapters.yaml")
    let run = try repository.run("run", "adapters.yaml")
    try #require(run.status == 0, "\(run)")
    let digests = try repository.digests("adapters")
    #expect(try digests["edited.images"] == repository.digests("whole")["edited_small.images"])
    #expect(digests["edited.images"] != digests["first.images"])

    // In half precision it is another change, to the same model.
    try #require(
      try repository.run("export", "recipe.yaml", "small.model", "--adapter", "--half", "--to", "half").status == 0)
    #expect(try repository.data("half/small.safetensors").count < repository.data("out/small.safetensors").count)
    #expect(
      try repository.run("run", "adapters.yaml", "--only", "first", "--set", "file=half/small.safetensors").status == 0)
  }

  /// What a file says of its making is no part of the network, and its numbers are kept as they are stored.
  @Test func aNetworkInHalfPrecisionStaysSo() throws {
    let repository = try WholeRecipe.finishedCopy()
    for (folder, license) in [("plain", []), ("licensed", ["--license", "CC0"])] {
      let export = ["export", "recipe.yaml", "full.model", "--half", "--to", folder]
      try #require(try repository.run(export + license).status == 0)
    }
    try repository.write(
      """
      recipe: halves
      params: { from: { sweep: [plain, licensed] } }
      stages: { full: { load: { diffusion: "${from}/full.safetensors" } } }
      """, to: "halves.yaml")
    try #require(try repository.run("run", "halves.yaml").status == 0)
    let artifacts = try #require(repository.json("\(repository.latest("halves"))/run.json")["artifacts"]?.array)
    let sizes = artifacts.compactMap { $0["items"]?.array?[0]["size"]?.int }
    #expect(sizes.count == 2 && abs(sizes[0] - sizes[1]) < 4096, "\(artifacts)")
  }

  @Test(arguments: [
    // A change to another model.
    ("out/smaller.safetensors", "but 'base' has"),
    // A whole model.
    ("out/base.safetensors", "no adapter: expected a low-rank change, as `export --adapter` writes it"),
  ])
  func whatIsNoChangeToTheBaseIsRefused(file: String, reason: String) throws {
    let repository = try WholeRecipe.finishedCopy()
    try repository.write(repository.text("recipe.yaml").replacing("outputs: [", with: Self.stages), to: "recipe.yaml")
    try #require(try repository.run("run", "recipe.yaml").status == 0)
    try #require(try repository.run("export", "recipe.yaml", "belm.latents", "--to", "out").status == 0)
    try #require(try repository.run("export", "recipe.yaml", "smaller.model", "--adapter", "--to", "out").status == 0)
    try repository.write(Self.adapters, to: "adapters.yaml")
    let outcome = try repository.run("run", "adapters.yaml", "--only", "small", "--set", "file=\(file)")
    #expect(outcome.status == 2 && outcome.errors.contains(reason) && outcome.errors.contains(file), "\(outcome)")
  }

  @Test func anAdapterNeedsABaseAndABaseAnAdapter() throws {
    let repository = try WholeRecipe.finishedCopy()
    try repository.write(
      """
      recipe: slips
      stages:
        base: { load: { diffusion: out/base.safetensors } }
        alone: { load: { adapter: out/base.safetensors } }
        other: { load: { diffusion: out/base.safetensors, base: base } }
        hinted: { load: { adapter: out/base.safetensors, base: base, preset: celeba-hq } }
      outputs: [alone, other, hinted]
      """, to: "slips.yaml")
    let outcome = try repository.run("check", "slips.yaml")
    #expect(outcome.status == 2)
    for text in [
      "an adapter is a change to a model: give 'base', the stage that loads the model it was tuned from",
      "'base' is for 'adapter': remove it, or load an adapter", "'preset' is about a published model",
    ] {
      #expect(outcome.errors.contains(text), "\(outcome)")
    }
    let whole = try repository.run("export", "recipe.yaml", "full.model", "--adapter", "--to", "out")
    #expect(whole.status == 2 && whole.errors.contains("is no low-rank change to a model"), "\(whole)")
  }
}
