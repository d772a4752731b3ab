import ArtifactStore
import Foundation
import Imaging
import JSONSyntax
import Testing

/// Numbers that are infinite or none at all, and sets of other items, as a user meets them.
struct NumbersTests {
  // MARK: Numbers that are not finite

  @Test func aFineTuningThatDivergesStops() throws {
    let repository = try WholeRecipe.finishedCopy()
    let wild = """
        wild:
          finetune: { model: base, latents: latents, clip: clip, target: zombie, steps: 2, epochs: 400,
                      learning_rate: 1, lr_gamma: 10 }
          expect: {}
      outputs: [wild]
      """.replacing("    expect: {}\n", with: "")
    let recipe = try #require(try repository.text("recipe.yaml").components(separatedBy: "outputs:").first) + wild
    try repository.write(recipe, to: "recipe.yaml")
    let outcome = try repository.run("run", "recipe.yaml", "--threads", "1")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("error: stage 'wild' failed: iteration "), "\(outcome.errors)")
    #expect(outcome.errors.contains(" not finite"))
    #expect(outcome.errors.contains("lower 'learning_rate' (it is 1.0) or 'lr_gamma' (it is 10.0)"))
    // It goes on from the last good state, and comes to the same end.
    let again = try repository.run("run", "recipe.yaml", "--threads", "1")
    func failure(_ outcome: Outcome) -> Substring? {
      outcome.errors.split(separator: "\n").first { $0.contains("failed: ") }
    }
    #expect(again.status == 1 && failure(again) == failure(outcome))
  }

  @Test func equalPicturesHaveAnInfinitePSNR() throws {
    let repository = try Repository(
      """
      recipe: same
      stages:
        faces: { load: { images: faces/*.png } }
        small: { load: { images: faces/*.png, size: 24 } }
        scores:
          metric: { images: small, reference: faces, measures: [psnr, mae] }
          expect: { psnr: "> 40", mae: "== 0" }
        table: { table: { rows: [scores] } }
      outputs: [scores, table]
      """)
    let outcome = try repository.run("run", "recipe.yaml", "--junit", "junit.xml")
    #expect(outcome.status == 0, "\(outcome)")
    #expect(try repository.text("\(repository.latest("same"))/scores.csv").contains("ada,inf,0.0"))
    #expect(try repository.text("\(repository.latest("same"))/table.csv").hasSuffix("inf,0.0\n"))
    #expect(try repository.text("\(repository.latest("same"))/table.md").contains("| inf |"))
    #expect(try repository.text("\(repository.latest("same"))/table.tex").contains("$\\infty$"))
    #expect(try repository.text("\(repository.latest("same"))/report.html").contains("∞"))
    let mean = try repository.json("\(repository.latest("same"))/run.json")["measures"]?.array?.first?["mean"]
    #expect(mean == "Infinity")
    let shown = try repository.run("show", "recipe.yaml", "scores", "--json").lines[0].array?.first
    #expect(shown?["means"]?["psnr"] == "Infinity" && shown?["means"]?["psnr"]?.double == .infinity)
    // Below a bound it is not.
    try repository.write(repository.text("recipe.yaml").replacing("> 40", with: "< 40"), to: "recipe.yaml")
    let failed = try repository.run("run", "recipe.yaml", "--junit", "junit.xml")
    #expect(failed.status == 3 && failed.errors.contains("expected psnr < 40, got inf"))
    #expect(try repository.text("junit.xml").contains("got inf"))
  }

  @Test func aNetworkWithAWeightThatIsNoNumberIsNamed() throws {
    let repository = try WholeRecipe.finishedCopy()
    var data = try repository.data("out/base.safetensors")
    withUnsafeBytes(of: Float.nan) { data.replaceSubrange(data.count - 4..<data.count, with: Data($0)) }
    try repository.write(data, to: "broken.safetensors")
    try repository.write(
      "recipe: broken\nstages:\n  base: { load: { diffusion: broken.safetensors } }\n", to: "broken.yaml")
    let outcome = try repository.run("run", "broken.yaml")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("broken.safetensors: tensor '"), "\(outcome.errors)")
    #expect(outcome.errors.contains("' is nan at ["))
  }

  // MARK: Sets of other items

  private static let twoSets = """
    recipe: two
    stages:
      faces: { load: { images: faces/*.png } }
      ours: { load: { images: ours/*.png } }
      theirs: { load: { images: theirs/*.png } }
      our_scores: { metric: { images: ours, reference: faces, measures: [mae] } }
      their_scores: { metric: { images: theirs, reference: faces, measures: [mae] } }
      table: { table: { rows: { ours: our_scores, theirs: their_scores } } }
      figure: { figure: { rows: [faces, ours, theirs] } }
    outputs: [table, figure]

    """

  /// Three pictures by one method, and two by another.
  private static func twoSetsRepository() throws -> Repository {
    let repository = try Repository(twoSets)
    for (folder, names) in [("ours", ["ada", "bob", "cyd"]), ("theirs", ["ada", "cyd"])] {
      try FileManager.default.createDirectory(atPath: repository.path(folder), withIntermediateDirectories: true)
      for name in names { try repository.write(repository.data("faces/\(name).png"), to: "\(folder)/\(name).png") }
    }
    return repository
  }

  @Test func meansOverOtherItemsAreNotCompared() throws {
    let repository = try Self.twoSetsRepository()
    for command in ["check", "plan", "run"] {
      let outcome = try repository.run(command, "recipe.yaml")
      #expect(outcome.status == 2)
      #expect(
        outcome.errors.contains(
          "the means of 'mae' are over different items: 'theirs' has no 'bob', which 'ours' has"), "\(outcome.errors)")
      #expect(outcome.errors.contains("recipe.yaml:8:"))
    }
    for (items, rows) in [
      ("common", "name,mae\nours,0.0\ntheirs,0.0\n"), ("any", "name,items,mae\nours,3,0.0\ntheirs,2,0.0\n"),
    ] {
      try repository.write(
        Self.twoSets.replacing("their_scores } } }", with: "their_scores }, items: \(items) } }"), to: "recipe.yaml")
      let outcome = try repository.run("run", "recipe.yaml")
      #expect(outcome.status == 0, "\(outcome)")
      #expect(try repository.text("\(repository.latest("two"))/table.csv") == rows)
      let printed = outcome.output + outcome.errors
      #expect(items == "any" || printed.contains("table: means of 'mae' are over the 2 items that all have"))
      #expect(items == "any" || printed.contains("figure: 'theirs' has no picture 'bob'"))
    }
    let svg = try repository.text("\(repository.latest("two"))/figure.svg")
    #expect(svg.contains("'theirs' has no picture 'bob'") || svg.contains("&#39;theirs&#39; has no picture"))
  }

  @Test func aReferenceThatLacksAPictureIsToldBefore() throws {
    let repository = try Self.twoSetsRepository()
    try repository.write(
      """
      recipe: two
      stages:
        ours: { load: { images: ours/*.png } }
        theirs: { load: { images: theirs/*.png } }
        scores: { metric: { images: ours, reference: theirs, measures: [mae] } }
      """, to: "recipe.yaml")
    let outcome = try repository.run("check", "recipe.yaml")
    #expect(outcome.status == 2)
    #expect(
      outcome.errors.contains("'reference' (from 'theirs') has no item 'bob' for 'images' (from 'ours')"),
      "\(outcome.errors)")
  }

  @Test func aLeadOverNobodyIsToldBefore() throws {
    let repository = try Repository(
      """
      recipe: alone
      stages:
        faces: { load: { images: faces/*.png } }
        scores: { metric: { images: faces, reference: faces, measures: [mae] } }
        table:
          table: { rows: [scores], measures: [mae] }
          expect: { mae.min_margin: "> 0", mae.min_step: "> 0" }
      """)
    let outcome = try repository.run("check", "recipe.yaml")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("recipe.yaml:7:15: error: "), "\(outcome.errors)")
    #expect(outcome.errors.contains("'mae.min_margin' compares 'scores' with other sets"))
    #expect(outcome.errors.contains("'mae.min_step' needs a second row"))
  }

  // MARK: What can be told before

  @Test func filesThatAreNoPicturesAreToldBefore() throws {
    let repository = try Repository("recipe: faces\nstages:\n  faces: { load: { images: faces/*.png } }\n")
    try repository.write(Data("BM".utf8) + Data(count: 100), to: "faces/bmp.png")
    try repository.write(Data(), to: "faces/empty.png")
    try repository.write(repository.data("faces/ada.png").prefix(20), to: "faces/head.png")
    for command in ["check", "plan"] {
      let outcome = try repository.run(command, "recipe.yaml")
      #expect(outcome.status == 2)
      for part in [
        "faces/bmp.png: not a PNG or JPEG picture: it is a BMP", "faces/empty.png: the file is empty",
        "faces/head.png: the PNG ends early",
      ] { #expect(outcome.errors.contains(part), "\(outcome.errors)") }
    }
  }

  @Test func picturesOfAnotherSizeAndLongTextsAreToldBefore() throws {
    let repository = try WholeRecipe.finishedCopy()
    try #require(try repository.run("export", "recipe.yaml", "clip", "--to", "out").status == 0)
    let long = Array(repeating: "angry", count: 300).joined(separator: " ")
    try repository.write(
      """
      recipe: late
      stages:
        base: { load: { diffusion: out/base.safetensors } }
        clip: { load: { clip: out/clip } }
        faces: { load: { images: faces/*.png, size: [17, 16] } }
        small: { load: { images: faces/*.png, size: 16 } }
        latents: { invert: { images: faces, model: base } }
        fine: { invert: { images: small, model: base } }
        tuned: { finetune: { model: base, latents: fine, clip: clip, target: \(long) } }
      """, to: "late.yaml")
    for command in ["check", "plan", "run"] {
      let outcome = try repository.run(command, "late.yaml")
      #expect(outcome.status == 2)
      #expect(
        outcome.errors.contains(
          "late.yaml:7:3: error: stage 'latents': picture 'ada' is 17×16 (and 2 more), but the diffusion model takes sides that are multiples of 2 and at most "
        ),
        "\(outcome.errors)")
      #expect(outcome.errors.contains("late.yaml:9:3: error: stage 'tuned': 'target': the text '"))
      #expect(outcome.errors.contains("tokens, the network takes at most"))
      let longest =
        outcome.errors.split(separator: "\n").filter { $0.contains(": error: ") }.map(\.utf8.count).max() ?? 0
      #expect(longest < 300, "\(outcome.errors)")
    }
  }

  /// What is wrong at all places of a sweep is said once.
  @Test func whatIsWrongAllAlongASweepIsSaidOnce() throws {
    let repository = try WholeRecipe.finishedCopy()
    try repository.write(
      """
      recipe: late
      params: { return_step: { sweep: [100, 200, 300, 400] } }
      stages:
        base: { load: { diffusion: out/base.safetensors } }
        faces: { load: { images: faces/*.png, size: 17 } }
        latents: { invert: { images: faces, model: base, return_step: "${return_step}" } }
      """, to: "late.yaml")
    let outcome = try repository.run("check", "late.yaml")
    #expect(outcome.status == 2)
    let errors = outcome.errors.split(separator: "\n").filter { $0.contains(": error: ") }
    #expect(errors.count == 1, "\(outcome.errors)")
    #expect(
      errors[0].hasPrefix(
        "late.yaml:6:3: error: stage 'latents[return_step=100]' (and 3 more of its places): picture 'ada' is 17×17"))
  }

  // MARK: Exported networks

  @Test func anExportedNetworkTellsHowItWasMade() throws {
    let repository = try WholeRecipe.finishedCopy()
    for (format, file) in [("safetensors", "full.safetensors"), ("torch", "full.pt")] {
      try #require(
        try repository.run("export", "recipe.yaml", "full", "--to", "tuned", "--format", format).status == 0)
      let text = try repository.run("inspect", "tuned/\(file)")
      #expect(text.status == 0, "\(text)")
      for part in [
        "made: recipe: whole", "made: stage: full", "made: kind: finetune", "made: parameter.target: angry face",
        "made: parameter.steps: 3", "made: parameter.learning_rate: 4e-06", "made: key: ",
      ] { #expect(text.output.contains(part), "\(text.output)") }
      let made = try #require(repository.run("inspect", "tuned/\(file)", "--json").lines[0]["made"])
      let latents = try JSON(parsing: Data(#require(made["input.latents"]?.string).utf8))
      #expect(latents["kind"] == "invert" && latents["parameters"]?["return_step"] == 300)
      #expect(try JSON(parsing: Data(#require(made["input.model"]?.string).utf8))["digest"]?.string?.count == 64)
    }
    // It is the same network: loaded, it has the bytes that were made.
    try repository.write(
      "recipe: again\nstages:\n  full: { load: { diffusion: tuned/full.safetensors } }\n", to: "again.yaml")
    try #require(try repository.run("run", "again.yaml").status == 0)
    #expect(try repository.digests("again")["full.diffusion"] == repository.digests("whole")["full.model"])
  }

  @Test func sweptNumbersArePrintedAsTheRecipeHasThem() throws {
    let repository = try WholeRecipe.finishedCopy()
    try repository.write(
      """
      recipe: swept
      params: { eta: { sweep: [0.0001, 0.25] } }
      stages:
        base: { load: { diffusion: out/base.safetensors } }
        faces: { load: { images: faces/ada.png, size: 16 } }
        latents: { invert: { images: faces, model: base, return_step: 300, steps: 2 } }
        edited: { sample: { latents: latents, model: base, steps: 2, eta: "${eta}" } }
        scores: { metric: { images: edited, reference: faces, measures: [mae] } }
        table: { table: { rows: [scores] } }
      outputs: [table]
      """, to: "swept.yaml")
    let outcome = try repository.run("run", "swept.yaml")
    try #require(outcome.status == 0, "\(outcome.errors)")
    #expect(try repository.text("\(repository.latest("swept"))/table.md").contains("| scores | 0.0001 | 0."))
    #expect(try repository.text("\(repository.latest("swept"))/table.tex").contains("scores & $0.0001$ & $0."))
    try #require(try repository.run("gallery", "runs/swept", "--to", "page").status == 0)
    #expect(try repository.text("page/README.md").contains("| scores | 0.0001 | 0."))
  }

  /// A number that misses a bound by little does not read as if it were on the other side.
  @Test func whatFailedDoesNotReadAsIfItHeld() throws {
    let repository = try WholeRecipe.finishedCopy()
    let measures = try repository.json("\(repository.latest("whole"))/run.json")["measures"]?.array
    let mae = try #require(measures?.first { $0["stage"] == "scores" && $0["measure"] == "mae" }?["mean"]?.double)
    let rounded = String(format: "%.4g", mae)
    let bound = try #require(Double(rounded)) > mae ? ">= \(rounded)" : "<= \(rounded)"
    let outcome = try repository.run("run", "recipe.yaml", "--set", "limit=\(bound)")
    #expect(outcome.status == 3)
    #expect(outcome.output.contains("mae  \(mae)  expected \(bound)\n"), "\(outcome.output)")
    let page = try repository.text("\(repository.latest("whole"))/report.html")
    #expect(page.contains(">\(mae)<"))
  }
}
