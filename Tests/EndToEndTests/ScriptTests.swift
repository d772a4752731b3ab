import Foundation
import JSONSyntax
import TestSupport
import Testing

/// `script`: programs of the user's as stages. They are of `sh` here.
struct ScriptTests {
  /// Copies pictures, item by item, and counts their bytes.
  private static let copy = """
    # strength $1
    cp inputs/images/* outputs/images/
    for file in inputs/images/*.png; do
      name=$(basename "$file" .png)
      echo "{\\"size\\": $(wc -c <"$file"), \\"one\\": 1}" >"outputs/scores/$name.json"
    done
    """

  /// Lists all of them at once.
  private static let list = """
    cp inputs/images/* outputs/again/
    (echo item,size,kind; for file in inputs/images/*; do echo "$(basename "$file" .png),$(wc -c <"$file"),"; done) \\
      >outputs/scores.csv
    (echo name,number; echo a,1; echo b,) >outputs/rows.csv
    cp "$(ls inputs/images/* | head -n 1)" outputs/sheet.png
    """

  private static let recipe = """
    recipe: own
    params: { strength: 0.5 }
    stages:
      faces: { load: { images: faces/*.png } }
      latents: { perturb: { images: faces } }
      copied:
        script:
          command: [sh, copy.sh, "${strength}"]
          files: [copy.sh]
          inputs: { images: faces, x: latents }
          outputs: { scores: metrics, images: images }
          each: [images, x]
        expect: { size: "> 100", one: "== 1" }
      listed:
        script:
          command: [sh, list.sh]
          files: list.sh
          inputs: { images: copied, model: latents }
          outputs: { again: images, scores: metrics, rows: table, sheet: figure }
      mae: { metric: { images: listed, reference: faces, measures: [mae] } }
      table: { table: { rows: { copied: copied.scores, listed: listed.scores, mae: mae } } }
      figure: { figure: { rows: [faces, copied, listed.again] } }
    outputs: [table, figure, copied.scores, listed.rows, listed.sheet]
    """

  static func repository(_ recipe: String = recipe, _ programs: [String: String] = [:]) throws -> Repository {
    let repository = try Repository(recipe)
    for (name, text) in ["copy.sh": copy, "list.sh": list].merging(programs, uniquingKeysWith: { $1 }) {
      try repository.write(text, to: name)
    }
    return repository
  }

  private func run(_ repository: Repository, _ more: String...) throws -> Outcome {
    try repository.run(["run", "recipe.yaml", "--json", "--allow-scripts"] + more)
  }

  // MARK: What it does

