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
}
