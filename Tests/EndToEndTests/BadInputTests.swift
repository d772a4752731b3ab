import ArtifactStore
import Foundation
import Testing

/// Whatever is wrong with a recipe or with a file, the message says what and where, and the store stays in order.
struct BadInputTests {
  @Test func sixMistakesAreSixLocatedErrors() throws {
    let repository = try WholeRecipe.finishedCopy()
    try repository.write(
      """
      recipe: mistakes
      params: { target: angry face }
      stages:
        base: { load: { diffusion: out/bsae.safetensors } }
        faces: { load: { images: faces/*.jpg, size: 16 } }
        latents: { invert: { images: faces, model: base, return_step: 5000 } }
        angry: { finetune: { model: base, latents: latents, clip: base.clip, targett: "${target}" } }
        edited: { smaple: { latents: latents, model: angry } }
      """, to: "mistakes.yaml")
    let outcome = try repository.run("run", "mistakes.yaml")
    #expect(outcome.status == 2)
    #expect(
      outcome.errors.replacing(repository.folder, with: "") == """
        mistakes.yaml:4:30: error: no such file 'out/bsae.safetensors' in 'diffusion' of 'load'
           4 |   base: { load: { diffusion: out/bsae.safetensors } }
             |                              ^
             help: did you mean 'out/base.safetensors'?
             help: looked for /out/bsae.safetensors
        mistakes.yaml:5:28: error: no file matches 'faces/*.jpg' in 'images' of 'load'
           5 |   faces: { load: { images: faces/*.jpg, size: 16 } }
             |                            ^
             help: the folder /faces has ada.png, bob.png, cyd.png
        mistakes.yaml:6:65: error: 'return_step' of 'invert' must be a whole number from 1 to 999, not 5000
           6 |   latents: { invert: { images: faces, model: base, return_step: 5000 } }
             |                                                                 ^
        mistakes.yaml:7:61: error: 'base' has no output 'clip'
           7 |   angry: { finetune: { model: base, latents: latents, clip: base.clip, targett: "${target}" } }
             |                                                             ^
             help: it has diffusion
        mistakes.yaml:7:72: error: 'finetune' takes no 'targett'
           7 |   angry: { finetune: { model: base, latents: latents, clip: base.clip, targett: "${target}" } }
             |                                                                        ^
             help: did you mean 'target'?
        mistakes.yaml:8:13: error: unknown kind 'smaple' of stage 'edited'
           8 |   edited: { smaple: { latents: latents, model: angry } }
             |             ^
             help: did you mean 'sample'?

        """)
    let report = try repository.run("check", "mistakes.yaml", "--json")
    #expect(report.status == 2)
    #expect(try report.lines[0]["errors"]?.array?.count == 6)
  }

  @Test func aTruncatedPicture() throws {
    let repository = try WholeRecipe.finishedCopy()
    try repository.write(repository.data("faces/bob.png").prefix(24), to: "faces/bob.png")
    try expect(
      """
      recipe.yaml:11:3: error: stage 'faces' failed on 'bob': faces/bob.png: the PNG ends early: \
      the chunk IHDR at byte 8 lacks 9 of its 25 bytes. Copy or download it again.
      """, of: "recipe.yaml", in: repository)
    try repository.addFace("bob")
    #expect(try repository.run("run", "recipe.yaml", "--json").finished["ran"] == 0)
  }

  private static let loadingBase = ["base: { load: { diffusion: out/base.safetensors } }"]

  @Test func aCheckpointThatLacksOneKeyAndHasAnother() throws {
    let repository = try WholeRecipe.finishedCopy()
    try repository.replace("\"conv_in.bias\"", by: "\"conv_in.bise\"", in: "out/base.safetensors")
    try expect(
      """
      bad.yaml:3:3: error: stage 'base' failed: out/base.safetensors: the parameters are not those of this network
        missing conv_in.bias: expected [8]
        extra conv_in.bise: found [8]
      check that the file is for this architecture and configuration
      """, of: Self.loadingBase, in: repository)
  }

  @Test func aTruncatedCheckpoint() throws {
    let repository = try WholeRecipe.finishedCopy()
    try repository.write(repository.data("out/base.safetensors").dropLast(10), to: "out/base.safetensors")
    try expect(
      """
      bad.yaml:3:3: error: stage 'base' failed: out/base.safetensors: truncated: tensor 'up.1.upsample.conv.weight' \
      with those before it takes 181036 bytes, found 181026; fetch or copy the file again
      """, of: Self.loadingBase, in: repository)
  }

  /// It is told before anything runs; who wants to go on after failures is told of each picture.
  @Test func aPictureOfAnotherSize() throws {
    let repository = try WholeRecipe.finishedCopy()
    let stages =
      Self.loadingBase + [
        "faces: { load: { images: faces/*.png, size: [17, 16] } }",
        "latents: { invert: { images: faces, model: base } }",
      ]
    try repository.write("recipe: bad\nstages:\n" + stages.map { "  \($0)\n" }.joined(), to: "bad.yaml")
    let outcome = try repository.run("run", "bad.yaml")
    #expect(outcome.status == 2)
    #expect(
      outcome.errors == """
        bad.yaml:5:3: error: stage 'latents': picture 'ada' is 17×16 (and 2 more), \
        but the diffusion model takes sides that are multiples of 2 and at most 4096 pixels in all: load it with `size: 16`, \
        at which the model was trained, or with another size
           5 |   latents: { invert: { images: faces, model: base } }
             |   ^

        """)
    let rest = try repository.run("run", "bad.yaml", "--keep-going")
    #expect(rest.status == 2)
    #expect(
      rest.errors.contains(
        """
        bad.yaml:5:3: error: stage 'latents' failed on 'ada': picture 'ada' is 17×16, \
        but the diffusion model takes sides that are multiples of 2 and at most 4096 pixels in all: load it with `size: 16`
        """), "\(rest.errors)")
  }

  @Test func latentsOfSeveralReturnSteps() throws {
    let repository = try WholeRecipe.finishedCopy()
    try repository.replace("\"300\"", by: "\"200\"", in: "out/latents/bob.safetensors")
    try repository.write(
      WholeRecipe.text.replacing(
        "invert: { images: faces, model: base, return_step: 300, steps: 4 }",
        with: "load: { latents: out/latents/*.safetensors }"), to: "recipe.yaml")
    try expect(
      """
      recipe.yaml:14:3: error: stage 'full' failed: the latents have return steps [200, 300]: \
      fine-tune on latents of one return step
      """, of: "recipe.yaml", in: repository)
  }

  @Test func aClassifierThatKnowsNoSuchAttribute() throws {
    let stages = [
      "faces: { synthesize: { count: 4, size: 16 } }",
      "classifier: { train: { network: classifier, images: faces, table: faces.table, steps: 1, attributes: [age, tan] } }",
      "seen: { metric: { images: faces, classifier: classifier, measures: [attribute_accuracy], attributes: { hat: red } } }",
    ]
    try expect(
      """
      bad.yaml:5:3: error: stage 'seen' failed on 'portrait-0': \
      the classifier knows no attribute 'hat': expected one of age, tan
      """, of: stages, in: Repository(""))
  }

  @Test func aPinnedFileThatIsAnother() throws {
    let repository = try WholeRecipe.finishedCopy()
    let digest = Digest(of: try repository.data("out/base.safetensors")).hex
    let recipe = "recipe: pinned\nstages:\n  base: { load: { diffusion: out/base.safetensors, sha256: '\(digest)' } }\n"
    try repository.write(recipe, to: "pinned.yaml")
    #expect(try repository.run("run", "pinned.yaml").status == 0)
    // Though the file has been loaded before.
    let other = String(digest.reversed())
    try repository.write(recipe.replacing(digest, with: other), to: "pinned.yaml")
    try expect(
      """
      pinned.yaml:3:3: error: stage 'base' failed: out/base.safetensors: its SHA-256 is \(digest), expected \(other): \
      fetch the file that the recipe was written for, or change the pin
      """, of: "pinned.yaml", in: repository)
  }

  @Test(arguments: [["run"], ["run", "recipe.yaml", "--threads", "0"], ["paint"], ["show", "recipe.yaml"]])
  func wrongUsageIsStatusSixtyFour(arguments: [String]) throws {
    let outcome = try Repository("recipe: r").run(arguments)
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains("Usage: diffusionclip"))
  }

  @Test func aRecipeThatIsNotThere() throws {
    let outcome = try Repository("recipe: r").run("run", "recipes.yaml")
    #expect(outcome.status == 2)
    #expect(
      outcome.errors == """
        recipes.yaml: error: no such recipe file
             help: did you mean 'recipe.yaml'?

        """)
  }

  /// Runs a recipe of `stages`, the first of which is on line 3, to see it fail with just `message`.
  private func expect(
    _ message: String, of stages: [String], in repository: Repository, at place: SourceLocation = #_sourceLocation
  ) throws {
    try repository.write("recipe: bad\nstages:\n" + stages.map { "  \($0)\n" }.joined(), to: "bad.yaml")
    try expect(message, of: "bad.yaml", in: repository, at: place)
  }

  private func expect(
    _ message: String, of recipe: String, in repository: Repository, at place: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try repository.run("run", recipe, "--json")
    #expect(outcome.status == 2, sourceLocation: place)
    #expect(outcome.errors.replacing(repository.folder + "/", with: "") == message + "\n", sourceLocation: place)
    #expect(try outcome.finished["failed"] == 1, sourceLocation: place)
    #expect(repository.names(in: ".diffusionclip/attempts").isEmpty, sourceLocation: place)
  }

  /// An empty path is a slip of a script, never the current folder or `/`.
  @Test(arguments: [
    ["run", ""], ["check", ""], ["run", "recipe.yaml", "--store", ""], ["run", "recipe.yaml", "--runs", ""],
    ["run", "recipe.yaml", "--junit", ""], ["export", "recipe.yaml", "faces", "--to", ""],
    ["plan", "recipe.yaml", "--out", ""],
    ["plan", "recipe.yaml", "--cost", "--plot", ""], ["plan", "recipe.yaml", "--cost", "--bench", ""],
    ["exec", "--plan", "", "--action", "faces"], ["exec", "--plan", "p", "--action", "faces", "--receipt", ""],
    ["exec", "--plan", "p", "--finish", "--runs", ""], ["gallery", "", "--to", "x"], ["gallery", "runs", "--to", ""],
    ["compare", "", "runs"], ["compare", "runs", ""], ["compare", "runs", "--page", ""],
    ["compare", "runs", "--markdown", ""], ["compare", "runs", "--junit", ""], ["runs", "show", ""],
    ["runs", "remove", ""],
    ["runs", "list", "--runs", ""], ["runs", "show", "x", "--page", ""], ["inspect", ""], ["doctor", ""],
    ["gc", "--store", ""],
    ["verify", "--store", ""],
    ["bench", "--against", ""], ["submit", "recipe.yaml", "--runs", ""], ["pull", ""],
    ["push", "recipe.yaml", "--store", ""],
  ])
  func emptyPaths(arguments: [String]) throws {
    let repository = try Repository("recipe: r\nstages: { faces: { load: { images: faces/*.png } } }", faces: ["ada"])
    let outcome = try repository.run(arguments)
    #expect(outcome.status == 64, "\(outcome)")
    #expect(outcome.errors.contains("a path must not be empty"))
    #expect(repository.names(in: "") == [".git", "faces", "recipe.yaml"])
  }

  /// Hidden files are what editors and file systems leave behind.
  @Test func hiddenFilesAreNoRecipes() throws {
    let repository = try Repository("recipe: r")
    try FileManager.default.createDirectory(atPath: repository.path("recipes"), withIntermediateDirectories: true)
    try repository.write("recipe: a\nstages: { faces: { load: { images: ../faces/*.png } } }", to: "recipes/a.yaml")
    try repository.write(Data([0, 5, 22, 7]), to: "recipes/._a.yaml")
    try repository.write(Data([0, 5, 22, 7]), to: "faces/._ada.png")
    let link = repository.path("recipes/.#a.yaml")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "me@host.1234")
    let outcome = try repository.run("run", "recipes")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("3 ran"))
  }

  /// What is known before a run is said before it.
  @Test func whatTheStagesCannotDoIsSaidByCheck() throws {
    let repository = try Repository("recipe: r")
    func errors(_ stages: String, set overlays: String...) throws -> [String] {
      try repository.write("recipe: r\nparams: { size: { sweep: [16, 24] } }\nstages:\n\(stages)", to: "recipe.yaml")
      let outcome = try repository.run(["check", "recipe.yaml"] + overlays.flatMap { ["--set", $0] })
      return outcome.errors.split(separator: "\n").filter { $0.contains(": error: ") }.map(String.init)
    }
    let pin = String(repeating: "a0", count: 32)
    #expect(
      try errors("  faces: { load: { images: faces/*.png, sha256: \(pin) } }") == [
        "recipe.yaml:4:41: error: 'load' of stage 'faces': 'sha256' pins one file, but 'images' names 3: name one file, or leave it out"
      ])
    #expect(try errors("  faces: { load: { clip: faces, sha256: \(pin) } }")[0].contains("'clip' names 3"))
    let stages = """
        faces: { load: { images: faces/*.png, size: "${size}" } }
        more: { load: { images: faces/ada.png } }
        scores: { metric: { images: faces, reference: faces, measures: [mae] } }

      """
    func table(_ text: String) -> String { stages + "  t: { table: { \(text) } }" }
    #expect(try errors(table("rows: [scores] }, expect: { mae.min_step: \"> 0\" ")) == [])
    #expect(
      try errors(table("rows: [scores] }, expect: { mea.min_step: \"> 0\" "))[0].contains(
        "no row has the measure 'mea': they have mae"))
    #expect(try errors(table("rows: [scores] }, expect: { mae: \"> 0\" "))[0].contains("such as 'mae.min_margin'"))
    #expect(
      try errors(table("rows: [scores] }, expect: { mae.min_margin: \"> 0\" "))[0].contains(
        "the table has rows of no other"))
    #expect(try errors(table("rows: [scores], average: [sise]"))[0].contains("sise"))
    let single = table("rows: [scores] }, expect: { mae.min_step: \"> 0\" ")
      .replacing("size: \"${size}\"", with: "size: 16")
    #expect(try errors(single)[0].contains("needs a second row to rise to"))
    // Along a sweep of one place, nothing is compared, and nothing is wrong.
    #expect(try errors(table("rows: [scores] }, expect: { mae.min_step: \"> 0\" "), set: "size=16") == [])
    let outcome = try repository.run("run", "recipe.yaml", "--set", "size=16")
    #expect(outcome.status == 0, "\(outcome)")
    #expect(outcome.output.contains(/held +t +mae.min_step +nothing to compare +expected > 0/))
  }

  @Test(arguments: [["run", "recipe.yaml"], ["push", "recipe.yaml"], ["pull", "recipe.yaml"]])
  func anEmptyURLIsWrongUsage(command: [String]) throws {
    let outcome = try Repository("recipe: r\nstages: { faces: { load: { images: faces/*.png } } }")
      .run(command + ["--cache", ""])
    #expect(outcome.status == 64 && outcome.errors.contains("a URL must not be empty"), "\(outcome)")
  }

  @Test(arguments: [
    (["chekc", "recipe.yaml"], "no such command 'chekc'; did you mean 'check'?"), (["runn"], "did you mean 'run'?"),
    (["help", "chekc"], "no such command 'chekc'; did you mean 'check'?"), (["paint"], "no such command 'paint'\n"),
    ([""], "no such command ''"),
  ])
  func aMistypedCommandIsNamed(arguments: [String], message: String) throws {
    let outcome = try Repository("recipe: r").run(arguments)
    #expect(outcome.status == 64 && outcome.errors.contains(message), "\(outcome)")
  }
}
