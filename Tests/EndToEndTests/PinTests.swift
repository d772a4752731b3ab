import ArtifactStore
import Foundation
import JSONSyntax
import Testing

/// `pin`: the files that a recipe reads are what they were, or somebody says so.
struct PinTests {
  private static let recipe = """
    recipe: pinned
    params: { ending: png }
    stages: { faces: { load: { images: "faces/*.${ending}", size: 16 } } }
    """

  @Test func aChangedFileIsRefusedUntilItIsPinnedAnew() throws {
    let repository = try Repository(Self.recipe)
    let pinned = try repository.run("pin", "recipe.yaml", "--json").lines[0]
    #expect(pinned["lock"]?.string == repository.path("recipe.lock"))
    #expect(pinned["files"] == 3 && pinned["added"] == 3 && pinned["changed"] == 0)
    let lock = try repository.text("recipe.lock")
    let digest = Digest(of: try repository.data("faces/ada.png")).hex
    #expect(lock.hasPrefix("\(digest)  faces/ada.png\n") && lock.split(separator: "\n").count == 3)
    #expect(try repository.run("run", "recipe.yaml").status == 0)
    #expect(try repository.run("pin", "recipe.yaml").output.contains("pins 3 files of this recipe, all as before"))

    let old = try repository.data("faces/ada.png")
    try repository.write(repository.data("faces/bob.png"), to: "faces/ada.png")
    let found = Digest(of: try repository.data("faces/ada.png")).hex
    for command in ["check", "plan", "run", "pin"] {
      let outcome = try repository.run(command, "recipe.yaml")
      #expect(outcome.status == 2 && outcome.output.isEmpty, "\(command)")
      #expect(
        outcome.errors.contains("recipe.yaml:3:11: error: stage 'faces' reads \(repository.path("faces/ada.png"))"))
      #expect(outcome.errors.contains("its SHA-256 is \(found), not \(digest)"), "\(command)")
      #expect(outcome.errors.contains("`diffusionclip pin --update`"), "\(command)")
    }
    #expect(try repository.text("recipe.lock") == lock, "what is refused writes nothing")
    let updated = try repository.run("pin", "recipe.yaml", "--update")
    #expect(updated.status == 0 && updated.output.hasSuffix("pins 3 files of this recipe, 1 changed\n"))
    #expect(try repository.run("run", "recipe.yaml").status == 0)
    try repository.write(old, to: "faces/ada.png")
    #expect(try repository.run("check", "recipe.yaml").status == 2)
  }

  @Test func whatCameLaterIsNotedAndAdded() throws {
    let repository = try Repository(Self.recipe, faces: ["ada"])
    try repository.write(repository.data("faces/ada.png"), to: "faces/ada.jpg")
    try repository.run("pin", "recipe.yaml")
    try repository.addFace("eve")
    let check = try repository.run("check", "recipe.yaml")
    #expect(check.status == 0)
    #expect(check.output.contains("'faces' reads 1 file that recipe.lock does not pin: `diffusionclip pin` adds"))
    // Those of other parameters stand beside them.
    try repository.run("pin", "recipe.yaml", "--set", "ending=jpg")
    let paths = try repository.text("recipe.lock").split(separator: "\n").map { $0.dropFirst(66) }
    #expect(paths == ["faces/ada.jpg", "faces/ada.png"])
    try repository.run("pin", "recipe.yaml")
    #expect(try repository.run("check", "recipe.yaml").output.contains("note") == false)
  }

  @Test func aFileThatVanishedIsMissed() throws {
    let repository = try Repository(Self.recipe)
    try repository.run("pin", "recipe.yaml")
    try FileManager.default.removeItem(atPath: repository.path("faces/bob.png"))
    for command in ["check", "plan", "run", "pin"] {
      let outcome = try repository.run(command, "recipe.yaml")
      #expect(outcome.status == 2, "\(command)")
      #expect(
        outcome.errors.contains(
          "stage 'faces' reads what is in \(repository.path("faces")), where bob.png, which the recipe's lock pins, is gone"
        ))
    }
    let updated = try repository.run("pin", "recipe.yaml", "--update", "--json").lines[0]
    #expect(updated["files"] == 2 && updated["removed"] == 1 && updated["changed"] == 0)
    #expect(try repository.run("run", "recipe.yaml").status == 0)
    // An empty lock is one: it pins nothing, and that is said.
    try repository.write("", to: "recipe.lock")
    #expect(try repository.run("check", "recipe.yaml").output.contains("reads 2 files that recipe.lock does not pin"))
  }

  /// The lock is that of the recipe that is run, also for what recipes in use load, by whatever way to it; names are as
  /// `sha256sum` writes them.
  @Test func recipesInUseAndOddNames() throws {
    let repository = try Repository(
      """
      recipe: outer
      stages: { inner: { use: { recipe: ../recipes/inner.yaml } } }
      outputs: [inner.faces]
      """, faces: [])
    for folder in ["recipes", "outer"] {
      try FileManager.default.createDirectory(atPath: repository.path(folder), withIntermediateDirectories: true)
    }
    try FileManager.default.moveItem(atPath: repository.path("recipe.yaml"), toPath: repository.path("outer/o.yaml"))
    try repository.write(
      "recipe: inner\nstages: { faces: { load: { images: ../faces/*.png } } }\noutputs: { faces: faces }\n",
      to: "recipes/inner.yaml")
    try repository.addFace("two\nlines \\ and a stroke")
    let pinned = try repository.run("pin", "outer/o.yaml")
    #expect(pinned.status == 0, "\(pinned)")
    let digest = Digest(of: try repository.data("faces/two\nlines \\ and a stroke.png")).hex
    #expect(try repository.text("outer/o.lock") == "\\\(digest)  ../faces/two\\nlines \\\\ and a stroke.png\n")
    #expect(try repository.run("run", "outer/o.yaml").status == 0)
    try repository.write(Data("no picture".utf8), to: "faces/two\nlines \\ and a stroke.png")
    let refused = try repository.run("run", "outer/o.yaml")
    #expect(refused.status == 2 && refused.errors.contains("not the file that the recipe's lock pins"))
  }

  @Test(
    arguments: [
      ("deadbeef  faces/ada.png\n", "recipe.lock:1:1: error: not a SHA-256, two spaces and a path"),
      ("<<<<<<< HEAD\n", "recipe.lock:1:1: error: not a SHA-256"),
      (
        String(repeating: "0", count: 64) + "  faces/ada.png\n" + String(repeating: "1", count: 64)
          + "  ./faces/ada.png\n", "recipe.lock:2:1: error: pins './faces/ada.png' a second time, as another file"
      ),
      ("\\" + String(repeating: "0", count: 64) + "  faces/a\\x\n", "recipe.lock:1:1: error: not a SHA-256"),
    ])
  func aLockThatIsNone(text: String, message: String) throws {
    let repository = try Repository(Self.recipe, faces: ["ada"])
    try repository.write(text, to: "recipe.lock")
    for command in ["check", "run", "pin"] {
      let outcome = try repository.run(command, "recipe.yaml")
      #expect(outcome.status == 2 && outcome.errors.contains(message), "\(command): \(outcome.errors)")
    }
    #expect(try repository.text("recipe.lock") == text)
  }

  @Test func nothingToPin() throws {
    let repository = try Repository("recipe: made\nstages: { faces: { synthesize: { count: 1 } } }\n")
    let outcome = try repository.run("pin", "recipe.yaml")
    #expect(outcome.status == 2 && outcome.errors.contains("there is nothing to pin"))
    #expect(repository.names(in: ".").contains("recipe.lock") == false)
    // What is no plain file is no lock.
    try FileManager.default.createDirectory(atPath: repository.path("recipe.lock"), withIntermediateDirectories: true)
    let folder = try repository.run("check", "recipe.yaml")
    #expect(folder.status == 2 && folder.errors.contains("recipe.lock"))
  }

  /// What `plan --out` writes down holds on the machine that executes it.
  @Test func plansForOtherMachinesCarryIt() throws {
    let repository = try Repository(Self.recipe, faces: ["ada"])
    try repository.run("pin", "recipe.yaml")
    #expect(try repository.run("plan", "recipe.yaml", "--out", "plan.json").status == 0)
    try repository.addFace("eve")
    try repository.write(repository.data("faces/eve.png"), to: "faces/ada.png")
    let outcome = try repository.run("exec", "--plan", "plan.json", "--action", "faces")
    #expect(outcome.status == 2 && outcome.errors.contains("not the file that the recipe's lock pins"), "\(outcome)")
  }
}