  @Test func picturesAndNumbersOfAProgramAreLikeAnyOther() throws {
    let repository = try Self.repository()
    let outcome = try run(repository)
    #expect(outcome.status == 0, "\(outcome)")
    let table = try repository.text("\(repository.latest("own"))/table.csv")
    #expect(
      table.hasPrefix("name,one,size,kind,mae\ncopied,1.0,") || table.hasPrefix("name,size,one,kind,mae\ncopied,"))
    #expect(table.contains("\nmae,,,,0.0\n"))
    #expect(try repository.text("\(repository.latest("own"))/listed.rows.csv") == "name,number\na,1\nb,\n")
    #expect(try repository.text("\(repository.latest("own"))/copied.scores.csv").contains("\nbob,"))
    // Bare references mean the pictures.
    #expect(try repository.digests("own")["copied.images"] == repository.digests("own")["listed.again"])
    #expect(repository.names(in: ".diffusionclip/attempts").isEmpty)
    // All of it is cached, for anybody.
    #expect(try repository.run("run", "recipe.yaml", "--json").ran == [])
    #expect(try repository.run("verify").status == 0)
  }

  @Test func aChangedLineRunsThatStageAndWhatFollows() throws {
    let repository = try Self.repository()
    try #require(try run(repository).status == 0)
    try repository.write(Self.list + "\n# changed\n", to: "list.sh")
    #expect(try repository.run("why", "recipe.yaml", "listed").output.contains("listed: source files: list.sh changed"))
    // What it makes is the same, so that nothing follows.
    #expect(try run(repository).ran == ["listed"])
    try repository.write(Self.list.replacing("a,1", with: "a,2"), to: "list.sh")
    #expect(try run(repository).ran == ["listed"])
    #expect(try repository.text("\(repository.latest("own"))/listed.rows.csv").contains("a,2"))
    try repository.write(Self.copy.replacing("\"one\\\\\": 1", with: "\"one\\\\\": 1.0"), to: "copy.sh")
    try repository.write(Self.copy.replacing("$(wc -c <\"$file\")", with: "7"), to: "copy.sh")
    let ran = try run(repository, "--set", "strength=0.5")
    #expect(ran.status == 3)
    #expect(Set(try ran.ran) == ["copied/ada", "copied/bob", "copied/cyd", "table"])
    let why = try repository.run("why", "recipe.yaml", "copied", "--set", "strength=0.6").output
    #expect(why.contains("params.command: [sh, copy.sh, 0.5] → [sh, copy.sh, 0.6]"), "\(why)")
    // Neither time nor memory is in the key, nor is the name under which a file lies elsewhere.
    try repository.write(
      repository.text("recipe.yaml").replacing(
        "each: [images, x]", with: "each: [images, x]\n      timeout_s: 9\n      attempts: 2"),
      to: "recipe.yaml")
    #expect(try run(repository).ran == [])
    try repository.addFace("dan")
    #expect(Set(try run(repository).ran.filter { $0.hasPrefix("copied") }) == ["copied/dan"])
  }

  @Test func sweptCommandsAreRepeated() throws {
    let repository = try Self.repository(
      Self.recipe.replacing("strength: 0.5", with: "strength: { sweep: [1, 2.5, x y] }"),
      ["copy.sh": Self.copy + "\n[ \"$1\" != \"x y\" ] || echo said \"$1\"; env >&2"])
    let outcome = try repository.run("run", "recipe.yaml", "--allow-scripts", "--only", "copied")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("copied[strength=x y]/ada: said x y\n"), "\(outcome.errors)")
  }

  /// Words of a command arrive as they are written.
  @Test func wordsAreAsWritten() throws {
    let repository = try Self.repository(
      """
      recipe: words
      params: { version: 3.10 }
      stages:
        faces: { load: { images: faces/a*.png } }
        words:
          script:
            command: [sh, -c, 'echo "word" >outputs/words.csv; echo "$*" >>outputs/words.csv', x, 1.10, 007, 1e3, yes, 1_000, true, "${version}"]
            inputs: { images: faces }
            outputs: { words: table }
      outputs: [words]
      """)
    #expect(try run(repository).status == 0)
    #expect(
      try repository.text("\(repository.latest("words"))/words.csv") == "word\n1.10 007 1e3 yes 1_000 true 3.10\n")
  }

  @Test func theProgramSeesWhatIsNamed() throws {
    let repository = try Self.repository(
      """
      recipe: seen
      stages:
        faces: { load: { images: faces/a*.png } }
        seen:
          script:
            command: [sh, -c, 'env; ls; cat stage.json >outputs/rows.csv; cat; echo "$PWD" >&2']
            files: [faces/*.png, list.sh]
            inputs: { images: faces }
            outputs: { rows: table }
            environment: [GIVEN, MISSING]
            parameters: { number: 0.5, whole: 3, text: "a b", flag: true }
            seed: 7
      """)
    let outcome = try repository.run(
      ["run", "recipe.yaml", "--allow-scripts"], with: ["GIVEN": "by me", "SECRET": "mine", "DIFFUSIONCLIP_STORE": ""])
    let lines = Set(outcome.errors.split(separator: "\n").filter { $0.hasPrefix("seen: ") }.map { $0.dropFirst(6) })
    for line in [
      "GIVEN=by me", "LANG=C.UTF-8", "ada.png", "bob.png", "list.sh", "stage.json", "inputs", "outputs", "tmp",
    ] {
      #expect(lines.contains(Substring(line)), "\(line) of \(outcome.errors)")
    }
    #expect(!outcome.errors.contains("SECRET") && !outcome.errors.contains("MISSING"))
    // The description is no table, which shows it.
    #expect(outcome.status == 1 && outcome.errors.contains("outputs/rows.csv is no CSV"), "\(outcome.errors)")
  }

  @Test func itsDescriptionTellsAll() throws {
    let repository = try Self.repository(
      Self.recipe,
      ["copy.sh": Self.copy + "\ncp stage.json \"\(NSTemporaryDirectory())stage-$$.json\"; echo \"stage-$$.json\""])
    let outcome = try repository.run("run", "recipe.yaml", "--allow-scripts", "--only", "copied")
    let log = try repository.run("show", "recipe.yaml", "copied.scores", "--log").output
    #expect(log.split(separator: "\n").count == 3 && log.contains("copied/bob: stage-"), "\(log)")
    let name = try #require(outcome.errors.split(separator: "\n").first { $0.hasPrefix("copied/ada: stage-") })
    let path = NSTemporaryDirectory() + name.dropFirst("copied/ada: ".count)
    let stage = try JSON(parsing: Data(contentsOf: URL(filePath: path)))
    #expect(stage["version"] == 1 && stage["item"] == "ada" && stage["seed"] == 0)
    #expect(stage["inputs"]?["x"]?["items"]?.array?[0]["file"] == "inputs/x/ada.safetensors")
    #expect(stage["outputs"]?["images"]?["items"]?.array?[0]["file"] == "outputs/images/ada.png")
    #expect(stage["outputs"]?["scores"]?["type"] == "metrics" && stage["progress"] == 3)
  }

  @Test func progressIsShown() throws {
    let repository = try Self.repository(
      Self.recipe,
      [
        "copy.sh": Self.copy + """

          echo '{"completed": 1, "total": 4, "values": {"loss": 0.25}}' >&3
          echo 'no JSON' >&3; echo '[]' >&3; head -c 100000 /dev/zero >&3; echo >&3
          sleep 0.2
          echo '{"completed": 4, "total": 4, "values": {"loss": "NaN"}}' >&3
          """
      ])
    let outcome = try run(repository, "--only", "copied")
    #expect(outcome.status == 0)
    let told = try outcome.lines.filter { $0["event"] == "progress" && $0["item"] == "ada" }
    #expect(told.map { $0["completed"]?.int } == [1, 4])
    try #require(told.count == 2)
    #expect(told[0]["values"]?["loss"]?.double == 0.25 && told[1]["values"]?.members == [])
  }

  /// A model goes through a program and on to stages that know nothing of it.
  @Test func networks() throws {
    let recipe = """
      recipe: nets
      stages:
        photos: { synthesize: { count: 2, size: 16 } }
        base:
          train: { network: diffusion, images: photos, steps: 1, batch_size: 1, warmup_steps: 1, channels: 8,
                   multipliers: [1, 2], attention: [8], groups: 4 }
        changed:
          script:
            command: [sh, change.sh]
            files: [change.sh]
            inputs: { model: base.model }
            outputs: { model: diffusion }
        noisy: { perturb: { images: photos } }
        back: { sample: { latents: noisy, model: changed, steps: 2 } }
      outputs: [changed, back]
      """
    let repository = try Self.repository(recipe, ["change.sh": "cp inputs/model.safetensors outputs/model.safetensors"])
    #expect(try run(repository).status == 0)
    let digests = try repository.digests("nets")
    #expect(digests["changed.model"] == digests["base.model"] && digests["changed.model"] != nil)
    for (program, message) in [
      (
        "head -c 2000 inputs/model.safetensors >outputs/model.safetensors",
        "`sh change.sh`: outputs/model.safetensors: "
      ),
      ("echo no model >outputs/model.safetensors", "`sh change.sh`: outputs/model.safetensors: "),
      ("true", "`sh change.sh`: there is no outputs/model.safetensors: the program has to write it"),
    ] {
      try repository.write(program, to: "change.sh")
      let outcome = try run(repository)
      #expect(outcome.status == 1 && outcome.errors.contains(message), "\(outcome.errors)")
    }
  }

  /// A bar that is drawn over and over is a line, as it was last.
  @Test func barsAndOtherLineEnds() throws {
    let repository = try Self.repository(
      Self.recipe, ["copy.sh": Self.copy + "\nprintf 'one\\r\\ntwo\\n10 %%\\r90 %%\\r100 %%\\n\\nlast\\r'"])
    try #require(try run(repository, "--only", "copied").status == 0)
    let log = try repository.run("show", "recipe.yaml", "copied", "--log").output
    #expect(
      log.split(separator: "\n").filter { $0.hasPrefix("copied/bob") }
        == ["copied/bob: one", "copied/bob: two", "copied/bob: 100 %", "copied/bob: ", "copied/bob: last"], "\(log)")
  }

  /// What nobody has measured is taken to need its time limit; then what it took counts.
  @Test func costs() throws {
    let repository = try Self.repository(
      Self.recipe.replacing("each: [images, x]", with: "each: [images, x]\n      timeout_s: 90"))
    func seconds(_ stage: String, _ more: String...) throws -> (seconds: Double?, megabytes: Double?) {
      let plan = try repository.run(["plan", "recipe.yaml", "--cost", "--json"] + more).lines[0]
      let found = plan["stages"]?.array?.first { $0["id"]?.string == stage }
      return (found?["seconds"]?.double, found?["peak_megabytes"]?.double)
    }
    #expect(try seconds("copied").seconds == 90 && seconds("listed").seconds == 3600)
    #expect(try (2064..<2100).contains(seconds("listed").megabytes ?? 0))
    try #require(try run(repository).status == 0)
    #expect(try seconds("copied", "--set", "strength=2").seconds ?? 90 < 20)
  }

  // MARK: Permission

  @Test func nothingIsStartedWithoutPermission() throws {
    let repository = try Self.repository()
    for command in ["check", "plan", "dag"] {
      #expect(try repository.run(command, "recipe.yaml").status == 0, "\(command)")
    }
    let refused = try repository.run("run", "recipe.yaml")
    #expect(refused.status == 2)
    #expect(
      refused.errors == """
        the recipe would start 2 programs on this machine, which needs your permission; nothing was run:
          copied: sh copy.sh 0.5
          listed: sh list.sh
        read these programs; if you trust them, give `run`, `exec` or `submit` --allow-scripts, or set DIFFUSIONCLIP_ALLOW_SCRIPTS=1

        """)
    #expect(repository.names(in: ".diffusionclip/actions").isEmpty, "not even what needs no program is done")
    #expect(try repository.run("run", "recipe.yaml", "--keep-going").status == 2)
    #expect(try repository.run(["run", "recipe.yaml"], with: ["DIFFUSIONCLIP_ALLOW_SCRIPTS": "yes"]).status == 2)
    #expect(try repository.run(["run", "recipe.yaml"], with: ["DIFFUSIONCLIP_ALLOW_SCRIPTS": "0"]).status == 2)
    #expect(try repository.run(["run", "recipe.yaml"], with: ["DIFFUSIONCLIP_ALLOW_SCRIPTS": "1"]).status == 0)
    #expect(try repository.run("run", "recipe.yaml", "--force", "listed").errors.contains("  listed: sh list.sh\n"))
  }

  /// Of several recipes none begins where one would start what is not allowed.
  @Test func foldersOfRecipes() throws {
    let repository = try Self.repository()
    try repository.write("recipe: plain\nstages: { p: { synthesize: { count: 1, size: 16 } } }", to: "a.yaml")
    let refused = try repository.run("run", ".")
    #expect(refused.status == 2 && refused.errors.contains("  copied: sh copy.sh 0.5\n"), "\(refused)")
    #expect(repository.names(in: "runs").isEmpty)
    #expect(try repository.run("run", ".", "--allow-scripts").status == 0)
    #expect(try repository.run("run", ".").status == 0)
  }

  /// No text of a recipe can add a line to the list of commands.
  @Test func commandsAreShownAsTheyAre() throws {
    let repository = try Self.repository(
      """
      recipe: r
      stages:
        s: { script: { command: [sh, -c, "echo 1\\nsafe: true \\e[2K"], outputs: { t: table } } }
      """)
    let refused = try repository.run("run", "recipe.yaml")
    #expect(refused.status == 2 && refused.errors.split(separator: "\n").count == 3, "\(refused.errors)")
    #expect(!refused.errors.unicodeScalars.contains("\u{1B}"))
  }

  @Test func aPlanCannotGrantIt() throws {
    let repository = try Self.repository()
    try #require(try repository.run("plan", "recipe.yaml", "--out", "plan.json").status == 0)
    func exec(_ stage: String, _ more: String...) throws -> Outcome {
      try repository.run(["exec", "--plan", "plan.json", "--action", stage] + more)
    }
    for stage in ["faces", "latents"] { #expect(try exec(stage).status == 0) }
    let plan = try repository.text("plan.json")
    try repository.write(plan.replacing("\"plan\": 1,", with: "\"plan\": 1, \"allow_scripts\": true,"), to: "plan.json")
    let refused = try exec("copied")
    #expect(refused.status == 2 && refused.errors.contains("  copied: sh copy.sh 0.5\n"), "\(refused)")
    try repository.write(plan, to: "plan.json")
    #expect(try exec("copied", "--allow-scripts").status == 0)
    #expect(try exec("copied").status == 0, "what is done needs none")
    for stage in ["listed", "mae", "table", "figure"] {
      #expect(try exec(stage, "--allow-scripts").status == 0, "\(stage)")
    }
    #expect(try repository.run("exec", "--plan", "plan.json", "--finish").status == 0)
    #expect(try repository.run("run", "recipe.yaml", "--json").ran == [])
    // One that names what no recipe can is refused.
    for (old, new) in [("inputs.images", "inputs.../images"), ("command\",", "commend\",")] {
      try repository.write(plan.replacing(old, with: new), to: "plan.json")
      #expect(try exec("copied", "--allow-scripts").status == 2, "\(new)")
    }
  }

  @Test func submissionsCarryItOnlyWhereItIsGiven() throws {
    let repository = try Self.repository()
    for engine in ["slurm", "snakemake"] {
      let refused = try repository.run("submit", "recipe.yaml", "--engine", engine)
      #expect(refused.status == 2 && refused.errors.contains("copied: sh copy.sh 0.5"))
      #expect(try repository.run("submit", "recipe.yaml", "--engine", engine, "--allow-scripts").status == 0)
      let folder = try #require(repository.names(in: ".diffusionclip/submissions").first)
      let script = try repository.text(".diffusionclip/submissions/\(folder)/exec.sh")
      #expect(script.contains(" --allow-scripts --wait "))
    }
    try #require(try run(repository).status == 0)
    #expect(try repository.run("submit", "recipe.yaml").status == 0, "nothing is left to start")
    let folder = try #require(repository.names(in: ".diffusionclip/submissions").first)
    #expect(try !repository.text(".diffusionclip/submissions/\(folder)/exec.sh").contains("allow"))
  }

  /// What a shared cache has needs no permission; what it lacks does, once that is known.
  @Test func whatIsFetchedNeedsNoPermission() throws {
    let (first, second) = (try Self.repository(), try Self.repository())
    let server = try CacheServer()
    let made = try run(first, "--cache", server.url, "--cache-mode", "write")
    try #require(made.status == 0, "\(made)")
    let fetched = try second.run("run", "recipe.yaml", "--json", "--cache", server.url)
    #expect(fetched.status == 0, "\(fetched)")
    #expect(try fetched.ran == [] && second.digests("own") == first.digests("own"))
    try second.write(Self.list + "\n# changed\n", to: "list.sh")
    let refused = try second.run("run", "recipe.yaml", "--cache", server.url)
    #expect(refused.status == 2 && refused.errors.contains("  listed: sh list.sh\n"), "\(refused)")
    #expect(try second.run("pull", "recipe.yaml", "--cache", server.url).status == 0)
  }

  // MARK: What is wrong with a recipe

  @Test(arguments: [
    ("command: [], outputs: { t: table }", "'command' is empty: give it at least one value"),
    ("command: ['', a], outputs: { t: table }", "'command' must start with the name of a program"),
    ("command: [sh], outputs: {}", "'outputs' is empty: name what the program makes"),
    ("command: [sh], outputs: { p: page }", "must be one of images, latents, diffusion, clip, identity, "),
    ("command: [sh], outputs: { m: clip }, inputs: { x: faces }, each: [x]", "'m' is a clip, but with 'each'"),
    ("command: [sh], outputs: { a.b: table }", "'a.b' cannot name an output"),
    ("command: [sh], outputs: { t: table }, inputs: { ../x: faces }", "'../x' cannot name an input"),
    ("command: [sh], outputs: { t: table }, inputs: { x: facs }", "did you mean 'faces'?"),
    ("command: [sh], outputs: { t: table }, inputs: [faces]", "'inputs' of 'script'"),
    ("command: [sh], outputs: { t: table }, inputs: { x: faces }, each: [x]", "'t' is a table, but with 'each'"),
    ("command: [sh], outputs: { i: images }, inputs: { x: faces }, each: [y]", "'y' is none of the inputs: they are x"),
    ("command: [sh], outputs: { i: images }, inputs: { x: scores }, each: [x, x]", "'each' has an input twice"),
    ("command: [sh], outputs: { i: images }, inputs: { x: table }, items: x", "'x' is a table, which has no items"),
    ("command: [sh], outputs: { t: table }, measures: [a]", "'measures' is about metrics, which no output is"),
    ("command: [sh], outputs: { t: table }, environment: [A=b]", "'A=b' is no name of a variable"),
    ("command: [sh], outputs: { t: table }, files: [nothing.py]", "no such file 'nothing.py'"),
    ("command: [sh], outputs: { t: table }, files: [stage.json]", "'stage.json' is what the program finds"),
    ("command: [sh], outputs: { t: table }, files: [copy.sh, copy.sh]", "names a file twice"),
  ])
  func slips(_ body: String, _ message: String) throws {
    let repository = try Self.repository(
      """
      recipe: slips
      stages:
        faces: { load: { images: faces/*.png } }
        scores: { metric: { images: faces, reference: faces, measures: [mae] } }
        table: { table: { rows: [scores] } }
        it: { script: { \(body) } }
      """, ["stage.json": "{}"])
    let outcome = try repository.run("check", "recipe.yaml")
    #expect(outcome.status == 2 && outcome.errors.contains(message), "\(outcome.errors)")
  }

  /// What a recipe says that it measures can be expected of; a misspelled one is found before anything runs.
  @Test func namedMeasures() throws {
    let named = Self.recipe.replacing("each: [images, x]", with: "each: [images, x]\n      measures: [size, one]")
    #expect(try run(Self.repository(named)).status == 0)
    let slip = try Self.repository(named.replacing("size: \"> 100\"", with: "sise: \"> 100\"")).run(
      "check", "recipe.yaml")
    #expect(slip.status == 2 && slip.errors.contains("did you mean 'size'?"), "\(slip.errors)")
    let other = try run(
      Self.repository(
        named.replacing("[size, one]", with: "[size, two]").replacing("one: \"== 1\"", with: "two: \"== 1\"")))
    #expect(other.status == 1)
    #expect(
      other.errors.contains("outputs/scores has 'size', 'one' of 'ada', expected 'size', 'two'"), "\(other.errors)")
  }
}
