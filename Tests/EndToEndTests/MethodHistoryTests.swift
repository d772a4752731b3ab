import Escaping
import Foundation
import JSONSyntax
import Testing

/// The history of a recipe with a method of one's own, as somebody sees it who works on that method.
struct MethodHistoryTests {
  private static let method = """
    # gain 1.5
    cp inputs/images/* outputs/images/
    for file in inputs/images/*; do echo "{\\"size\\": 1.5}" >"outputs/scores/$(basename "$file" .png).json"; done
    """

  private static let recipe = """
    recipe: own
    params: { gain: 1.5 }
    stages:
      faces: { load: { images: faces/*.png } }
      made:
        script:
          command: [sh, method.sh, "${gain}"]
          files: [mine/method.sh]
          inputs: { images: faces }
          each: [images]
          outputs: { images: images, scores: metrics }
          measures: [size]
      mae: { metric: { images: made, reference: faces, measures: [mae] } }
    outputs: [made.scores, mae]

    """

  private func repository(_ recipe: String = recipe, _ method: String = method) throws -> Repository {
    let repository = try Repository(recipe)
    try FileManager.default.createDirectory(atPath: repository.path("mine"), withIntermediateDirectories: true)
    try repository.write(method, to: "mine/method.sh")
    return repository
  }

  private func run(_ repository: Repository, _ more: String...) throws -> Outcome {
    try repository.run(["run", "recipe.yaml", "--allow-scripts"] + more)
  }

  // MARK: What changed

