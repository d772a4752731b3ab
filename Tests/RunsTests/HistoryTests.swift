import ArtifactStore
import Engine
import EngineTestSupport
import Escaping
import Foundation
import JSONSyntax
import Runs
import StageKit
import Testing

/// Runs are kept, each in its folder, and found again.
@Suite struct HistoryTests {
  private func inode(_ workshop: Workshop, _ file: String) throws -> (number: UInt64, mode: mode_t) {
    var status = stat()
    try #require(stat("\(workshop.folder)/\(file)", &status) == 0, "\(file)")
    return (UInt64(status.st_ino), status.st_mode & 0o777)
  }

  @Test func whatIsTheSameIsStoredOnce() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let first = workshop.latest("quick")
    let page = try workshop.read("\(first)/report.html")
    try await workshop.run(set: "target=merry")
    try await workshop.run()
    let third = workshop.latest("quick")
    #expect(try workshop.history().runs(of: "quick").count == 3)
    for file in ["sheet.png", "scores.csv", "edited/ada.png", "numbers.json", "recipe.json"] {
      let (old, new) = (try inode(workshop, "\(first)/\(file)"), try inode(workshop, "\(third)/\(file)"))
      #expect(old.number == new.number && new.mode & 0o222 == 0, "\(file): found again behind another run")
    }
    // Where nothing was to do, all but the record and the page is what it was.
    try await workshop.run()
    let fourth = workshop.latest("quick")
    try await workshop.run()
    let fifth = workshop.latest("quick")
    for file in ["actions.json", "sheet.png", "recipe.json", "numbers.json"] {
      #expect(try inode(workshop, "\(fourth)/\(file)").number == inode(workshop, "\(fifth)/\(file)").number, "\(file)")
    }
    // The newest page is its own; the others refer to what lies beside them, and can be made their own.
    #expect(try workshop.read("\(fifth)/report.html").contains("data:image/png;base64,"))
    let old = try workshop.read("\(first)/report.html")
    #expect(!old.contains("data:image/png;base64,") && old.contains(" src=\"./edited/ada.png\""))
    #expect(try workshop.history().run(called: first.fileName).page() == Data(page.utf8))
  }

  /// A file that somebody may write into, or changed, is no source of others.
  @Test func whatWasChangedIsNotShared() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let first = workshop.latest("quick")
    let files = FileManager.default
    try files.setAttributes([.posixPermissions: 0o644], ofItemAtPath: "\(workshop.folder)/\(first)/edited/ada.png")
    try files.setAttributes([.posixPermissions: 0o644], ofItemAtPath: "\(workshop.folder)/\(first)/edited/bob.png")
    try workshop.write("painted over", to: "\(first)/edited/bob.png")
    try files.setAttributes([.posixPermissions: 0o444], ofItemAtPath: "\(workshop.folder)/\(first)/edited/bob.png")
    try files.removeItem(atPath: "\(workshop.folder)/\(first)/edited/cyd.png")
    try files.createSymbolicLink(
      atPath: "\(workshop.folder)/\(first)/edited/cyd.png", withDestinationPath: "../sheet.png")
    try await workshop.run()
    let second = workshop.latest("quick")
    for name in ["ada", "bob", "cyd"] {
      #expect(try workshop.read("\(second)/edited/\(name).png") == "~~\(name)angry")
      let kind = try files.attributesOfItem(atPath: "\(workshop.folder)/\(second)/edited/\(name).png")
      #expect(kind[.type] as? FileAttributeType == .typeRegular, "\(name)")
      #expect(
        try inode(workshop, "\(first)/edited/\(name).png").number
          != inode(workshop, "\(second)/edited/\(name).png").number)
    }
    #expect(try inode(workshop, "\(first)/sheet.png").number == inode(workshop, "\(second)/sheet.png").number)
  }

  @Test func runsAtOnceDoNotCollide() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let outcomes = try await withThrowingTaskGroup(of: RunOutcome.self) { group in
      for _ in 0..<6 { group.addTask { try await workshop.run() } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(Set(outcomes.compactMap(\.folder)).count == 6 && outcomes.allSatisfy { $0.status == .done })
    let runs = try workshop.history().runs(of: "quick")
    #expect(runs.count == 7 && runs.allSatisfy { $0.state == .done })
    #expect(runs.map(\.id) == runs.map(\.id).sorted(by: >))
    #expect(
      try workshop.history().latest(of: "quick").map { outcomes.compactMap(\.folder).contains($0.folder) } == true)
  }

  @Test func aRunIsThereWhileItGoesOnAndToldWhenItIsGone() async throws {
    let workshop = try Workshop()
    let seen = EventLog { event in
      guard case .started = event else { return nil }
      return (try? workshop.history().runs())?.map { "\($0.state.rawValue) \($0.facts["pid"] != nil)" }.joined()
    }
    try await workshop.run(emit: seen.report)
    #expect(Set(seen.lines) == ["running true"])
    let run = try #require(try workshop.history().runs().first)
    // As kill -9 leaves it.
    var members = run.facts.members ?? []
    members.removeAll { $0.name == "status" }
    for (host, expected) in [(run.host, KeptRun.State.killed), ("elsewhere", .running)] {
      let facts =
        members.filter { $0.name != "host" } + [
          .init("status", "running"), .init("host", .optional(host)), .init("locked", .bool(true)),
          .init("pid", .int(Int(getpid()))),
        ]
      try workshop.write(JSON.object(facts).text, to: "\(workshop.latest("quick"))/run.json")
      #expect(try workshop.history().runs().map(\.state) == [expected])
    }
    try workshop.write("{", to: "\(workshop.latest("quick"))/run.json")
    #expect(try workshop.history().runs().map(\.state) == [.unreadable])
    try FileManager.default.removeItem(atPath: workshop.results + "/run.json")
    #expect(try workshop.history().runs().map(\.state) == [.killed])
  }

  @Test func theRecordTellsWhatChanged() async throws {
    let workshop = try Workshop()
    try await workshop.run(set: "target=merry")
    #expect(try workshop.json("\(workshop.latest("quick"))/run.json")["changed"] == .null)
    let first = workshop.latest("quick").fileName
    let recipe = try workshop.read("recipes/quick.yaml")
    try workshop.write(recipe.replacing("steps: 2 }", with: "steps: 3 }"), to: "recipes/quick.yaml")
    try await workshop.run()
    let run = try #require(try workshop.history().latest(of: "quick"))
    #expect(run.facts["changed"]?["since"]?.string == first)
    #expect(run.facts["changed"]?["params"] == ["target": ["merry", "angry"], "steps": [2, 3]])
    #expect(run.edits.map(\.path) == ["params.steps"] && run.edits[0].before == "2" && run.edits[0].after == "3")
    #expect(run.edits[0].line == 3 && run.edits[0].file == "recipes/quick.yaml")
    #expect(run.texts?.texts.map(\.file) == ["recipes/quick.yaml"])
    #expect(run.numbers?.stages["scores"]?["longer"]?["ada"] == 8)
    #expect(run.host?.isEmpty == false && run.date?.utf8.count == 20)
  }

  // MARK: Names

  @Test func runsAreFoundByWhatPeopleCallThem() async throws {
    let workshop = try Workshop()
    let labels = [
      try RunLabels(name: "plain", tags: ["kept"]), try RunLabels(tags: ["kept", "best"]), RunLabels(),
    ]
    for (target, labels) in zip(["angry", "merry", "sunny"], labels) {
      let plan = try workshop.plannedRun(set: ["target=\(target)"])
      let run = Run(
        of: plan.plan, in: plan.store, environment: plan.environment, labels: labels, formats: plan.formats)
      #expect(await run.perform().status == .done)
    }
    let history = try workshop.history()
    let ids = try history.runs(of: "quick").map(\.id)
    try #require(ids.count == 3)
    for (name, place) in [
      ("quick", 0), ("quick/latest", 0), ("quick/previous", 1), (ids[2], 2), ("quick/\(ids[1])", 1), ("plain", 2),
      ("kept", 1), ("best", 1), ("quick/kept", 1), ("\(workshop.folder)/runs/quick", 0), (workshop.results, 0),
      ("\(workshop.folder)/runs/quick/\(ids[2])/run.json", 2), ("\(workshop.folder)/runs/quick/\(ids[1])/", 1),
    ] {
      #expect(try history.run(called: name).id == ids[place], "\(name)")
    }
    for name in ["", "x", "2000", "quick/x", "quick/..", "../quick", "/", "nobody/latest", "images", "kept\u{301}"] {
      #expect(throws: InputError.self, "\(name)") { try history.run(called: name) }
    }
    // All of a day: more than one.
    let error = #expect(throws: InputError.self) { try history.run(called: String(ids[0].prefix(8))) }
    #expect(error?.description.contains("is the name of 3 runs: say which, of quick/\(ids[0])") == true)

    let run = try history.run(called: "plain")
    try run.relabel(run.labels.adding(["odd"], removing: ["kept"], note: "why not"))
    let changed = try history.run(called: "odd")
    #expect(changed.id == ids[2] && changed.tags == ["odd"] && changed.note == "why not" && changed.name == "plain")
    #expect(try changed.wholeRecord()["actions"]?.array?.count == 14)
  }

  @Test(arguments: ["", "a b", "-x", "2026", "20261129-150455-000", "latest", "previous", "a/b", "x\n", "\u{202E}x"])
  func wordsThatAreNoLabels(_ word: String) {
    #expect(throws: InputError.self) { try RunLabels(name: word) }
    #expect(throws: InputError.self) { try RunLabels(tags: [word]) }
  }

  @Test func removingTheLatestMakesTheOneBeforeItThat() async throws {
    let workshop = try Workshop()
    for target in ["a", "b"] { try await workshop.run(set: "target=\(target)") }
    let history = try workshop.history()
    let runs = try history.runs(of: "quick")
    #expect(try history.remove(runs[0]).isEmpty)
    #expect(try history.latest(of: "quick")?.id == runs[1].id)
    #expect(try workshop.read("runs/quick/latest") == "\(runs[1].id)\n")
    // The files that both had are still the other's; its page is restored and found to be as it was written.
    #expect(try workshop.read("\(workshop.latest("quick"))/edited/ada.png") == "~~adaa")
    #expect(try history.remove(runs[1]).isEmpty)
    #expect(!FileManager.default.fileExists(atPath: workshop.folder + "/runs/quick"))
  }

  @Test func retention() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    try workshop.write("1", to: "breaker")
    try await workshop.run(set: "target=merry")
    try FileManager.default.removeItem(atPath: workshop.folder + "/breaker")
    try await workshop.run(set: "target=sunny")
    try await workshop.run(set: "target=jolly")
    let runs = try workshop.history().runs()
    #expect(runs.map(\.state) == [.done, .done, .failed, .done])
    try runs[3].relabel(runs[3].labels.adding(["kept"]))
    let now = try workshop.history().runs()
    func ids(_ retention: Retention, at date: Date = .now) -> [Int] {
      let chosen = retention.dispensable(now, now: date).untagged.map(\.id)
      return now.indices.filter { chosen.contains(now[$0].id) }
    }
    #expect(ids(Retention(count: 1)) == [1, 2] && ids(Retention(onlySuccess: true)) == [2])
    #expect(ids(Retention(days: 1)) == [] && ids(Retention(days: 1), at: .now + 2 * 86_400) == [0, 1, 2])
    #expect(ids(Retention(count: 1, onlySuccess: true)) == [1, 2])
  }

  /// Folders that came with a checkout say whatever they like.
  @Test func recordsThatSayWhateverTheyLike() throws {
    let workshop = try Workshop()
    let texts = [
      "{}", "[]", "{\"status\": 3, \"tags\": \"x\", \"files\": [3, \"../x\"], \"measures\": [{\"stage\": 1}]}",
      "{\"status\": \"running\", \"pid\": 99999999999, \"host\": null}", "{\"params\": []}", "\u{0}", "",
      "{\"seconds\": 1e999}", "{\"id\": \"../../x\", \"recipe\": \"../y\", \"expectations\": {}}",
    ]
    for (number, text) in texts.enumerated() {
      let folder = "runs/r/20260101-000000-00\(number)"
      try FileManager.default.createDirectory(
        atPath: "\(workshop.folder)/\(folder)", withIntermediateDirectories: true)
      try workshop.write(text, to: "\(folder)/run.json")
    }
    try workshop.write("../../../etc", to: "runs/r/latest")
    let runs = try workshop.history().runs()
    #expect(runs.count == texts.count && runs.allSatisfy { $0.recipe == "r" && $0.folder.hasPrefix(workshop.folder) })
    #expect(runs.allSatisfy { $0.files.allSatisfy(FileName.isInside) })
    for run in runs {
      _ = (run.measures, run.edits, run.labels, try? run.keys(), try? run.page(), run.texts, run.numbers)
    }
    #expect(try workshop.history().latest(of: "r") != nil)
  }
}
