import ArtifactStore
import Foundation
import JSONSyntax
import Testing

/// The program as a package installs it, in `bin` beside `share/diffusionclip`: its recipes, what of them is copied, and
/// the library that recipes anywhere use.
struct InstallationTests {
  private static let tiny = """
    recipe: tiny
    description: As little as can be (paper Fig. 4a). It is
      measured, too.
    stages:
      faces: { load: { images: ../Fixtures/faces/*.png, size: 16 } }
      scores: { metric: { images: faces, reference: faces, measures: [mae] } }
    """

  private static let measure = """
    recipe: measure
    inputs: { images: images }
    stages: { measured: { metric: { images: images, reference: images, measures: [mae] } } }
    outputs: { result: measured }
    """

  private static let mine = """
    recipe: mine
    stages:
      p: { synthesize: { count: 2, size: 16 } }
      m: { use: { recipe: library/measure.yaml, images: p } }
      t: { table: { rows: [m.result] } }
    """

  /// A user's folder with the recipe `mine`, in which the link `root` leads to where the program is installed.
  private func installed(withRecipes: Bool = true) throws -> Repository {
    var repository = try Repository(Self.mine, faces: ["ada"])
    let files = FileManager.default
    try files.createSymbolicLink(
      atPath: repository.path("root"), withDestinationPath: try Repository("recipe: none", faces: []).folder)
    for folder in ["root/bin", "root/share/diffusionclip/Recipes/library", "root/share/diffusionclip/Fixtures/faces"] {
      try files.createDirectory(atPath: repository.path(folder), withIntermediateDirectories: true)
    }
    repository.program = repository.path("root/bin/diffusionclip")
    // A link would lead the program to where it was built. Nobody starts a program while a file of it is open to be
    // written, as it would be in a process that another test starts meanwhile: so it is copied by a process of its own.
    do { try files.linkItem(atPath: Program.executable, toPath: repository.program) } catch {
      try Process.run(URL(filePath: "/bin/cp"), arguments: [Program.executable, repository.program]).waitUntilExit()
    }
    guard withRecipes else {
      try files.removeItem(atPath: repository.path("root/share"))
      return repository
    }
    try repository.write(Self.tiny, to: "root/share/diffusionclip/Recipes/tiny.yaml")
    try repository.write(Self.measure, to: "root/share/diffusionclip/Recipes/library/measure.yaml")
    try files.copyItem(
      atPath: repository.path("faces/ada.png"),
      toPath: repository.path("root/share/diffusionclip/Fixtures/faces/ada.png"))
    return repository
  }

