import ArtifactStore
import Foundation
import Imaging
import Testing

/// What files and recipes tell of a failure is said by `check` and `plan`, before anything is computed.
struct LookingAheadTests {
  private func refuse(
    _ stages: String, in repository: Repository, _ message: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try repository.write("recipe: ahead\nstages:\n\(stages)", to: "ahead.yaml")
    for command in ["check", "plan"] {
      let outcome = try repository.run(command, "ahead.yaml")
      #expect(outcome.status == 2, "\(command): \(outcome)", sourceLocation: sourceLocation)
      #expect(outcome.errors.contains(message), "\(command): \(outcome)", sourceLocation: sourceLocation)
    }
  }

  private static let faces = "  faces: { load: { images: faces/*, size: 16 } }\n"

  @Test func picturesThatAreCutShort() throws {
    let repository = try Repository("")
    let whole = try repository.data("faces/bob.png")
    for count in [whole.count - 1, whole.count - 12, whole.count / 2, 40] {
      try repository.write(whole.prefix(count), to: "faces/bob.png")
      try refuse(Self.faces, in: repository, "faces/bob.png: the PNG ends early")
    }
    // Something behind the picture is not a part that is missing.
    try repository.write(whole + Data("and more".utf8), to: "faces/bob.png")
    #expect(try repository.run("check", "ahead.yaml").status == 0)

    let photo = try Image(decoding: whole, name: "bob").jpegData(quality: 90)
    try repository.write(photo.dropLast(2), to: "faces/cyd.jpg")
    try FileManager.default.removeItem(atPath: repository.path("faces/cyd.png"))
    try refuse(Self.faces, in: repository, "faces/cyd.jpg: the JPEG ends early")
    try repository.write(photo + Data([0, 0, 0]), to: "faces/cyd.jpg")
    #expect(try repository.run("check", "ahead.yaml").status == 0)
  }

  @Test func modelsThatCannotBeLoaded() throws {
    let repository = try WholeRecipe.finishedCopy()
    let model = try repository.data("out/base.safetensors")
    let base = "  base: { load: { diffusion: out/base.safetensors } }\n"
    try repository.write(model.prefix(model.count / 2), to: "out/base.safetensors")
    try refuse(base, in: repository, "/out/base.safetensors: truncated: tensor 'up.0.block.0.conv1.weight'")
    try repository.write(model, to: "out/base.safetensors")
    try refuse(
      base.replacing("diffusion:", with: "clip:"), in: repository,
      "expected a network for 'clip', found 'ddpm-unet of diffusionclip'; load it as `diffusion`")
    try repository.replace("\"conv_in.bias\"", by: "\"conv_in.bise\"", in: "out/base.safetensors")
    try refuse(base, in: repository, "missing conv_in.bias: expected [8]")
  }

  @Test(arguments: [
    ("\"image\"", "\"imago\"", "it has no 'image'"), ("return_step", "return_stop", "have no 'return_step'"),
    ("\"300\"", "\"1e9\"", "its 'return_step' is '1e9', not a whole number from 1 to 999"),
    ("\"300\"", "\"nan\"", "its 'return_step' is 'nan'"), ("\"300\"", "\"-01\"", "its 'return_step' is '-01'"),
    ("\"300\"", "\"000\"", "its 'return_step' is '000'"),
  ])
  func latentsThatAreNone(_ old: String, _ new: String, _ message: String) throws {
    let repository = try WholeRecipe.finishedCopy()
    try repository.replace(old, by: new, in: "out/latents/bob.safetensors")
    let stages = "  latents: { load: { latents: out/latents/*.safetensors } }\n"
    try refuse(stages, in: repository, message)
    let outcome = try repository.run("run", "ahead.yaml")
    #expect(outcome.status == 2 && outcome.errors.contains(message), "\(outcome)")
  }

  @Test func tablesAndWhatIsDrawnOfThem() throws {
    let repository = try Repository("")
    try repository.write("step,loss,note\n1,0.5,a\n2,0.25,b\n", to: "losses.csv")
    func plot(_ parameters: String) -> String {
      """
        losses: { load: { table: losses.csv } }
        curve: { plot: { curves: [losses], \(parameters) } }

      """
    }
    try refuse(plot("x: note"), in: repository, "the column 'note' of a table is not made of numbers")
    try refuse(plot("x: step, measures: [note]"), in: repository, "the column 'note' of a table is not made of numbers")
    try refuse(plot("x: iteration"), in: repository, "'curves' has no column 'iteration': it has step, loss, note")
    try repository.write("recipe: ahead\nstages:\n\(plot("x: step"))", to: "ahead.yaml")
    #expect(try repository.run("run", "ahead.yaml").status == 0)

    func measured(_ table: String, _ plot: String) -> String {
      """
        faces: { load: { images: faces/*.png, size: 16 } }
        scores: { metric: { images: faces, measures: [mae, ssim], reference: faces } }
        means: { table: { rows: [scores], \(table) } }
        curve: { plot: { curves: [means], \(plot) } }

      """
    }
    let drawn = "x: mae, measures: [ssim], points: name"
    try refuse(
      measured("measures: [maee]", drawn), in: repository,
      "no set of 'rows' measures 'maee': they measure mae, ssim")
    try refuse(
      measured("measures: [mae, ssim]", "x: mae, measures: [ssim], points: way"), in: repository,
      "'curves' has no column 'way': it has name, items, mae, ssim")
    try repository.write("recipe: ahead\nstages:\n\(measured("measures: [mae, ssim]", drawn))", to: "ahead.yaml")
    #expect(try repository.run("check", "ahead.yaml").status == 0)

    try repository.write("step,lost\n1,2\n", to: "more.csv")
    let both = "  both: { load: { table: [losses.csv, more.csv] } }\n"
    try refuse(both, in: repository, "its columns are step, lost, but")
    try repository.write("step,lost\n1\n", to: "more.csv")
    try refuse("  both: { load: { table: more.csv } }\n", in: repository, "more.csv: expected a table as CSV")
  }

  @Test func sweepsOverWhatIsNoNumber() throws {
    let repository = try Repository("")
    let stages = """
        faces: { load: { images: faces/*.png, size: 16 } }
        made: { synthesize: { count: 3, size: 16, styles: ["${look}"] } }
        scores: { metric: { images: made, measures: [mae], reference: made } }

      """
    try repository.write("params: { look: { sweep: [zombie, sketch] } }\n", to: "head.yaml")
    func refuse(_ stage: String, _ message: String) throws {
      try repository.write(
        "recipe: ahead\nparams: { look: { sweep: [zombie, sketch] } }\nstages:\n\(stages)\(stage)", to: "ahead.yaml")
      let outcome = try repository.run("check", "ahead.yaml")
      #expect(outcome.status == 2 && outcome.errors.contains(message), "\(outcome)")
    }
    try refuse(
      "  curve: { plot: { curves: [scores], x: look } }\n",
      "'scores' is swept along 'look' over zombie, which is no number")
    try refuse("  curve: { plot: { curves: [scores], x: size } }\n", "'scores' has no swept axis 'size': it has look")
    try refuse(
      "  rows: { table: { rows: [scores] } }\n  curve: { plot: { curves: [rows], x: look } }\n",
      "the column 'look' of a table is not made of numbers")
  }

  @Test func aSurveyOfOneMethod() throws {
    let repository = try Repository("")
    try refuse(
      Self.faces + "  study: { survey: { first: [faces], second: [faces] } }\n", in: repository,
      "both methods are called 'faces': give them 'names', such as [ours, theirs]")
  }
}
