import ArtifactStore
import Foundation
import Testing

/// The whole method, from a recipe to its results, and what a change makes run again.
struct PipelineTests {
  @Test func everyStageRunsAndResultsLandInTheRunFolder() throws {
    let (repository, outcome) = try WholeRecipe.finished()
    let finished = try outcome.finished
    #expect(finished["cached"] == 0 && finished["failed"] == 0)
    #expect(finished["ran"]?.int == WholeRecipe.actionCount)
    #expect(try outcome.ran.count == WholeRecipe.actionCount)
    #expect(finished["run"]?.string == repository.path(repository.latest("whole")))
    #expect(finished["expectations"]?.array?.map { $0["held"] } == [.bool(true)])

    #expect(
      repository.names(in: repository.latest("whole"))
        == [
          "actions.json", "curves.png", "curves.svg", "edited", "events.jsonl", "numbers.json", "recipe.json",
          "report.html",
          "run.json", "scores.csv",
          "sheet.png", "sheet.svg",
          "summary.csv", "summary.md", "summary.tex",
        ])
    #expect(repository.names(in: "\(repository.latest("whole"))/edited") == ["ada.png", "bob.png", "cyd.png"])
    let events = Set(try outcome.lines.compactMap { $0["event"]?.string })
    #expect(events == ["planned", "started", "progress", "done", "finished"])
  }

  @Test func theSecondTimeEverythingIsCached() throws {
    let repository = try WholeRecipe.finishedCopy()
    let outcome = try repository.run("run", "recipe.yaml", "--json")
    #expect(outcome.status == 0)
    #expect(try outcome.finished["ran"] == 0)
    #expect(try outcome.finished["cached"]?.int == WholeRecipe.actionCount)
    #expect(try repository.digests("whole") == WholeRecipe.finished().repository.digests("whole"))
  }

  @Test func anotherTargetRunsFineTuningAndWhatFollows() throws {
    let repository = try WholeRecipe.finishedCopy()
    let change = ["--set", "target=a face with glasses"]
    let plan = try repository.run(["plan", "recipe.yaml", "--json"] + change).lines[0]
    let planned = try #require(plan["actions"]?.array).filter { $0["status"] == "run" }
    #expect(Set(planned.compactMap { $0["stage"]?.string }) == WholeRecipe.afterTarget)
    #expect(plan["counts"]?["run"]?.int == planned.count)
    #expect(planned.allSatisfy { $0["reason"]?.string?.isEmpty == false && $0["axes"] == [:] })

    let outcome = try repository.run(["run", "recipe.yaml", "--json"] + change)
    #expect(outcome.status == 0)
    #expect(try Set(outcome.ran.map(Self.stage(of:))) == WholeRecipe.afterTarget)
    #expect(try outcome.finished["cached"] == plan["counts"]?["cached"])
    #expect(
      try repository.json("\(repository.latest("whole"))/run.json")["overlays"] == ["target": "a face with glasses"])
  }

  @Test func oneMorePictureIsOneMoreInversion() throws {
    let repository = try WholeRecipe.finishedCopy()
    try repository.addFace("dee")
    let outcome = try repository.run("run", "recipe.yaml", "--json")
    #expect(outcome.status == 0)
    // What goes item by item runs for the new one alone; what sees the whole set, and what follows, runs again.
    let ran = try outcome.ran.filter { !WholeRecipe.afterTarget.contains(Self.stage(of: $0)) }
    #expect(ran == ["faces/dee", "latents/dee", "back/dee", "kept/dee"])
    #expect(try Set(outcome.ran).isSuperset(of: ["full", "efficient", "moved", "edited/ada", "edited/dee", "sheet"]))
  }

  /// The stage in an action's id.
  private static func stage(of id: String) -> String { String(id.prefix { $0 != "/" }) }

  @Test func resultsDoNotDependOnThreadsOrStore() throws {
    let repository = try Repository(WholeRecipe.text)
    try #require(try repository.run("run", "recipe.yaml", "--threads", "2", "--store", "elsewhere").status == 0)
    #expect(try repository.digests("whole") == WholeRecipe.finished().repository.digests("whole"))
  }

  @Test func howOftenStateIsSavedDoesNotMatter() throws {
    let repository = try WholeRecipe.finishedCopy()
    let plan = try repository.run("plan", "recipe.yaml", "--json", "--set", "checkpoint_every_s=0").lines[0]
    #expect(plan["counts"]?["run"] == 0)
  }

  @Test func anExpectationThatIsNotMetIsStatusThree() throws {
    let repository = try WholeRecipe.finishedCopy()
    let outcome = try repository.run("run", "recipe.yaml", "--json", "--set", "limit=< 0")
    #expect(outcome.status == 3)
    #expect(try outcome.finished["expectations"]?.array?.map { $0["held"] } == [.bool(false)])
    #expect(outcome.errors.hasPrefix("recipe.yaml:34:15: error: expected mae < 0, got "))
  }

  @Test func theReportHoldsEverythingItself() throws {
    let repository = try WholeRecipe.finished().repository
    let report = try repository.text("\(repository.latest("whole"))/report.html")
    for figure in ["sheet.svg", "curves.svg"] {
      let drawing = try repository.data("\(repository.latest("whole"))/\(figure)")
      #expect(report.contains("data:image/svg+xml;base64,\(drawing.base64EncodedString())"), "\(figure)")
    }
    for picture in repository.names(in: "\(repository.latest("whole"))/edited").map({ "edited/" + $0 }) {
      #expect(
        report.contains(try repository.data("\(repository.latest("whole"))/\(picture)").base64EncodedString()),
        "\(picture)")
    }
    let addresses = report.replacing("xmlns=\"http://www.w3.org/2000/svg\"", with: "")
      .replacing("<meta http-equiv=\"Content-Security-Policy\"", with: "")
    #expect(!addresses.contains("http") && !report.contains("<script") && !report.contains("<link"))
    for heading in ["scores", "summary", "full.losses", "efficient.losses"] {
      #expect(report.contains("<h3>\(heading)</h3>"))
    }
    #expect(report.contains("target: angry face"), "the recipe is there")
    // A curve of the plot that is an output looks as one of the losses that every run shows.
    let drawings = try report + repository.text("\(repository.latest("whole"))/curves.svg")
    let styles = Set(
      drawings.matches(of: /<polyline points="[^"]*" ([^>]*)>/).map { $0.1.replacing(/#[0-9a-f]+/, with: "") })
    #expect(styles.count == 1)
  }
}
