import Foundation
import Testing

/// Inputs of a `script` under names of the recipe's choice: they follow sweeps, recipes in use and plans like any other.
struct ScriptInputTests {
  private static let count = """
    for input in inputs/*; do echo "$(basename "$input"),$(ls "$input" | wc -l)"; done >outputs/rows.csv.part
    (echo name,count; cat outputs/rows.csv.part) >outputs/rows.csv; rm outputs/rows.csv.part
    """

  private func repository(_ recipe: String, _ more: [String: String] = [:]) throws -> Repository {
    let repository = try Repository(recipe)
    for (name, text) in more.merging(["count.sh": Self.count], uniquingKeysWith: { $1 }) {
      try repository.write(text, to: name)
    }
    return repository
  }

  private func run(_ repository: Repository, _ more: String...) throws -> Outcome {
    try repository.run(["run", "recipe.yaml", "--json", "--allow-scripts"] + more)
  }

  /// A reference may be a parameter: one stage measures several others.
  @Test func aSweptReferenceRepeatsTheStage() throws {
    let repository = try repository(
      """
      recipe: swept
      params: { method: { sweep: [all, some] } }
      stages:
        all: { load: { images: faces/*.png } }
        some: { load: { images: "faces/{ada,bob}.png" } }
        counted: { script: { command: [sh, count.sh], files: [count.sh], inputs: { these: "${method}" }, outputs: { rows: table } } }
        both: { script: { command: [sh, count.sh], files: [count.sh], inputs: { x: all, y: some }, outputs: { rows: table } } }
      outputs: [counted, both]
      """)
    let outcome = try run(repository)
    #expect(outcome.status == 0, "\(outcome)")
    #expect(try repository.text("\(repository.latest("swept"))/counted@method=all.csv") == "name,count\nthese,3\n")
    #expect(try repository.text("\(repository.latest("swept"))/counted@method=some.csv") == "name,count\nthese,2\n")
    #expect(try repository.text("\(repository.latest("swept"))/both.csv") == "name,count\nx,3\ny,2\n")
    // Their order is none; another name is another input.
    let text = try repository.text("recipe.yaml")
    try repository.write(text.replacing("{ x: all, y: some }", with: "{ y: some, x: all }"), to: "recipe.yaml")
    #expect(try run(repository).ran == [])
    try repository.write(text.replacing("{ x: all, y: some }", with: "{ x: all, z: some }"), to: "recipe.yaml")
    #expect(try run(repository).ran == ["both"])
    // A folder of pictures that changes runs what sees it.
    try FileManager.default.removeItem(atPath: repository.path("faces/cyd.png"))
    #expect(try run(repository).ran.contains("both"))
    #expect(try repository.run("dag", "recipe.yaml", "--format", "text").output.contains("both"))
  }

  /// Of a library's optional input that is not given nothing is laid out.
  @Test func optionalInputsOfALibrary() throws {
    let library = """
      recipe: library
      inputs: { first: images, second: { type: images, optional: true } }
      stages:
        counted:
          script:
            command: [sh, count.sh]
            files: [../count.sh]
            inputs: { first: first, second: second }
            outputs: { rows: table }
      outputs: { rows: counted }
      """
    let repository = try repository(
      """
      recipe: using
      stages:
        faces: { load: { images: faces/*.png } }
        one: { use: { recipe: library/library.yaml, first: faces } }
        two: { use: { recipe: library/library.yaml, first: faces, second: faces } }
      outputs: [one.rows, two.rows]
      """)
    try FileManager.default.createDirectory(atPath: repository.path("library"), withIntermediateDirectories: true)
    try repository.write(library, to: "library/library.yaml")
    let outcome = try run(repository)
    #expect(outcome.status == 0, "\(outcome)")
    #expect(try repository.text("\(repository.latest("using"))/one.counted.csv") == "name,count\nfirst,3\n")
    #expect(try repository.text("\(repository.latest("using"))/two.counted.csv") == "name,count\nfirst,3\nsecond,3\n")
  }

  /// An item's name is something that a program sees: pictures of the same bytes are two items.
  @Test func namesOfItemsCount() throws {
    let repository = try repository(
      """
      recipe: names
      stages:
        faces: { load: { images: faces/*.png } }
        named:
          script:
            command: [sh, name.sh]
            files: [name.sh]
            inputs: { images: faces }
            each: [images]
            outputs: { scores: metrics }
      outputs: [named]
      """,
      [
        "name.sh":
          "n=$(basename inputs/images/*.png .png); echo \"{\\\"length\\\": ${#n}}\" >\"outputs/scores/$n.json\""
      ])
    try repository.write(repository.data("faces/ada.png"), to: "faces/a longer one.png")
    let outcome = try run(repository)
    #expect(outcome.status == 0, "\(outcome)")
    let table = try repository.text("\(repository.latest("names"))/named.csv")
    #expect(table.contains("\nada,3.0\n") && table.contains("a longer one,12.0\n"), "\(table)")
  }

  /// A new picture runs the program once, a gone one not at all; inputs that are not gone over count whole.
  @Test func itemByItem() throws {
    let repository = try repository(
      """
      recipe: items
      stages:
        faces: { load: { images: faces/*.png } }
        others: { load: { images: "faces/{ada,bob}.png" } }
        named:
          script:
            command: [sh, -c, "cp inputs/images/* outputs/images/; ls inputs/whole inputs/same"]
            inputs: { images: faces, same: faces, whole: others }
            each: [images, same]
            outputs: { images: images }
      outputs: [named]
      """)
    let first = try repository.run("run", "recipe.yaml", "--allow-scripts")
    #expect(
      first.status == 0 && first.errors.contains("named/cyd: cyd.png\n")
        && first.errors.contains("named/cyd: bob.png\n"))
    #expect(!first.errors.contains("named/cyd: faces"))
    try repository.addFace("dee")
    #expect(try run(repository).ran.filter { $0.hasPrefix("named") } == ["named/dee"])
    try repository.addFace("bob")
    try repository.write(repository.data("faces/dee.png"), to: "faces/bob.png")
    #expect(
      Set(try run(repository).ran.filter { $0.hasPrefix("named") }) == [
        "named/ada", "named/bob", "named/cyd", "named/dee",
      ])
    // Items that the other set lacks are said before anything runs.
    try repository.write(
      repository.text("recipe.yaml").replacing("same: faces", with: "same: others"), to: "recipe.yaml")
    let check = try repository.run("check", "recipe.yaml")
    #expect(
      check.status == 2 && check.errors.contains("has no item 'cyd', 'dee' for 'inputs.images'"), "\(check.errors)")
  }
}
