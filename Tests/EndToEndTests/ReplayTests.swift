import Foundation
import Testing

/// What records keep of a run is what was run.
struct ReplayTests {
  private static let recipe = """
    recipe: titles
    params: { title: { sweep: [a, b] }, size: { sweep: [16, 24] } }
    stages:
      faces: { load: { images: faces/*.png, size: "${size}" } }
      sheet: { figure: { rows: [faces], title: "${title} ${size}" } }
    """

  private func damage(_ repository: Repository) throws {
    for folder in repository.names(in: ".diffusionclip/objects") {
      for name in repository.names(in: ".diffusionclip/objects/\(folder)") {
        let path = repository.path(".diffusionclip/objects/\(folder)/\(name)")
        try FileManager.default.removeItem(atPath: path)
        try Data("damaged".utf8).write(to: URL(filePath: path))
      }
    }
  }

  @Test(arguments: [
    #"title=["happy, tanned face", sketch]"#, "title=[\"caf\u{E9}\", \"cafe\u{301}\"]", #"title=["1", "[a, b]"]"#,
    "title=happy, tanned face", "title=  [", "title=a\nb", "title=${size}", #"title=["true", "null"]"#,
  ])
  func repairMakesWhatWasMade(overlay: String) throws {
    let repository = try Repository(Self.recipe, faces: ["ada"])
    let arguments = ["run", "recipe.yaml", "--set", overlay, "--set", "size=16"]
    try #require(repository.run(arguments).status == 0)
    try damage(repository)
    let repaired = try repository.run("verify", "--repair")
    #expect(repaired.status == 0, "\(repaired.errors)")
    let again = try repository.run(arguments + ["--json"])
    #expect(try again.status == 0 && again.ran == [], "\(overlay)")
    #expect(repository.names(in: ".diffusionclip/runs").count == 1, "the same run, not another one")
  }

  @Test func whatCannotBeMadeAgainIsSaid() throws {
    let repository = try Repository(Self.recipe, faces: ["ada"])
    try #require(repository.run("run", "recipe.yaml").status == 0)
    try repository.write(Self.recipe.replacing("${title} ${size}", with: "${title}: ${size}"), to: "recipe.yaml")
    try damage(repository)
    let repaired = try repository.run("verify", "--repair")
    #expect(repaired.status == 1)
    #expect(repaired.errors.contains("4 of the actions that were damaged or missing could not be made again"))
  }

  // MARK: Addresses

  @Test func addressesMayLeaveAxesOpen() throws {
    let repository = try Repository(Self.recipe, faces: ["ada"])
    try #require(repository.run("run", "recipe.yaml").status == 0)
    func shown(_ address: String) throws -> [String] {
      let outcome = try repository.run("show", "recipe.yaml", address, "--json")
      guard outcome.status == 0 else { return [outcome.errors] }
      return try #require(outcome.lines[0].array).compactMap { $0["stage"]?.string }
    }
    #expect(try shown("sheet[size=16]") == ["sheet[title=a,size=16]", "sheet[title=b,size=16]"])
    #expect(try shown("sheet[title=b].figure") == ["sheet[title=b,size=16]", "sheet[title=b,size=24]"])
    #expect(try shown("sheet[size=1.6e1,title=\"a\"]") == ["sheet[title=a,size=16]"])
    #expect(try shown("sheet.figure").count == 4)
    #expect(
      try shown("sheet[sizes=16]") == [
        "'sheet' has no axis 'sizes'; did you mean 'size'? it is swept along title (a, b) and size (16, 24)\n"
      ])
    #expect(try shown("sheet[size=17]") == ["'size' of 'sheet' is never '17'; did you mean '16'? it is 16, 24\n"])
    #expect(try shown("sheet.foo") == ["'sheet' has no output 'foo'; it has figure\n"])
    #expect(
      try shown("sheet[size=16") == [
        "'sheet[size=16' names nothing: write stage, stage[axis=value] or stage[axis=value].port\n"
      ])
    #expect(try repository.run("export", "recipe.yaml", "sheet[size=24]", "--to", "out").status == 0)
    #expect(repository.names(in: "out").count == 4, "PNG and SVG of two")
    let forced = try repository.run(
      "run", "recipe.yaml", "--only", "sheet[size=16]", "--force", "sheet[title=a]", "--json")
    #expect(try forced.ran == ["sheet[title=a,size=16]"])
    let why = try repository.run("why", "recipe.yaml", "sheet[size=16,title=c]")
    #expect(why.status == 2)
    #expect(
      why.errors == "'title' of 'sheet' is never 'c'; did you mean 'a'? it is a, b\n"
        || why.errors == "'title' of 'sheet' is never 'c'; it is a, b\n")
  }
}
