import Foundation
import Imaging
import Testing

/// Recipes that use those in `Recipes/library`, and sweeps, with the kinds of stages that there are.
struct ReuseTests {
  private static let library = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Recipes/library").path

  private static let loading = """
    base: { load: { diffusion: out/base.safetensors } }
    tuned: { load: { diffusion: out/base.safetensors } }
    clip: { load: { clip: clip } }
    faces: { load: { images: faces/*.png, size: 16 } }
    """

  private func recipe(_ stages: String, head: String = "") -> String {
    "recipe: reuse\n\(head)\nstages:\n"
      + (Self.loading + "\n" + stages).split(separator: "\n").map { "  \($0)\n" }.joined()
  }

  private func repository() throws -> Repository {
    let repository = try WholeRecipe.finishedCopy()
    try FileManager.default.createSymbolicLink(
      atPath: repository.path("library"), withDestinationPath: Self.library)
    try #require(try repository.run("export", "recipe.yaml", "clip", "--to", "out").status == 0)
    try FileManager.default.moveItem(atPath: repository.path("out/clip"), toPath: repository.path("clip"))
    return repository
  }

  @Test(arguments: [
    ("finetuning", "train_images: faces, model: base, clip: clip, target: zombie", "tuned"),
    ("manipulation", "images: faces, train_images: faces, model: base, clip: clip, target: tanned face", "edited"),
    ("sdedit", "images: faces, model: base, repeat: 3, carry: { images: result }, seed: \"${round}\"", "3.clean"),
    ("sdedit-rounds", "images: faces, model: base, rounds: 3", "closer.3.clean"),
    ("into-domain", "images: faces, model: base", "refined.clean"),
    (
      "unseen-translation", "images: faces, train_images: faces, model: base, clip: clip, target: zombie",
      "in_domain.refined.clean"
    ),
    (
      "strokes", "strokes: faces, train_images: faces, model: base, clip: clip, target: clown",
      "translation.in_domain.refined.clean"
    ),
    ("multi-attribute", "images: faces, model: base, first: base, second: tuned", "mixed"),
    ("continuous-transition", "images: faces, model: base, tuned: tuned", "mixed[x.degree=0.25]"),
  ])
  func everyRecipeOfTheLibraryCanBeUsed(name: String, arguments: String, stage: String) throws {
    let repository = try repository()
    try repository.write(
      recipe("x: { use: { recipe: library/\(name).yaml, \(arguments) } }", head: "outputs: [x]"), to: "reuse.yaml")
    let checked = try repository.run("check", "reuse.yaml", "--json")
    #expect(checked.status == 0, "\(checked.errors)")
    let stages = try checked.lines[0]["stages"]?.array?.compactMap(\.string) ?? []
    #expect(stages.contains("x.\(stage)"), "\(stages)")
  }

  @Test func aTranslationIsSweptAndShown() throws {
    let repository = try repository()
    try repository.write(
      recipe(
        """
        x:
          use:
            recipe: library/unseen-translation.yaml
            images: faces
            train_images: faces
            model: base
            clip: clip
            target: "${target}"
            return_step: "${step}"
            domain_step: "${step}"
            domain_steps: 2
            refine_step: 50
            refine_steps: 2
            steps: 3
            epochs: 1
        scores:
          metric: { images: x.result, reference: faces, measures: [mae] }
          expect: { mae: "< 2" }
        summary: { table: { rows: [scores] } }
        sheet: { figure: { rows: { before: faces, after: x.result }, items: 2 } }
        """,
        head: "params: { target: { sweep: [zombie, clown] }, step: { sweep: [100, 200] } }\noutputs: [summary, sheet]"),
      to: "reuse.yaml")
    let outcome = try repository.run("run", "reuse.yaml", "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try outcome.finished["expectations"]?.array?.count == 4, "an expectation holds at every place")
    // Noise and inversion do not depend on the target.
    #expect(try outcome.ran.filter { $0.hasPrefix("x.translation.latents[") }.count == 6)
    #expect(try outcome.ran.filter { $0.hasPrefix("x.translation.edited[") }.count == 12)
    let rows = try repository.text("\(repository.latest("reuse"))/summary.csv").split(separator: "\n").map {
      $0.split(separator: ",")
    }
    #expect(rows[0] == ["name", "target", "step", "mae"])
    #expect(
      rows.dropFirst().map { $0.prefix(3).joined(separator: " ") }.sorted() == [
        "scores clown 100", "scores clown 200", "scores zombie 100", "scores zombie 200",
      ])
    let plan = try repository.run("plan", "reuse.yaml", "--json").lines[0]
    let actions = try #require(plan["actions"]?.array)
    let edited = actions.filter { $0["stage"] == "x.translation.edited" && $0["item"] == "ada" }
    #expect(edited.map { $0["axes"] }.contains(["target": "clown", "step": 200]))

    // Two rows of blocks, one for each target; a block of two pictures for each step.
    let sheet = try Image(decoding: repository.data("\(repository.latest("reuse"))/sheet.png"), name: "sheet")
    #expect(sheet.height > 3 * 128 && sheet.height < 4 * 128 && sheet.width > 4 * 128)

    let shown = try repository.run("show", "reuse.yaml", "scores", "--json").lines[0]
    #expect(shown.array?.count == 4)
    let one = try repository.run("show", "reuse.yaml", "scores[target=clown,step=200]", "--json").lines[0]
    #expect(one.array?.count == 1)
  }
}