  @Test func anEditedProgramIsTold() throws {
    let repository = try repository()
    try #require(try run(repository, "--name", "first").status == 0)
    try repository.write(Self.method.replacing("1.5}", with: "1.45}"), to: "mine/method.sh")
    try #require(try run(repository).status == 0)
    let told = "mine/method.sh:3  line: for file in"
    let compared = try repository.run("compare", "own").output
    #expect(
      compared.contains("literals\n  " + told) && compared.contains("1.5}") && compared.contains("1.45}"), "\(compared)"
    )
    #expect(try repository.run("runs", "show", "own").output.contains("mine/method.sh:3"))
    #expect(try repository.run("runs", "list", "--columns", "edits", "--csv").output == "edits\n1\n0\n")
    let kept = try repository.json("\(repository.latest("own"))/recipe.json").array ?? []
    #expect(kept.map { $0["file"]?.string } == ["recipe.yaml", "mine/method.sh"])
    #expect(kept.last?["text"]?.string?.contains("1.45}") == true && kept.last?["digest"]?.string?.utf8.count == 64)
  }

  /// A plan from a file may name any file as a program: nobody sees what is in it.
  @Test func aPlanDoesNotBringOtherFilesIntoARecord() throws {
    let repository = try repository()
    try #require(try run(repository).status == 0)
    try #require(try repository.run("plan", "recipe.yaml", "--out", "plan.json").status == 0)
    try repository.write("a secret", to: "mine/secret")
    let plan = try repository.text("plan.json").replacing("mine/method.sh\"", with: "mine/secret\"")
    try repository.write(plan, to: "other.json")
    #expect(try repository.run("exec", "--plan", "other.json", "--finish").status != 0)
    #expect(try !repository.text("\(repository.latest("own"))/recipe.json").contains("a secret"))
    #expect(try repository.run("exec", "--plan", "plan.json", "--finish").status == 0)
    #expect(try repository.text("\(repository.latest("own"))/recipe.json").contains("gain 1.5"))
  }

  @Test func reasonsOfAnotherRecipeAreNamed() throws {
    let repository = try repository()
    try #require(try run(repository).status == 0)
    try repository.write(
      Self.recipe.replacing("recipe: own", with: "recipe: another").replacing("gain: 1.5", with: "gain: 2.5"),
      to: "another.yaml")
    let plan = try repository.run("plan", "another.yaml").output
    let reason = "never run in this recipe; since 'own' did it: params.command: [sh, method.sh, 1.5] → "
    #expect(plan.contains(reason), "\(plan)")
    try repository.write(Self.recipe.replacing("gain: 1.5", with: "gain: 2.5"), to: "recipe.yaml")
    #expect(try !repository.run("plan", "recipe.yaml").output.contains("never run in this recipe"))
    // Of what follows it is not known yet whether anything has to be done.
    #expect(plan.contains("of them only if what they take in comes out otherwise than before\n"))
    let only = try repository.run("plan", "recipe.yaml", "--only", "faces").output
    #expect(only == "faces: 3 cached, 0 to run\n3 cached, 0 to run\n")
  }

  @Test func aRenamedAxisIsTold() throws {
    let swept = """
      recipe: swept
      params: { strength: { sweep: [1, 2] } }
      stages:
        p: { synthesize: { count: 1, size: 16, seed: "${strength}" } }
        q: { synthesize: { count: 1, size: 16, seed: 7 } }
        scores: { metric: { images: p, reference: q, measures: [mae] } }
        table: { table: { rows: [scores] } }
      """
    let repository = try Repository(swept)
    try #require(try repository.run("run", "recipe.yaml").status == 0)
    try repository.write(swept.replacing("strength", with: "gain"), to: "recipe.yaml")
    let plan = try repository.run("plan", "recipe.yaml").output
    #expect(plan.contains("axis strength → gain, its content is the same"), "\(plan)")
  }

  // MARK: Runs that are none

  @Test func aRefusedRunIsNoRun() throws {
    let repository = try repository()
    let refused = try repository.run("run", "recipe.yaml")
    #expect(refused.status == 2 && refused.errors.contains("nothing was run") && refused.output.isEmpty, "\(refused)")
    #expect(repository.names(in: "runs/own").isEmpty)
    #expect(try run(repository, "--name", "good").status == 0)
    let latest = repository.latest("own")
    try repository.write(Self.recipe.replacing("[sh, method.sh", with: "[nowhere, method.sh"), to: "recipe.yaml")
    let missing = try run(repository)
    #expect(
      missing.status == 2 && missing.errors.contains("there is no program 'nowhere' in /usr/local/bin"), "\(missing)")
    #expect(missing.errors.hasPrefix("recipe.yaml:5:3: error: stage 'made': ") && !missing.errors.contains("started"))
    #expect(repository.latest("own") == latest && repository.names(in: "runs/own").count == 2)
  }

  @Test func namesAreUnique() throws {
    let repository = try repository()
    try #require(try run(repository, "--name", "good").status == 0)
    let again = try run(repository, "--name", "good")
    #expect(again.status == 2 && again.errors.contains("is called 'good' already"), "\(again)")
    try #require(try run(repository).status == 0)
    let tagged = try repository.run("runs", "tag", "own", "--name", "good")
    #expect(tagged.status == 2 && tagged.errors.contains("is called 'good' already"), "\(tagged)")
    #expect(try repository.run("runs", "tag", "good", "--name", "good", "--note", "same").status == 0)
    func listed(_ filter: String, _ column: String) throws -> String {
      try repository.run("runs", "list", "--where", filter, "--columns", column, "--csv").output
    }
    #expect(try listed("note ~ am", "name") == "name\ngood\n")
    #expect(try listed("started >= 2026", "edits") == "edits\n0\n0\n")
    #expect(try repository.run("runs", "list", "--where", "started < 2026").output == "no run matches\n")
    #expect(try repository.run("runs", "list", "--of", "ow").errors.contains("did you mean 'own'?"))
  }

  /// A recipe stands for its latest run with results.
  @Test func aFailedRunDoesNotStandForItsRecipe() throws {
    let repository = try repository()
    try #require(try run(repository).status == 0)
    let good = repository.latest("own").fileName
    let failing = "echo a; echo b >&2; echo left >left.txt; grep -q '\"item\": \"bob\"' stage.json && exit 7\n"
    try repository.write(failing + Self.method, to: "mine/method.sh")
    let failed = try run(repository, "--keep-going", "--keep-failed-work")
    #expect(failed.status == 1)
    let latest = repository.latest("own")
    #expect(latest.fileName != good && failed.output.hasSuffix("/report.html\n"), "\(failed)")
    #expect(try repository.run("runs", "show", "own", "--json").lines[0]["id"]?.string == good)
    #expect(try repository.run("runs", "show", "own/latest", "--json").lines[0]["status"] == "failed")
    // What failed is said as it is counted.
    let report = try repository.text("\(latest)/report.html")
    #expect(
      report.contains("1 of 3 failed") && report.contains("<th class=\"number\">failed</th>"), "\(report.prefix(3000))")
    // Its folder is there to be looked at, and goes with the run.
    #expect(repository.names(in: "\(latest)/failed-work").count == 1)
    let work = "\(latest)/failed-work/\(repository.names(in: "\(latest)/failed-work").first ?? "")"
    #expect(repository.names(in: work).contains("left.txt"))
    #expect(failed.errors.contains("made/bob: what its program left is in "))
    // What was made is told, and what was said where it failed.
    let shown = try repository.run("show", "recipe.yaml", "made")
    #expect(shown.status == 2 && shown.errors.contains("'made' is not whole: 2 of 3 items are made"), "\(shown)")
    let log = try repository.run("show", "recipe.yaml", "made", "--log")
    #expect(
      log.status == 0 && log.output.contains("made/bob: b\nmade/bob: failed in the run \(latest.fileName): "), "\(log)")
    #expect(try repository.run("export", "recipe.yaml", "made", "--to", "out").status == 2)
    #expect(!repository.names(in: ".").contains("out"))
    #expect(try repository.json("\(latest)/run.json")["unfinished"]?.array?.first?["items"]?.array?.count == 2)
    #expect(try repository.run("runs", "remove", "own/latest").errors.isEmpty && repository.names(in: latest).isEmpty)
  }

  // MARK: Numbers

  @Test func measuresThatCouldNotBeTaken() throws {
    let recipe = Self.recipe.replacing("measures: [size]", with: "measures: [size]\n    expect: { size: \"> 0\" }")
    let none = try repository(recipe, Self.method.replacing("1.5}", with: "null}"))
    let outcome = try run(none)
    #expect(outcome.status == 3, "\(outcome)")
    #expect(outcome.errors.contains("expected size > 0, but stage 'made' could not measure it on any of 3 items"))
    #expect(outcome.output.contains("FAILED  made  size  not measured"))
    #expect(try none.run("runs", "list", "--columns", "state", "--csv").output == "state\nmissed\n")
    #expect(try none.json("\(none.latest("own"))/run.json")["status"] == "missed")
    let report = try none.text("\(none.latest("own"))/report.html")
    #expect(report.contains("<b class=\"failed\">missed</b>") && report.contains("run \(none.latest("own").fileName)"))
    let some = try repository(
      recipe, Self.method.replacing("1.5}\"", with: "$(case $file in *bob*) echo null;; *) echo 2;; esac)}\""))
    let partly = try run(some)
    #expect(partly.status == 0 && partly.output.contains("held  made  size  2 (2 of 3 items)"), "\(partly)")
  }

  @Test func aBaselineKnowsItsParameters() throws {
    let repository = try repository()
    try #require(try run(repository, "--set", "gain=2.5", "--name", "old").status == 0)
    let first = try repository.run("runs", "baseline", "own")
    #expect(first.output.hasSuffix("recipe.baseline.json\n") && first.errors.contains(" (old)"), "\(first)")
    #expect(try repository.json("recipe.baseline.json")["params"] == ["gain": .double(2.5)])
    try repository.write(Self.method.replacing("1.5}", with: "1.25}"), to: "mine/method.sh")
    try repository.write(
      Self.recipe.replacing("measures: [size]", with: "measures: [size]\n    expect: { size: \">= baseline\" }"),
      to: "recipe.yaml")
    let outcome = try run(repository)
    #expect(outcome.status == 3)
    #expect(
      outcome.errors.contains(
        "expected size >= baseline (baseline 1.5), got 1.25 in stage 'made'; the baseline was made with gain=2.5"),
      "\(outcome)")
    #expect(try repository.run("compare", "own", "--baseline").output.contains("params\n  gain  2.5 → 1.5"))
    let second = try repository.run("runs", "baseline", "own", "--json")
    #expect(
      second.errors.contains("in the place of those of the run 2")
        && second.errors.contains("missed an expectation: made.size"))
    #expect(try second.lines[0]["replaced"]?.string?.utf8.count == 19)
  }

  // MARK: Words

  @Test func slipsAreFoundBeforeAnythingRuns() throws {
    let repository = try repository()
    for (old, new, message) in [
      ("[sh, method.sh, \"${gain}\"]", "sh method.sh", "write [sh, method.sh]"),
      ("[sh, method.sh", "[sh, ghost.sh", "'ghost.sh' is none of 'files'"),
      (
        "[sh, method.sh", "[sh, mine/method.sh",
        "'mine/method.sh' lies beside the program under its own name: write method.sh"
      ),
    ] {
      try repository.write(Self.recipe.replacing(old, with: new), to: "recipe.yaml")
      let outcome = try repository.run("check", "recipe.yaml")
      #expect(outcome.status == 2 && outcome.errors.contains(message), "\(outcome)")
    }
    #expect(try run(repository, "--junit", "j.xml").status == 2)
  }

  /// What happened is told with few lines where nothing was to do.
  @Test func eventsTellWhatWasCached() throws {
    let repository = try repository()
    try #require(try run(repository).status == 0)
    try #require(try run(repository).status == 0)
    let events = try repository.text("\(repository.latest("own"))/events.jsonl").split(separator: "\n").map {
      try JSON(parsing: Data($0.utf8))
    }
    #expect(events.map { $0["event"]?.string } == ["planned", "cached", "finished"])
    #expect(events[1]["stages"] == ["faces": 3, "made": 3, "mae": 3])
  }

  @Test func columnsHavePlacesInSweeps() throws {
    let repository = try Repository(
      """
      recipe: two
      params: { seed: { sweep: [1, 2] }, seconds: 3 }
      stages:
        p: { synthesize: { count: "${seconds}", size: 16, seed: "${seed}" } }
        q: { synthesize: { count: "${seconds}", size: 16, seed: 9 } }
        scores: { metric: { images: p, reference: q, measures: [mae] } }
      """)
    for count in [3, 4] {
      try #require(try repository.run("run", "recipe.yaml", "--set", "seconds=\(count)").status == 0)
    }
    let list = try repository.run("runs", "list", "--columns", "params.seconds,scores[seed=1].mae", "--csv").output
    #expect(list.hasPrefix("params.seconds,scores[seed=1].mae\n4,0."), "\(list)")
    let all = try repository.run("runs", "list").output
    #expect(all.split(separator: "\n")[0].contains("params.seconds") && !all.contains("sweep"), "\(all)")
    let swept = try repository.run("runs", "list", "--where", "seed == 2", "--columns", "seed", "--csv").output
    #expect(swept == "seed\n\"1, 2\"\n\"1, 2\"\n")
    #expect(try repository.run("runs", "show", "two").output.contains("  seed     1, 2\n"))
    #expect(try repository.run("runs", "remove", "two", "--failed").errors.contains("not both"))
    try #require(try repository.run("runs", "tag", "two", "kept").status == 0)
    let tagged = try repository.run("runs", "remove", "--where", "tag == kept")
    #expect(tagged.status == 0 && tagged.errors.hasPrefix("1 run with tags stays"), "\(tagged)")
  }
}
