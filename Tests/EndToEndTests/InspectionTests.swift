import ArtifactStore
import Foundation
import Imaging
import RecipeSyntax
import Testing

/// The commands that show what there is.
struct InspectionTests {
  @Test func kindsAreListedAndExplained() throws {
    let repository = try Repository("recipe: r")
    let names = [
      "load", "align", "crop", "synthesize", "train", "perturb", "invert", "finetune", "select", "sample", "guide",
      "mask",
      "paste", "metric", "distance", "cost", "figure", "plot", "table", "survey", "tally", "script", "use",
    ]
    let listed = try repository.run("kinds").output.split(separator: "\n").map { String($0.prefix { $0 != " " }) }
    #expect(listed == names)
    let kinds = try #require(repository.run("kinds", "--json").lines[0].array)
    #expect(kinds.compactMap { $0["kind"]?.string } == names)
    for name in names { #expect(try repository.run("kinds", name).output.hasPrefix("\(name): ")) }
    let invert = try repository.run("kinds", "invert").output
    #expect(invert.contains("One action for each item of 'images'."))
    #expect(invert.contains(/return_step +integer 1...999 +default 500/))
    #expect(invert.contains(/Outputs\n +latents +latents *\n +stats +metrics/))
    let load = try repository.run("kinds", "load").output
    #expect(load.contains(/\n +clip +clip +with 'clip'\n/))
    let tuned = try repository.run("kinds", "finetune").output
    #expect(
      tuned.contains(/\n +latents +latents +with method: latent\n/) && tuned.contains("unless with method: latent"))
    let trained = try #require(kinds.first { $0["kind"] == "train" }?["outputs"]?.array)
    #expect(trained.map { $0["name"] } == ["model", "losses"])
    #expect((trained[0]["types"]?.array?.count ?? 0) > 3)
    let use = try repository.run("kinds", "use").output
    for word in ["recipe", "repeat", "carry", "${round}"] { #expect(use.contains(word)) }
    let recipe = try repository.run("kinds", "recipe")
    #expect(recipe.status == 0)
    for key in RecipeDocument.keys { #expect(recipe.output.contains("\n  \(key) "), "\(key)") }
    #expect(
      try repository.run("kinds", "recipe", "--json").lines[0]["keys"]?.array?.map { $0["name"]?.string }
        == RecipeDocument.keys)
    let expect = try repository.run("kinds", "expect")
    #expect(expect.status == 0)
    for form in ["> 0.15", "0.1..0.2", "0.15 ± 0.01", "min_step"] { #expect(expect.output.contains(form)) }
    let unknown = try repository.run("kinds", "inverse")
    #expect(unknown.status == 2)
    #expect(unknown.errors.hasPrefix("there is no stage kind 'inverse'; did you mean 'invert'? there are load, "))
  }

  @Test func showTellsWhatAStageMade() throws {
    let repository = try WholeRecipe.finishedCopy()
    let scores = try repository.run("show", "recipe.yaml", "scores").output
    #expect(scores.hasPrefix("scores  metrics, 3 items, "))
    #expect(scores.contains(/\nmeans\n  mae +0\.\d+\n  psnr +\d+/))
    let losses = try repository.run("show", "recipe.yaml", "full.losses").output
    #expect(losses.contains(/iteration +loss +clip +l1 +learning_rate\n/))
    let outputs = try #require(repository.run("show", "recipe.yaml", "full", "--json").lines[0].array)
    #expect(outputs.map { $0["port"] } == ["model", "losses"])
    #expect(outputs[0]["digest"]?.string == (try repository.digests("whole")["full.model"]))

    let unmade = try repository.run("show", "recipe.yaml", "full", "--set", "target=a clown")
    #expect(unmade.status == 2)
    #expect(
      unmade.errors == "'full' has not been made with these parameters and inputs; `run` the recipe first\n")
    let unknown = try repository.run("show", "recipe.yaml", "sheeet")
    #expect(unknown.status == 2)
    #expect(unknown.errors == "the recipe has no output 'sheeet'; did you mean 'sheet'?\n")
  }

  @Test func exportWritesWhatOtherProgramsRead() throws {
    let repository = try WholeRecipe.finishedCopy()
    for name in ["edited", "latents", "full", "scores", "summary", "sheet"] {
      #expect(try repository.run("export", "recipe.yaml", name, "--to", "files").status == 0)
    }
    #expect(
      repository.names(in: "files") == [
        "edited", "full.losses.csv", "full.losses.md", "full.losses.tex", "full.safetensors", "latents",
        "latents.stats.csv", "scores.csv", "sheet.png", "sheet.svg", "summary.csv", "summary.md", "summary.tex",
        "summary.trend.csv",
      ])
    #expect(repository.names(in: "files/latents") == ["ada.safetensors", "bob.safetensors", "cyd.safetensors"])
    let picture = try Image(decoding: repository.data("files/edited/ada.png"), name: "ada")
    #expect(picture.width == 16 && picture.height == 16)
    let summary = try repository.text("files/summary.csv").split(separator: "\n")
    #expect(summary.count == 3 && summary[1].hasPrefix("scores,") && summary[2].hasPrefix("kept,"))
  }

  @Test func whatIsExportedCanBeLoaded() throws {
    let repository = try WholeRecipe.finishedCopy()
    try repository.write(
      """
      recipe: reloaded
      stages:
        base: { load: { diffusion: out/base.safetensors } }
        latents: { load: { latents: out/latents/*.safetensors } }
        back: { sample: { latents: latents, model: base, steps: 4 } }
      """, to: "reloaded.yaml")
    let outcome = try repository.run("run", "reloaded.yaml", "--json")
    #expect(try outcome.ran == ["base", "latents"], "sampling is known by the content of its inputs")
    #expect(try repository.digests("reloaded")["back.images"] == (try repository.digests("whole")["back.images"]))
  }

  @Test func checkIsContentWithAGoodRecipe() throws {
    let repository = try WholeRecipe.finishedCopy()
    let lines = try repository.run("check", "recipe.yaml").output.split(separator: "\n")
    #expect(lines.first == "whole is in order: 18 stages, 6 outputs")
    // It measures by the CLIP that guides.
    #expect(lines.count == 2 && lines.last?.contains(": note: ") == true, "\(lines)")
    #expect(try repository.run("check", "recipe.yaml", "--json").lines[0]["errors"] == [])
  }
}
