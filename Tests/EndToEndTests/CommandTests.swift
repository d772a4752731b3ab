import ArtifactStore
import Escaping
import Foundation
import JSONSyntax
import Testing

/// The commands around a run: why, gc, verify, dag, diff, reports, and what a run can be asked.
struct CommandTests {
  @Test func whyTellsWhatChanged() throws {
    let repository = try WholeRecipe.finishedCopy()
    let before = try FileManager.default.subpathsOfDirectory(atPath: repository.path(".diffusionclip"))
    let outcome = try repository.run("why", "recipe.yaml", "edited", "--set", "target=a clown")
    #expect(
      outcome.output == """
        edited: 0 cached, 3 to run
          3 items (ada, bob, cyd): input 'model' will be recomputed
        full: 0 cached, 1 to run
          full: params.target: angry face → a clown

        """)
    let json = try repository.run("why", "recipe.yaml", "edited", "--set", "target=a clown", "--json").lines[0]
    #expect(json.array?.map { $0["stage"] } == ["edited", "full"])
    #expect(try FileManager.default.subpathsOfDirectory(atPath: repository.path(".diffusionclip")) == before)
    let unknown = try repository.run("why", "recipe.yaml", "edted")
    #expect(unknown.status == 2)
    #expect(unknown.errors == "the recipe has no stage 'edted'; did you mean 'edited'?\n")
  }

  @Test func gcRemovesWhatNoLatestRunNeeds() throws {
    let repository = try WholeRecipe.finishedCopy()
    // The store has been told of the run in the place that it is copied from, too.
    try FileManager.default.removeItem(atPath: repository.path(".diffusionclip/runs"))
    try #require(try repository.run("run", "recipe.yaml", "--set", "target=a clown").status == 0)
    let dry = try repository.run("gc", "--keep", "1", "--grace", "0", "--dry-run", "--json").lines[0]
    #expect(try repository.run("plan", "recipe.yaml", "--json").lines[0]["counts"]?["run"] == 0)
    let garbage = try repository.run("gc", "--keep", "1", "--grace", "0", "--json").lines[0]
    #expect(garbage == dry && (garbage["actions"]?.int ?? 0) >= WholeRecipe.afterTarget.count)
    let kept = try repository.run("plan", "recipe.yaml", "--json", "--set", "target=a clown").lines[0]
    #expect(kept["counts"]?["run"] == 0)
    #expect(try repository.run("verify").output.hasSuffix(": all is well\n"))
    #expect(try repository.run("gc").output.hasPrefix("removed 0 actions, 0 objects, 0 other files: "))
  }

  @Test func verifyFindsAndRepairs() throws {
    let repository = try WholeRecipe.finishedCopy()
    let digests = try repository.digests("whole")
    // A run in this place tells the store about the recipe here.
    try #require(try repository.run("run", "recipe.yaml").status == 0)
    let edited = try repository.json("\(repository.latest("whole"))/run.json")["artifacts"]?.array?.first {
      $0["stage"] == "edited"
    }
    let object = try #require(edited?["items"]?.array?.first?["object"]?.string)
    let path = ".diffusionclip/objects/\(object.prefix(2))/\(object)"
    try FileManager.default.removeItem(atPath: repository.path(path))
    try repository.write("something else", to: path)

    let found = try repository.run("verify", "--json")
    #expect(found.status == 1)
    #expect(try found.lines[0]["damaged"] == [.string(object)])
    #expect(try found.lines[0]["makers"] == .object([JSON.Member(object, ["edited/ada"])]))
    let told = try repository.run("verify")
    #expect(told.status == 1)
    #expect(told.output.contains("\n  \(object) is missing, which 'edited/ada' made\n"), "\(told.output)")
    let repaired = try repository.run("verify", "--repair")
    #expect(repaired.status == 0, "\(repaired.errors)")
    #expect(try repository.run("verify").status == 0)
    #expect(try repository.digests("whole") == digests)
  }

  @Test func graphs() throws {
    let repository = try WholeRecipe.finishedCopy()
    let mermaid = try repository.run("dag", "recipe.yaml", "--format", "mermaid").output
    #expect(mermaid.hasPrefix("flowchart LR\n  s0[\"photos<br/>synthesize\"]\n"))
    #expect(mermaid.contains("  s0 --> s1\n"))
    let dot = try repository.run("dag", "recipe.yaml", "--format", "dot").output
    #expect(dot.hasPrefix("digraph \"whole\" {\n") && dot.hasSuffix("}\n"))
    #expect(dot.contains("  \"latents\" -> \"full\"\n"))
    let text = try repository.run("dag", "recipe.yaml").output.split(separator: "\n")
    #expect(text.count == 18)
    #expect(text.contains { $0.wholeMatch(of: /back +sample +<- latents, base/) != nil })
    #expect(try repository.run("dag", "recipe.yaml", "--format", "svg").status == 64)
  }

  @Test func runsAreCompared() throws {
    let repository = try WholeRecipe.finishedCopy()
    let change = ["run", "recipe.yaml", "--runs", "other", "--set", "target=a clown"]
    try #require(try repository.run(change).status == 0)
    let same = try repository.run("compare", "runs/whole", "\(repository.latest("whole"))/run.json")
    #expect(same.status == 2 && same.errors.contains("'runs/whole' and "), "\(same)")
    let text = try repository.run("compare", "runs/whole", "other/whole").output
    #expect(text.contains("\nparams\n  target  angry face → a clown\nnumbers\n  scores.mae"))
    let json = try repository.run("compare", "runs/whole", "other/whole", "--json").lines[0]
    let artifacts = json["artifacts"]?.array?.compactMap { $0["subject"]?.string } ?? []
    #expect(artifacts.contains("full.model") && !artifacts.contains("latents.latents"))
    let wrong = try repository.run("compare", "runs/whole", "faces")
    #expect(wrong.status == 2)
    #expect(
      wrong.errors
        == "faces is no run: name a recipe, an ID or a tag, as `diffusionclip runs list` shows them, or the folder of a run\n"
    )
  }

  /// What was measured is compared where the recipe shows nothing of it.
  @Test func numbersThatAreNotShownAreCompared() throws {
    let repository = try Repository(
      """
      recipe: r
      params: { seed: 2 }
      stages:
        p: { synthesize: { count: 3, size: 16, seed: 1 } }
        q: { synthesize: { count: 3, size: 16, seed: "${seed}" } }
        first: { metric: { images: p, reference: q, measures: [mae] } }
        second: { metric: { images: p, reference: p, measures: [mae] } }
        t: { table: { rows: [first, second] }, expect: { mae.min_margin: ">= 0" } }
        sheet: { figure: { rows: [p] } }
      outputs: [sheet]

      """)
    for (seed, runs) in [(2, "one"), (3, "two")] {
      #expect(try repository.run("run", "recipe.yaml", "--runs", runs, "--set", "seed=\(seed)").status == 0)
    }
    let json = try repository.run("compare", "one/r", "two/r", "--json").lines[0]
    let changed = json["numbers"]?.array?.filter { $0["differences"]?.array?[0]["of_means"] != .double(0) }
    let subjects = changed?.compactMap { $0["name"]?.string }
    let trends = ["min_step", "min_margin", "max_margin"].map { "t.trend.mae.\($0)" }
    #expect(subjects == ["first.mae"] + trends, "\(json.text)")
  }

  @Test func expectationsAsJUnit() throws {
    let repository = try WholeRecipe.finishedCopy()
    let outcome = try repository.run("run", "recipe.yaml", "--junit", "report.xml", "--set", "limit=0.5 ± 0.0001")
    #expect(outcome.status == 3)
    let xml = try repository.text("report.xml")
    #expect(xml.contains("<testsuite name=\"whole\" tests=\"1\" failures=\"1\" errors=\"0\""))
    #expect(
      xml.contains("<testcase classname=\"whole.scores\" name=\"mae 0.5 ± 0.0001\"><failure message=\"recipe.yaml"))
    try #require(try repository.run("run", "recipe.yaml", "--junit", "report.xml").status == 0)
    #expect(try repository.text("report.xml").contains("name=\"mae &lt; 2\"/>"))
  }

  @Test func aFolderOfRecipes() throws {
    let repository = try Repository("recipe: r")
    try FileManager.default.createDirectory(atPath: repository.path("paper"), withIntermediateDirectories: true)
    for (name, limit) in [("first", "< 1"), ("second", "> 1")] {
      try repository.write(
        """
        recipe: \(name)
        params: { count: 4 }
        profiles: { ci: { count: 2 } }
        stages:
          p: { synthesize: { count: "${count}", size: 16 } }
          scores: { metric: { images: p, reference: p, measures: [mae] }, expect: { mae: "\(limit)" } }
        """, to: "paper/\(name).yaml")
    }
    let outcome = try repository.run("run", "paper", "--profile", "ci", "--junit", "report.xml")
    #expect(outcome.status == 3, "\(outcome.errors)")
    #expect(outcome.output.hasPrefix("first\nheld  scores  mae  0  expected < 1\n"), "\(outcome.output)")
    #expect(outcome.output.contains("second\nFAILED  scores  mae  0  expected > 1\n"), "\(outcome.output)")
    #expect(try repository.json("\(repository.latest("first"))/run.json")["overlays"] == ["count": 2])
    let xml = try repository.text("report.xml")
    #expect(xml.contains("<testsuites>\n<testsuite name=\"first\" tests=\"1\" failures=\"0\""))
    #expect(xml.contains("<testsuite name=\"second\" tests=\"1\" failures=\"1\""))

    #expect(try repository.run("run", "paper", "--only", "p").status == 2)
    try repository.write("recipe: third\nstages: { p: { synthesize: {} } }", to: "paper/third.yaml")
    let broken = try repository.run("run", "paper")
    #expect(broken.status == 2 && broken.errors.hasPrefix("paper/third.yaml:2:16: error:"), "\(broken.errors)")
    #expect(
      try repository.run("run", "faces").errors == "faces: no recipe (a file that ends in .yaml) in this folder\n")
  }

  @Test func recipesOfOneNameAreRefused() throws {
    let repository = try Repository("recipe: r")
    try FileManager.default.createDirectory(atPath: repository.path("paper"), withIntermediateDirectories: true)
    for name in ["first", "second"] {
      let text = "recipe: study\nstages: { p: { synthesize: { count: 1, size: 16 } } }"
      try repository.write(text, to: "paper/\(name).yaml")
    }
    let both = try repository.run("run", "paper")
    #expect(both.status == 2 && both.errors.contains("paper/first.yaml and "), "\(both)")
    #expect(
      both.errors.contains("paper/second.yaml are both called 'study': their runs would be mixed with each other"))
    #expect(repository.names(in: ".diffusionclip/actions").isEmpty)
    try #require(try repository.run("run", "paper/first.yaml").status == 0)
    let second = try repository.run("run", "paper/second.yaml")
    #expect(second.status == 2 && second.errors.contains("are both called 'study'"), "\(second.errors)")
    #expect(try repository.run("run", "paper/second.yaml", "--runs", "others").status == 0)
  }

  @Test(arguments: [
    ["run", "recipe.yaml", "--junit", "nodir/x.xml"], ["run", "recipe.yaml", "--runs", "recipe.yaml"],
    ["export", "recipe.yaml", "p", "--to", "recipe.yaml/x"], ["export", "recipe.yaml", "p", "--to", "/proc/x"],
    ["plan", "recipe.yaml", "--out", "nodir/plan.json"],
  ])
  func placesThatCannotBeWrittenToAreSaidBeforeTheWork(arguments: [String]) throws {
    let repository = try Repository("recipe: r\nstages: { p: { synthesize: { count: 1, size: 16 } } }")
    let outcome = try repository.run(arguments)
    #expect(outcome.status == 2, "\(outcome)")
    #expect(outcome.errors.contains(arguments[arguments.count - 2]), "\(outcome.errors)")
    #expect(repository.names(in: ".diffusionclip/actions").isEmpty)
  }

  @Test(arguments: [
    ["run", "recipe.yaml", "--threads", "1000000000"], ["run", "recipe.yaml", "--jobs", "9223372036854775807"],
    ["run", "recipe.yaml", "--memory", "9223372036854775807"], ["verify", "--threads", "-1"],
    ["plan", "recipe.yaml", "--cost", "--threads", "1000000000"], ["bench", "--threads", "9223372036854775807"],
    ["plan", "recipe.yaml", "--cost", "--workers", "1000000001"], ["submit", "recipe.yaml", "--task", "1e300"],
    ["run", "recipe.yaml", "--runs", ""], ["export", "recipe.yaml", "p", "--to", ""],
    ["submit", "recipe.yaml", "--task", "nan"], ["exec", "--plan", "x", "--action", "p", "--wait", "inf"],
    ["exec", "--plan", "x", "--action", "p", "--threads", "0"],
  ])
  func numbersThatMakeNoSenseAreWrongUsage(arguments: [String]) throws {
    let repository = try Repository("recipe: r\nstages: { p: { synthesize: { count: 1, size: 16 } } }")
    let outcome = try repository.run(arguments)
    #expect(outcome.status == 64, "\(outcome)")
  }

  @Test func aMalformedVariableIsAnError() throws {
    let repository = try Repository("recipe: r\nstages: { p: { synthesize: { count: 1, size: 16 } } }")
    let outcome = try repository.run(["run", "recipe.yaml"], with: ["DIFFUSIONCLIP_PATIENCE": "soon"])
    #expect(outcome.status == 64 || outcome.status == 2, "\(outcome)")
    #expect(outcome.errors.contains("DIFFUSIONCLIP_PATIENCE is 'soon', expected a number of seconds from 1 to 86400"))
    let cache = try repository.run(["run", "recipe.yaml"], with: ["DIFFUSIONCLIP_CACHE_MODE": "both"])
    #expect(cache.status == 64 && cache.errors.contains("expected one of read, write"), "\(cache)")
  }

  @Test func aFirstRunIsNotExplainedStageByStage() throws {
    let repository = try Repository("recipe: r\nstages: { p: { synthesize: { count: 1, size: 16 } } }")
    let plan = try repository.run("plan", "recipe.yaml").output
    #expect(plan == "p: 0 cached, 1 to run\n0 cached, 1 to run: nothing of this was run before\n")
    #expect(try repository.run("why", "recipe.yaml", "p").output.contains("never run with these parameters and inputs"))
    let run = try repository.run("run", "recipe.yaml")
    #expect(run.status == 0 && !run.errors.contains("never run"), "\(run.errors)")
    let unknown = try repository.run("show", "recipe.yaml", "p.tabel")
    #expect(unknown.status == 2)
    #expect(unknown.errors == "'p' has no output 'tabel'; did you mean 'table'? it has images, table, labels\n")
    let other = try repository.run("show", "recipe.yaml", "p.nothing")
    #expect(other.errors == "'p' has no output 'nothing'; it has images, table, labels\n")
  }

  @Test func onlyAndForce() throws {
    let repository = try Repository(WholeRecipe.text)
    let only = try repository.run("run", "recipe.yaml", "--json", "--only", "back")
    #expect(only.status == 0)
    #expect(try Set(only.ran.map { $0.prefix { $0 != "/" } }) == ["photos", "base", "faces", "latents", "back"])
    let forced = try repository.run("run", "recipe.yaml", "--json", "--only", "back", "--force", "latents")
    #expect(try forced.ran == ["latents/ada", "latents/bob", "latents/cyd"])
    #expect(try repository.run("run", "recipe.yaml", "--force", "nothing").status == 2)
  }

  /// The lines of a run that does again what is there, and of one that goes on after a failure.
  @Test func progressCountsWhatIsSo() throws {
    let repository = try Repository(
      """
      recipe: r
      stages:
        a: { load: { images: faces/*.png } }
        scores: { metric: { images: a, reference: a, measures: [mae] } }

      """)
    #expect(try repository.run("run", "recipe.yaml").status == 0)
    let forced = try repository.run("run", "recipe.yaml", "--force", "scores")
    #expect(forced.errors.begins(with: "6 actions: 3 cached, 3 to run\n"), "\(forced)")
    try repository.write("junk", to: "faces/bob.png")
    let failed = try repository.run("run", "recipe.yaml", "--keep-going")
    #expect(failed.status == 2 || failed.status == 1)
    let words = failed.errors.parts(at: "\n").map { $0.parts(at: " ").joined(separator: " ") }
    #expect(words.contains("a 2 cached, 1 failed") && words.contains("scores 2 cached"), "\(failed)")
  }

  @Test func severalAtOnceMakeTheSame() throws {
    let repository = try Repository(WholeRecipe.text)
    let outcome = try repository.run("run", "recipe.yaml", "--jobs", "4", "--threads", "1")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try repository.digests("whole") == WholeRecipe.finished().repository.digests("whole"))
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func shellsComplete(shell: String) throws {
    let script = try Repository("recipe: r").run("--generate-completion-script", shell)
    #expect(script.status == 0 && script.output.contains("why"))
  }
}
