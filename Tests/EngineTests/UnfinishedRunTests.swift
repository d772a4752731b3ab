import ArtifactStore
import Engine
import EngineTestSupport
import Foundation
import RemoteCache
import Reporting
import StageKit
import Testing

/// Runs that fail, are interrupted or make only a part: nobody takes them for whole ones, nor an earlier one for theirs.
@Suite struct UnfinishedRunTests {
  private func isThere(_ workshop: Workshop, _ file: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(workshop.results)/\(file)")
  }

  @Test func aPartOfARecipeLeavesTheOtherResults() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let whole = workshop.latest("quick")
    #expect(try workshop.json("\(whole)/run.json")["status"] == "done")
    try await workshop.run(set: "target=merry", options: RunOptions(only: ["edited"]))
    let part = workshop.latest("quick")
    #expect(try workshop.read("\(part)/edited/ada.png") == "~~adamerry")
    #expect(try workshop.read("\(whole)/sheet.png").contains("angry") && !isThere(workshop, "sheet.png"))
    let run = try workshop.json("\(part)/run.json")
    #expect(run["status"] == "partial" && run["only"] == ["edited"])
    let report = try workshop.read("\(part)/report.html")
    let remark = "<h2>Not the whole recipe</h2>\n<p>This run made only <code>edited</code>"
    #expect(report.firstRange(of: remark)?.lowerBound ?? report.endIndex < report.firstRange(of: "Results")!.lowerBound)
  }

  @Test func aFailedRunDoesNotLeaveAGreenReport() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    try workshop.write("1", to: "breaker")
    let outcome = try await workshop.run(set: "target=merry")
    #expect(outcome.status == .stageFailed)
    let run = try workshop.json("\(workshop.latest("quick"))/run.json")
    #expect(run["status"] == "failed")
    #expect(run["error"]?.string?.contains("stage 'tuned' failed: it broke") == true)
    let actions = try workshop.json("\(workshop.latest("quick"))/actions.json")["actions"]?.array
    #expect(actions?.last?["status"] == "failed")
    #expect(run["expectations"] == [] && run["files"] == ["recipe.json", "actions.json", "report.html"])
    #expect(!isThere(workshop, "sheet.png"))
    let report = try workshop.read("\(workshop.latest("quick"))/report.html")
    #expect(report.contains("<b class=\"failed\">failed</b>") && report.contains("it broke"))
    #expect(!report.contains("expectations held"))
    #expect(throws: InputError.self) { try Gallery(of: [workshop.history().run(called: workshop.results)]) }

    try FileManager.default.removeItem(atPath: workshop.folder + "/breaker")
    try await workshop.run()
    #expect(try workshop.json("\(workshop.latest("quick"))/run.json")["status"] == "done")
    #expect(try workshop.json("\(workshop.latest("quick"))/run.json")["error"] == .null)
  }

  @Test func anInterruptedRunAndOneThatCannotBeginAreTold() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let interruption = Interruption()
    interruption.request()
    try await workshop.run(set: "target=merry", interruption: interruption)
    #expect(try workshop.json("\(workshop.latest("quick"))/run.json")["status"] == "interrupted")
    try await workshop.run()
    let run = try workshop.plannedRun()
    try FileManager.default.removeItem(atPath: workshop.folder + "/images/ada.txt")
    // What cannot begin is no run: nothing is remembered of it.
    let before = try workshop.history().runs().count
    let outcome = await run.perform()
    #expect(outcome.status == .wrongInput && outcome.isRefused && outcome.record == nil)
    #expect(outcome.issues.joined().contains("images/ada.txt"))
    #expect(try workshop.history().runs().count == before)
    #expect(try workshop.json("\(workshop.latest("quick"))/run.json")["status"] == "done")
  }

  @Test func whatFailedAndWasSkippedComesFirst() async throws {
    let workshop = try Workshop()
    try workshop.write("1", to: "breaker")
    let outcome = try await workshop.run(options: RunOptions(keepsGoing: true))
    #expect(outcome.summary.failed == 1 && outcome.summary.skipped == 7)
    let report = try workshop.read("\(workshop.latest("quick"))/report.html")
    #expect(report.contains("<b class=\"failed\">failed</b> · 0 cached, 6 ran, 1 failed, 7 skipped"), "\(report)")
    let first = try #require(report.firstRange(of: "<h2>"))
    #expect(report[first.upperBound...].hasPrefix("What went wrong</h2>"))
    #expect(report.contains("7 actions skipped, because what they need failed: <code>edited/ada</code>"))
    #expect(report.contains("class=\"node failed\"") && report.contains("class=\"node missing\""))
    let run = try workshop.json("\(workshop.latest("quick"))/run.json")
    #expect(run["status"] == "failed" && run["skipped"]?.array?.count == 7)
    let xml = JUnit(of: [("quick", outcome)]).xml
    #expect(xml.contains("tests=\"8\" failures=\"0\" errors=\"1\" skipped=\"7\""), "\(xml)")
    #expect(xml.contains("<testcase classname=\"quick.tuned\" name=\"tuned\"><error message=\""))
    #expect(xml.contains("name=\"edited/ada\"><skipped message=\"what it needs failed\"/></testcase>"))
  }

  @Test func failedAndPartialRunsPushNoWholeRunOut() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    try workshop.write("1", to: "breaker")
    for target in ["a", "b", "c", "d"] { try await workshop.run(set: "target=\(target)") }
    try FileManager.default.removeItem(atPath: workshop.folder + "/breaker")
    for target in ["e", "f", "g", "h"] {
      try await workshop.run(set: "target=\(target)", options: RunOptions(only: ["edited"]))
    }
    _ = try Store(at: workshop.store, for: .alone).collect(keeping: 3, grace: 0, isDry: false)
    #expect(try workshop.dryRun().toRun.isEmpty)
    #expect(try workshop.dryRun(set: "target=h").toRun.count == 4, "what the latest part made is kept as well")
    #expect(try workshop.dryRun(set: "target=e").toRun.count == 8)
  }

  // MARK: Before anything is computed

  @Test func twoRecipesOfOneNameDoNotOverwriteEachOther() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    try workshop.write(try workshop.read("recipes/quick.yaml"), to: "recipes/other.yaml")
    let other = try workshop.plannedRun(of: workshop.folder + "/recipes/other.yaml")
    let error = #expect(throws: InputError.self) { try other.requireFolder() }
    #expect(error?.description.contains("recipes/other.yaml and ") == true)
    #expect(error?.description.contains("recipes/quick.yaml are both called 'quick'") == true)
    try workshop.plannedRun().requireFolder()
    #expect(throws: InputError.self) { try Run.requireDistinct([workshop.plannedRun(), other]) }
    // One that was moved goes on.
    try FileManager.default.removeItem(atPath: workshop.recipe)
    try other.requireFolder()
  }

  @Test func placesThatCannotBeWrittenToAreSaidBefore() throws {
    let workshop = try Workshop()
    try workshop.write("", to: "runs")
    func message(_ check: () throws -> Void) -> String {
      do { try check() } catch { return "\(error)" }
      return ""
    }
    #expect(message { try workshop.plannedRun().requireFolder() }.hasSuffix("choose another with --runs"))
    let folder = workshop.folder
    #expect(message { try OutputPlace.requireFolder("", option: "--to") } == "--to is empty: name a folder")
    #expect(message { try OutputPlace.requireFolder("/proc/x", option: "--to") }.contains("/proc/x"))
    #expect(message { try OutputPlace.requireFile(folder, option: "--junit") }.contains("is a folder: name a file"))
    let missing = "\(folder)/nodir/x.xml"
    #expect(
      message { try OutputPlace.requireFile(missing, option: "--junit") }
        == "--junit: there is no folder \(folder)/nodir to write \(missing) to: make it first")
    #expect(message { try OutputPlace.requireFile("\(folder)/x.xml", option: "--junit") } == "")
    #expect(message { try OutputPlace.requireFile("/dev/null", option: "--junit") } == "")
    #expect(message { try OutputPlace.requireFolder("\(folder)/out", option: "--to") } == "")
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/out").isEmpty)
  }

  @Test(arguments: ["", "x", "0", "-1", "1.5", "99999999999999999999", "86401", "10 s"])
  func patienceIsANumberOfSeconds(text: String) throws {
    let environment = ["DIFFUSIONCLIP_PATIENCE": text]
    if text.isEmpty {
      _ = try RunEnvironment(program: "", blas: "", threads: 1, environment: environment)
      return
    }
    #expect(throws: InputError.self) {
      try RunEnvironment(program: "", blas: "", threads: 1, environment: environment)
    }
    #expect(throws: InputError.self) { try CacheSettings(environment: environment) }
  }

  @Test(arguments: [["_MODE": "both"], ["_TRUST": "some"], ["_PASSWORD": "x"]])
  func variablesThatMakeNoSenseAreSaid(variables: [String: String]) throws {
    let environment = Dictionary(uniqueKeysWithValues: variables.map { ("DIFFUSIONCLIP_CACHE" + $0, $1) })
    let url = variables["_PASSWORD"] == nil ? nil : "http://cache"
    #expect(throws: InputError.self) { try CacheSettings(url: url, environment: environment) }
    #expect(throws: InputError.self) { try CacheSettings(url: "http://cache", environment: ["NETRC": "/nowhere/x"]) }
  }
}
