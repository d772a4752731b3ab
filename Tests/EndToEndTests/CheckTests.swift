import Foundation
import JSONSyntax
import Testing

/// `check` of several recipes, of folders, of recipes by themselves, and where files are missing.
struct CheckTests {
  private static let good = """
    recipe: good
    stages: { faces: { load: { images: faces/*.png, size: 16 } } }
    """
  private static let bad = """
    recipe: bad
    stages: { faces: { load: { imagse: faces/*.png } } }
    """

  @Test func severalFilesAndFolders() throws {
    let repository = try Repository(Self.good)
    for folder in ["some/deep", "some/.hidden"] {
      try FileManager.default.createDirectory(atPath: repository.path(folder), withIntermediateDirectories: true)
    }
    try repository.write(Self.good.replacing("faces/*", with: "../../faces/*"), to: "some/deep/a.yml")
    try repository.write(Self.good, to: "some/.hidden/c.yaml")
    try repository.write("no recipe", to: "some/notes.txt")
    try repository.write(Self.good.replacing("faces/*", with: "../faces/*"), to: "some/b.yaml")
    try FileManager.default.createSymbolicLink(
      atPath: repository.path("some/loop"), withDestinationPath: repository.path("some"))
    let all = try repository.run("check", "recipe.yaml", "some")
    #expect(all.status == 0)
    let told = ["recipe.yaml", "some/b.yaml", "some/deep/a.yml"].map { "\($0): good is in order: 1 stage, 1 output\n" }
    #expect(all.output == told.joined() + "3 recipes in order\n")
    // What is no recipe is none of ours, where a folder is checked.
    try repository.write("services: {}\nversion: 3\n", to: "some/docker-compose.yaml")
    #expect(try repository.run("check", "recipe.yaml", "some").output == all.output)
    #expect(try repository.run("check", "some/docker-compose.yaml").status == 2)
    try repository.write(Self.bad, to: "some/x.yaml")
    let wrong = try repository.run("check", "some", "recipe.yaml", "--junit", "check.xml")
    #expect(wrong.status == 2)
    #expect(wrong.output.hasSuffix("\n3 recipes in order, 1 not:\n  some/x.yaml\n"))
    #expect(wrong.errors.hasPrefix("some/x.yaml:2:"))
    let xml = try repository.text("check.xml")
    #expect(xml.contains(#"<testsuite name="check" tests="4" failures="1" errors="0" skipped="0""#))
    #expect(xml.contains(#"  <testcase classname="check" name="some/x.yaml"><failure message="some/x.yaml:2:"#))
    #expect(xml.contains(#"  <testcase classname="check" name="recipe.yaml"/>"#))
    let lines = try repository.run("check", "some", "recipe.yaml", "--json").lines
    #expect(lines.map { $0["file"] } == ["some/b.yaml", "some/deep/a.yml", "some/x.yaml", "recipe.yaml"])
    #expect(lines.map { $0["errors"]?.array?.count } == [0, 0, 1, 0])
    let empty = try repository.run("check", "faces")
    #expect(empty.errors == "faces: no recipe (a file that ends in .yaml) in this folder\n" && empty.status == 2)
  }

