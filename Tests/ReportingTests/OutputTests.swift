import ArtifactStore
import Engine
import EngineTestSupport
import Foundation
import JSONSyntax
import Reporting
import StageKit
import Synchronization
import Testing

@Suite struct OutputTests {
  @Test func planAsJSON() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    try workshop.write("dee", to: "images/dee.txt")
    let json = try workshop.dryRun().json
    #expect(json["counts"] == ["cached": 6, "run": 12])
    #expect(
      json["actions"]?.array?.first?.text == #"{"id":"portraits/ada","stage":"portraits","kind":"load","item":"ada","#
        + #""axes":{},"status":"cached","reason":null}"#)
    #expect(
      json["actions"]?.array?.last?.text == #"{"id":"sheet","stage":"sheet","kind":"figure","item":null,"#
        + #""axes":{},"status":"run","reason":"input 'rows' will be recomputed"}"#)
  }

  @Test func eventsAsJSON() async throws {
    let workshop = try Workshop()
    let log = EventLog { $0.json?.text }
    try await workshop.run(emit: log.report)
    #expect(log.lines.first == #"{"event":"planned","actions":14,"cached":0,"run":14}"#)
    #expect(
      log.lines.dropFirst().first == #"{"event":"started","id":"portraits/ada","stage":"portraits","item":"ada","#
        + #""reason":"never run with these parameters and inputs"}"#)
    #expect(
      log.lines.contains(
        #"{"event":"progress","id":"tuned","stage":"tuned","item":null,"completed":2,"total":3,"unit":"images","#
          + #""values":{"loss":0.5}}"#))
    let last = try JSON(parsing: Data(try #require(log.lines.last).utf8))
    #expect(
      last.members?.map(\.name)
        == ["event", "cached", "fetched", "ran", "failed", "skipped", "seconds", "run", "record", "expectations"])
    #expect(last["run"]?.string == workshop.results)
  }

  @Test func eventsSayWhenTheyHappened() {
    let written = Mutex("")
    let reporter = JSONReporter(time: { 1_764_428_000.12345 }, output: { text in written.withLock { $0 += text } })
    reporter.report(.planned(actions: 3, cached: 1))
    #expect(
      written.withLock { $0 } == #"{"event":"planned","actions":3,"cached":1,"run":2,"time":1764428000.123}"# + "\n")
  }

  @Test func resultsLandInTheRunFolder() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let run = try workshop.json("\(workshop.latest("quick"))/run.json")
    #expect(
      run["files"]
        == [
          "sheet.png", "scores.csv", "edited/ada.png", "edited/bob.png", "edited/cyd.png", "numbers.json",
          "recipe.json", "actions.json",
          "report.html",
        ])
    let scores = try workshop.read("\(workshop.latest("quick"))/scores.csv")
    #expect(scores == "item,size,longer\nada,10.0,7.0\nbob,10.0,7.0\ncyd,10.0,7.0\n")
    #expect(run["params"] == ["target": "angry", "steps": 2])
    #expect(run["provenance"]?["program"] == "test")
    #expect(try workshop.json("\(workshop.latest("quick"))/actions.json")["actions"]?.array?.count == 14)
  }

  @Test func theReportNeedsNothingElse() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let report = try workshop.read("\(workshop.latest("quick"))/report.html")
    #expect(report.contains("data:image/png;base64," + Data("~~adaangry".utf8).base64EncodedString()))
    #expect(report.contains("<span class=\"held\">held</span>"))
    #expect(report.contains("<polyline points="), "the losses are drawn though they are no output")
    #expect(report.contains("longer: &quot;&gt; 6&quot;"), "the recipe is there, escaped")
    #expect(!report.contains("<script") && !report.contains("src=\"http"))
  }

  /// A run keeps to its own folder: what lies in those of others, and beside them, stays.
  @Test func runsLeaveEachOtherAlone() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let first = workshop.latest("quick")
    try workshop.write("mine", to: "runs/quick/notes.txt")
    try workshop.write("mine", to: first + "/notes.txt")
    try FileManager.default.removeItem(atPath: workshop.folder + "/images/ada.txt")
    try await workshop.run()
    #expect(workshop.latest("quick") > first)
    #expect(try workshop.read("runs/quick/notes.txt") == "mine" && workshop.read(first + "/notes.txt") == "mine")
    #expect(!FileManager.default.fileExists(atPath: workshop.results + "/edited/ada.png"))
    #expect(try workshop.read(first + "/edited/ada.png") == "~~adaangry")
  }

  @Test func showTellsWhatThereIs() async throws {
    let workshop = try Workshop()
    let plan = try workshop.plan()
    #expect(throws: ExecutionError.self) {
      let inspection = try Inspection(of: plan, in: Store(at: workshop.store))
      _ = try inspection.outputs(called: "scores")
    }
    try await workshop.run()
    let inspection = try Inspection(of: plan, in: Store(at: workshop.store))
    #expect(try inspection.outputs(called: "tuned").map(\.name) == ["tuned", "tuned.losses"])
    let scores = try inspection.outputs(called: "scores")[0]
    #expect(try inspection.text(of: scores).contains("means\n  size    10\n  longer  7\n"))
    #expect(try inspection.json(of: scores)["means"] == ["size": .double(10), "longer": .double(7)])
    let losses = try inspection.outputs(called: "tuned.losses")[0]
    #expect(try inspection.text(of: losses).contains("step  loss                clip"))
  }

  @Test func aMissingOutputIsNamedWithWhatWasMeant() throws {
    let workshop = try Workshop()
    let inspection = try Inspection(of: workshop.plan(), in: Store(at: workshop.store))
    let error = #expect(throws: InputError.self) { try inspection.outputs(called: "tunde") }
    #expect(error?.description.contains("did you mean 'tuned'?") == true)
    #expect(error.map(ExitStatus.init(of:)) == .wrongInput)
  }

  @Test func exportWritesFiles() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let inspection = try Inspection(of: workshop.plan(), in: Store(at: workshop.store))
    let output = try inspection.outputs(called: "edited")[0]
    let folder = workshop.folder + "/out"
    let files = try inspection.export(output, to: folder, formats: TestKinds.formats)
    #expect(files == ["ada", "bob", "cyd"].map { "\(folder)/edited/\($0).png" })
    #expect(try workshop.read("out/edited/bob.png") == "~~bobangry")
  }

  @Test func kindsAreExplainedFromTheirDeclarations() throws {
    let reference = KindReference(TestKinds.all)
    let text = try reference.text(of: "invert")
    #expect(text.contains("One action for each item of 'images'."))
    #expect(text.contains("  steps  integer 1...100  default 2  How many steps."))
    #expect(throws: (any Error).self) { try reference.text(of: "inverted") }
  }

  @Test func progressOnATerminalAndElsewhere() async throws {
    let workshop = try Workshop()
    let terminal = Transcript()
    let reporter = LineReporter(isTerminal: true, output: terminal.append)
    try await workshop.run(emit: reporter.report)
    #expect(terminal.text.contains("\r\u{1B}[K"))
    #expect(terminal.text.contains("latents        3 done in"))

    let file = Transcript()
    let plain = LineReporter(isTerminal: false, output: file.append)
    try await workshop.run(set: "target=merry", emit: plain.report)
    #expect(!file.text.contains("\u{1B}"))
    #expect(file.text.hasPrefix("14 actions: 6 cached, 8 to run\nportraits      3 cached\n"))
    #expect(file.text.contains("tuned: params.target: angry → merry\n"))
  }
}