  private func share(_ repository: Repository) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: resolved(repository.path("root/share"))).sorted()
  }

  /// A path without links.
  private func resolved(_ path: String) -> String { URL(filePath: path).resolvingSymlinksInPath().path }

  // MARK: The list

  @Test func recipesAreListed() throws {
    let repository = try installed()
    let folder = resolved(repository.path("root/share/diffusionclip"))
    let listed = try repository.run("recipes")
    #expect(
      listed.output == """
        Recipes/tiny.yaml             As little as can be (paper Fig. 4a).
        Recipes/library/measure.yaml

        They lie in \(folder). Run one by its path, or copy them all with --to to change them.

        """)
    let json = try repository.run("recipes", "--json").lines[0]
    #expect(json["folder"]?.string == folder)
    #expect(json["recipes"]?.array?.map { $0["recipe"] } == ["tiny", "measure"])
    let tiny = json["recipes"]?.array?.first
    #expect(tiny?["file"] == "Recipes/tiny.yaml" && tiny?["path"]?.string == "\(folder)/Recipes/tiny.yaml")
    #expect(tiny?["description"] == "As little as can be (paper Fig. 4a). It is measured, too.")
  }

  @Test func aProgramWithoutRecipesSaysWhereItLooked() throws {
    let repository = try installed(withRecipes: false)
    let root = resolved(repository.path("root"))
    for arguments in [["recipes"], ["recipes", "--to", "copy"]] {
      let outcome = try repository.run(arguments)
      #expect(outcome.status == 2)
      #expect(
        outcome.errors.hasPrefix(
          "no recipes came with this program; looked for \(root)/share/diffusionclip/Recipes: install the whole package"
        ),
        "\(outcome.errors)")
    }
    let used = try repository.run("check", "recipe.yaml")
    #expect(used.status == 2)
    #expect(
      used.errors.contains(
        "help: looked for \(resolved(repository.folder))/library/measure.yaml; no recipes came with this program; looked for \(root)/"
      ),
      "\(used.errors)")
    #expect(repository.names(in: ".") == [".git", "faces", "recipe.yaml", "root"])
  }

  // MARK: Copies

  @Test func aCopyRunsAndIsMadeOnce() throws {
    let repository = try installed()
    // Neither of these came with the program.
    try FileManager.default.createDirectory(
      atPath: repository.path("root/share/diffusionclip/Recipes/__pycache__"), withIntermediateDirectories: true)
    for file in ["__pycache__/sharpness.pyc", ".tiny.yaml.swp"] {
      try repository.write("", to: "root/share/diffusionclip/Recipes/\(file)")
    }
    let first = try repository.run("recipes", "--to", "my copy", "--json").lines[0]
    #expect(
      first["files"]?.array?.compactMap(\.string) == [
        "my copy/Fixtures/faces/ada.png", "my copy/Recipes/library/measure.yaml", "my copy/Recipes/tiny.yaml",
      ])
    #expect(first["unchanged"] == 0)
    #expect(try repository.run("run", "my copy/Recipes/tiny.yaml").status == 0)
    // Only what is missing is written again, beside whatever else is there.
    try repository.write("mine", to: "my copy/Recipes/other.yaml")
    try FileManager.default.removeItem(atPath: repository.path("my copy/Recipes/tiny.yaml"))
    let second = try repository.run("recipes", "--to", "my copy")
    #expect(
      second.output == """
        copied 1 file to my copy; 2 are there already
        begin with: cd 'my copy' && diffusionclip run Recipes/quickstart.yaml

        """)
    #expect(try repository.text("my copy/Recipes/tiny.yaml") == Self.tiny)
    #expect(try repository.text("my copy/Recipes/other.yaml") == "mine")
  }

  @Test func whatIsThereIsNotOverwritten() throws {
    let repository = try installed()
    let files = FileManager.default
    try files.createDirectory(atPath: repository.path("copy/Recipes/tiny.yaml"), withIntermediateDirectories: true)
    try files.createDirectory(atPath: repository.path("copy/Recipes/library"), withIntermediateDirectories: true)
    try repository.write(Self.measure + "# mine\n", to: "copy/Recipes/library/measure.yaml")
    let refused = try repository.run("recipes", "--to", "copy")
    #expect(refused.status == 2)
    #expect(
      refused.errors == """
        nothing was copied to copy, where something would be overwritten:
          copy/Recipes/library/measure.yaml: it differs from the one that came with the program
          copy/Recipes/tiny.yaml: it is a folder, not a plain file
        move it away, or choose another folder with --to

        """)
    #expect(repository.names(in: "copy") == ["Recipes"])
  }

  @Test func noLinkAndNoFileIsFollowedOnTheWay() throws {
    let repository = try installed()
    let files = FileManager.default
    for folder in ["outside", "copy"] {
      try files.createDirectory(atPath: repository.path(folder), withIntermediateDirectories: true)
    }
    try files.createSymbolicLink(atPath: repository.path("copy/Recipes"), withDestinationPath: "../outside")
    try repository.write("a letter", to: "copy/Fixtures")
    let refused = try repository.run("recipes", "--to", "copy")
    #expect(refused.status == 2)
    #expect(
      refused.errors.hasPrefix(
        """
        nothing was copied to copy, where something would be overwritten:
          copy/Fixtures: it is a file where a folder is to be
          copy/Recipes: it is a symbolic link where a folder is to be

        """), "\(refused.errors)")
    #expect(repository.names(in: "outside").isEmpty)
    #expect(try repository.text("copy/Fixtures") == "a letter")
    // The folder itself is as the user names it.
    try files.createSymbolicLink(atPath: repository.path("link"), withDestinationPath: "outside")
    #expect(try repository.run("recipes", "--to", "link").status == 0)
    #expect(repository.names(in: "outside") == ["Fixtures", "Recipes"])
  }

  @Test(arguments: ["recipe.yaml", "recipe.yaml/below", "/dev/null", "link"])
  func aPlaceThatIsNoFolderIsRefused(place: String) throws {
    let repository = try installed()
    try FileManager.default.createSymbolicLink(atPath: repository.path("link"), withDestinationPath: "recipe.yaml")
    let refused = try repository.run("recipes", "--to", place)
    #expect(refused.status == 2)
    #expect(
      refused.errors.hasPrefix("cannot write \(place): ")
        && refused.errors.hasSuffix("; choose another folder with --to\n"), "\(refused.errors)")
    #expect(try repository.run("recipes", "--to", "").status == 64)
  }

  /// The superuser may write anywhere.
  @Test(.enabled(if: geteuid() != 0)) func aFolderOfOthersIsRefused() throws {
    let repository = try installed()
    try #require(mkdir(repository.path("locked"), 0o500) == 0)
    let refused = try repository.run("recipes", "--to", "locked/copy")
    #expect(refused.status == 2)
    #expect(refused.errors == "cannot write locked/copy: not permitted; choose another folder with --to\n")
  }

  @Test func aKilledCopyIsFinishedByTheNext() throws {
    let repository = try installed()
    for number in 0..<200 {
      try repository.write("weights \(number)", to: "root/share/diffusionclip/Fixtures/\(number).bin")
    }
    let copying = try repository.start(["recipes", "--to", "copy"])
    while repository.names(in: "copy/Fixtures").count < 20 { usleep(500) }
    copying.end(by: SIGKILL)
    let half = repository.names(in: "copy/Fixtures").filter { $0.hasSuffix(".bin") }
    #expect(half.count < 200)
    for name in half { #expect(try repository.text("copy/Fixtures/\(name)").hasPrefix("weights ")) }
    #expect(try repository.run("recipes", "--to", "copy").status == 0)
    #expect(repository.names(in: "copy/Fixtures").filter { $0.hasSuffix(".bin") }.count == 200)
  }

  // MARK: The library

  /// Where the library lies is in no key: what one made is there for the other.
  @Test func theInstalledLibraryIsUsedFromAnywhere() throws {
    let repository = try installed()
    let first = try repository.run("run", "recipe.yaml", "--json")
    #expect(first.status == 0, "\(first.errors)")
    #expect(try first.ran.filter { $0.hasPrefix("m.measured") }.count == 2)
    let texts = try repository.json("\(repository.latest("mine"))/recipe.json").array?.compactMap { $0["file"]?.string }
    #expect(texts == ["recipe.yaml", "diffusionclip/Recipes/library/measure.yaml"])

    try FileManager.default.copyItem(
      atPath: repository.path("root/share/diffusionclip/Recipes/library"), toPath: repository.path("library"))
    let own = try repository.run("plan", "recipe.yaml", "--json").lines[0]
    #expect(own["counts"]?["run"] == 0)
    // What lies beside the recipe comes first.
    try repository.write(Self.measure.replacing("measured", with: "own"), to: "library/measure.yaml")
    let checked = try repository.run("check", "recipe.yaml", "--json").lines[0]
    #expect(checked["stages"]?.array?.compactMap(\.string) == ["p", "m.own", "t"])
    // Also where it is of no use: that is not passed over in silence.
    try repository.write("recipe: [", to: "library/measure.yaml")
    #expect(try repository.run("check", "recipe.yaml").errors.hasPrefix("library/measure.yaml:"))
    try FileManager.default.removeItem(atPath: repository.path("library/measure.yaml"))
    try FileManager.default.createSymbolicLink(
      atPath: repository.path("library/measure.yaml"), withDestinationPath: "nowhere")
    #expect(try repository.run("check", "recipe.yaml").status == 2)
  }

  @Test func aLibraryRecipeThatIsNowhere() throws {
    let repository = try installed()
    try repository.write(Self.mine.replacing("measure.yaml", with: "paint.yaml"), to: "recipe.yaml")
    let nowhere = try repository.run("check", "recipe.yaml")
    #expect(nowhere.status == 2)
    #expect(
      nowhere.errors == """
        recipe.yaml:4:23: error: no such recipe file: 'library/paint.yaml'
           4 |   m: { use: { recipe: library/paint.yaml, images: p } }
             |                       ^
             help: looked for \(resolved(repository.folder))/library/paint.yaml and \
        \(resolved(repository.path("root")))/share/diffusionclip/Recipes/library/paint.yaml; `diffusionclip recipes` lists what came with the program

        """)
    try repository.write(Self.mine.replacing("measure.yaml", with: "measrue.yaml"), to: "recipe.yaml")
    #expect(
      try repository.run("check", "recipe.yaml").errors.contains("help: did you mean 'library/measure.yaml'?\n"))
    // No way leads out of the library.
    for path in ["library/../tiny.yaml", "library/", "tiny.yaml"] {
      try repository.write(Self.mine.replacing("library/measure.yaml", with: path), to: "recipe.yaml")
      #expect(try repository.run("check", "recipe.yaml").status == 2, "\(path)")
    }
  }

  /// A recipe that is run where it was installed leaves nothing there.
  @Test func anInstalledRecipeRunsInTheCurrentFolder() throws {
    let repository = try installed()
    let before = try share(repository)
    let recipe = "root/share/diffusionclip/Recipes/tiny.yaml"
    let outcome = try repository.run("run", recipe)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try share(repository) == before)
    #expect(repository.names(in: ".diffusionclip").contains("objects"))
    let record = try repository.json("\(repository.latest("tiny"))/run.json")
    #expect(record["file"] == "tiny.yaml")
    #expect(try repository.run("plan", recipe, "--json").lines[0]["counts"]?["run"] == 0)
    #expect(try repository.run("runs", "list", "--json").output.contains("\"tiny\""))
    #expect(try repository.run("gc").status == 0)
  }
}