  /// What guided a model does not judge it without a word.
  @Test func measuringByTheGuideIsNoted() throws {
    let repository = try Repository(
      """
      recipe: guided
      stages:
        base: { load: { diffusion: nowhere/model.safetensors } }
        clip: { load: { clip: nowhere/clip } }
        faces: { load: { images: faces/*.png, size: 64 } }
        latents: { invert: { images: faces, model: base } }
        angry: { finetune: { model: base, latents: latents, clip: clip, target: angry face } }
        edited: { sample: { latents: latents, model: angry } }
        scores: { metric: { images: edited, reference: faces, clip: clip, target: angry face, measures: [s_dir] } }
      """)
    let outcome = try repository.run("check", "recipe.yaml", "--no-files")
    let message =
      "'scores' measures by the clip that guided 'angry': what it guided has learned to please it; measure by another one, too"
    #expect(outcome.status == 0)
    #expect(
      outcome.output
        == "guided is in order: 7 stages, 1 output\nrecipe.yaml:9:3: note: \(message)\n")
    let json = try #require(try repository.run("check", "recipe.yaml", "--no-files", "--json").lines.first)
    #expect(json["notes"]?.array?.map { $0["message"] } == [.string(message)])
    #expect(json["notes"]?.array?.first?["stage"] == "scores")
  }

  /// Scores of other pictures at the right places choose no model.
  @Test func scoresComeFromTheModelsToSelect() throws {
    let recipe = """
      recipe: selecting
      params: { epochs: { sweep: [1, 2] } }
      stages:
        base: { load: { diffusion: nowhere/model.safetensors } }
        clip: { load: { clip: nowhere/clip } }
        faces: { load: { images: faces/*.png, size: 64 } }
        latents: { invert: { images: faces, model: base } }
        angry: { finetune: { model: base, latents: latents, clip: clip, target: angry face, epochs: "${epochs}" } }
        happy: { finetune: { model: base, latents: latents, clip: clip, target: happy face, epochs: "${epochs}" } }
        edited: { sample: { latents: latents, model: angry } }
        scores: { metric: { images: edited, reference: faces, measures: [mae] } }
        best: { select: { models: [angry], scores: [scores], by: mae } }
      """
    let repository = try Repository(recipe)
    #expect(try repository.run("check", "recipe.yaml", "--no-files").status == 0)
    try repository.write(recipe.replacing("model: angry", with: "model: happy"), to: "recipe.yaml")
    let outcome = try repository.run("check", "recipe.yaml", "--no-files")
    #expect(outcome.status == 2)
    #expect(
      outcome.errors.contains(
        "recipe.yaml:12:38: error: 'select' of stage 'best': 'scores[epochs=1]' measures nothing that comes from 'angry[epochs=1]': measure what that model makes"
      ), "\(outcome.errors)")
  }

  /// A model between the one to choose and the pictures that were measured.
  @Test func scoresOfWhatWasTunedFurtherAreAnothersOwn() throws {
    let recipe = """
      recipe: selecting
      stages:
        base: { load: { diffusion: nowhere/model.safetensors } }
        clip: { load: { clip: nowhere/clip } }
        faces: { load: { images: faces/*.png, size: 64 } }
        latents: { invert: { images: faces, model: base } }
        first: { finetune: { model: base, latents: latents, clip: clip, target: angry face } }
        second: { finetune: { model: first, latents: latents, clip: clip, target: angry face } }
        by_first: { sample: { latents: latents, model: first } }
        by_second: { sample: { latents: latents, model: second } }
        of_first: { metric: { images: by_first, reference: faces, measures: [mae] } }
        of_second: { metric: { images: by_second, reference: faces, measures: [mae] } }
        best: { select: { models: { a: first, b: second }, scores: { a: of_first, b: of_second }, by: mae } }
      """
    let repository = try Repository(recipe)
    #expect(try repository.run("check", "recipe.yaml", "--no-files").status == 0)
    try repository.write(recipe.replacing("a: of_first,", with: "a: of_second,"), to: "recipe.yaml")
    let outcome = try repository.run("check", "recipe.yaml", "--no-files")
    #expect(
      outcome.status == 2
        && outcome.errors.contains("'a' measures what 'b' makes, not 'a': measure what that model makes"),
      "\(outcome.errors)")
  }

  @Test func withoutFiles() throws {
    let repository = try Repository(
      """
      recipe: weights
      stages:
        base: { load: { diffusion: nowhere/model.safetensors } }
        faces: { load: { images: photos/*.png, size: 64 } }
        others: { load: { images: faces/*.png, size: 64 } }
        latents: { invert: { images: faces, model: base, return_step: 300, steps: 4 } }
        edited: { sample: { latents: latents, model: base, steps: 4 } }
        scores: { metric: { images: edited, reference: faces, measures: [mae] }, expect: { mae: "< 1" } }
      """)
    #expect(try repository.run("check", "recipe.yaml").status == 2)
    let outcome = try repository.run("check", "recipe.yaml", "--no-files")
    #expect(outcome.output == "weights is in order: 6 stages, 2 outputs\n" && outcome.errors.isEmpty)
    // What does not depend on files is found all the same.
    let text = try repository.text("recipe.yaml")
    for (old, new, message) in [
      ("return_step: 300", "return_stp: 300", "'invert' takes no 'return_stp'"),
      ("latents: latents, model", "latents: faces, model", "takes latents, but 'faces' gives images"),
      ("mae: \"< 1\"", "mse: \"< 1\"", "'mse'"), ("{ load: { images: ", "{ load: { sise: 3, images: ", "'sise'"),
      ("steps: 4 } }\n  scores", "steps: 0 } }\n  scores", "'steps'"),
    ] {
      try repository.write(text.replacing(old, with: new), to: "recipe.yaml")
      let outcome = try repository.run("check", "recipe.yaml", "--no-files")
      #expect(outcome.status == 2 && outcome.errors.contains(message), "\(outcome)")
      #expect(!outcome.errors.contains("no such file") && !outcome.errors.contains("no file matches"), "\(outcome)")
    }
  }

  /// The same file that is missing in several recipes is said once.
  @Test func whatIsMissingIsSaidOnce() throws {
    let repository = try Repository(Self.good.replacing("faces/*.png", with: "nowhere/x.png"))
    try repository.write(repository.text("recipe.yaml"), to: "other.yaml")
    let outcome = try repository.run("check", "recipe.yaml", "other.yaml")
    #expect(outcome.status == 2)
    #expect(outcome.errors.components(separatedBy: "no such file").count == 2, "\(outcome)")
    #expect(outcome.errors.hasSuffix("other.yaml: 1 file missing that is named above\n"), "\(outcome)")
    #expect(
      outcome.output
        == "0 recipes in order, 2 not:\n  recipe.yaml\n  other.yaml\n"
        + "--no-files checks them without the files that they name\n")
  }

  @Test func recipesOfALibraryByThemselves() throws {
    let repository = try Repository(
      """
      recipe: library
      inputs: { images: images, model: diffusion, identity: { type: identity, optional: true } }
      params: { target: { type: text }, steps: { type: integer }, return_step: 300 }
      stages:
        latents: { invert: { images: images, model: model, return_step: "${return_step}", steps: "${steps}" } }
        edited: { sample: { latents: latents, model: model, steps: "${steps}" } }
        scores: { metric: { images: edited, reference: images, identity: identity, measures: [identity] } }
      outputs: { result: edited, scores: scores }
      """)
    #expect(
      try repository.run("check", "recipe.yaml").errors.hasPrefix(
        "recipe.yaml:7:78: error: 'metric' of stage 'scores': 'identity' needs the input 'identity'"),
      "without the optional input")
    let text = try repository.text("recipe.yaml").replacing("measures: [identity]", with: "measures: [mae]")
    try repository.write(text, to: "recipe.yaml")
    #expect(try repository.run("check", "recipe.yaml").output == "library is in order: 3 stages, 2 outputs\n")
    #expect(try repository.run("run", "recipe.yaml").errors.contains("runs only in a recipe that uses it"))
    try repository.write(text.replacing("identity: identity,", with: "identity: model,"), to: "recipe.yaml")
    #expect(try repository.run("check", "recipe.yaml").errors.contains("takes identity, but 'model' gives diffusion"))
  }

  /// A recipe that cannot be run is told to programs, too.
  @Test func runsOfRecipesThatAreWrong() throws {
    let repository = try Repository(Self.bad)
    let outcome = try repository.run("run", "recipe.yaml", "--json", "--junit", "run.xml")
    #expect(outcome.status == 2)
    let event = try outcome.lines[0]
    #expect(event["event"] == "invalid" && event["time"]?.double != nil)
    #expect(event["errors"]?.array?.first?["line"] == 2)
    #expect(try repository.text("run.xml").contains(#"classname="recipe.yaml" name="recipe.yaml:2:"#))
  }

  @Test func timeouts() throws {
    let repository = try Repository(
      """
      recipe: slow
      stages:
        photos: { synthesize: { count: 3, size: 16 } }
        base:
          train: { network: diffusion, images: photos, steps: 100000, batch_size: 2, warmup_steps: 1, channels: 8,
                   multipliers: [1, 2], attention: [8], groups: 4 }
      """)
    let outcome = try repository.run("run", "recipe.yaml", "--timeout", "1s")
    #expect(outcome.status == 130)
    #expect(outcome.errors.contains("--timeout: 1.0 s are over; the run is interrupted"))
    for wrong in ["1", "0s", "-1m", "nans", "1e300h", "s"] {
      #expect(try repository.run("run", "recipe.yaml", "--timeout", wrong).status == 64, "\(wrong)")
    }
  }
}
