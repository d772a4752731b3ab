import ArtifactStore
import Foundation
import StageKit
import Testing

/// A user study from the recipe to its numbers; a browser stands for the participant.
struct SurveyTests {
  private static let stages = """
    recipe: study
    params: { look: { sweep: [zombie, sketch] } }
    stages:
      faces: { synthesize: { count: 3, size: 24 } }
      ours: { synthesize: { count: 3, size: 24, styles: ["${look}"] } }
      theirs: { synthesize: { count: 3, size: 24, styles: ["${look}"], strokes: true } }
      study: { survey: { images: [faces], first: [ours], second: [theirs], title: "Faces & <b>more</b>" } }

    """

  private static let counting = """
      votes: { load: { table: votes/*.csv } }
      counts:
        tally: { key: study.key, votes: [votes] }
        expect: { rate: "> 0.7", low: "> 0.2", votes: "== 12", participants: "== 2" }
    outputs: [study, study.key, counts]

    """

  private static func repository() throws -> (repository: Repository, key: CSV) {
    let repository = try Repository(stages + "outputs: [study, study.key]\n", faces: [])
    let outcome = try repository.run("run", "recipe.yaml", "--json")
    try #require(outcome.status == 0, "\(outcome)")
    return (repository, try #require(CSV(repository.text("\(repository.latest("study"))/study.key.csv"))))
  }

  @Test func thePageIsAFileThatTheReportLeadsTo() throws {
    let (repository, key) = try Self.repository()
    #expect(
      repository.names(in: repository.latest("study"))
        == [
          "actions.json", "events.jsonl", "recipe.json", "report.html", "run.json", "study.html", "study.key.csv",
          "study.key.md", "study.key.tex",
        ])
    let page = try repository.text("\(repository.latest("study"))/study.html")
    #expect(page.hasPrefix("<!doctype html>") && !page.contains("http:") && !page.contains("https:"))
    #expect(!page.contains("ours") && !page.contains("theirs") && !page.contains("portrait"))
    #expect(key.rows.count == 6)
    #expect(
      try repository.text("\(repository.latest("study"))/report.html").contains(
        "<a href=\"./study.html\">study.html</a>"))
    #expect(try repository.run("export", "recipe.yaml", "study", "--to", "out").status == 0)
    #expect(try repository.text("out/study.html") == page)
    #expect(try repository.run("show", "recipe.yaml", "study").output.hasPrefix("study  page, 1 item, "))
  }

  /// Answers every trial by keyboard, the second one wrongly at first, and tells in the title what went wrong. Files to
  /// save are taken note of: a browser without a window does not always come to an end after it was given one.
  private static func participant(choosing sides: [String]) throws -> String {
    let list = sides.map { "\"\($0)\"" }.joined(separator: ", ")
    return """
      const problems = [], saved = []
      HTMLAnchorElement.prototype.click = function () { saved.push(this.download) }
      const press = key =>
        document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }))
      const check = (isRight, what) => { if (!isRight) problems.push(what) }
      press("ArrowLeft")
      check(!find("start").hidden && votes().split("\\n").length === 2, "answers before it begins")
      find("participant").value = "Ann, the 1st"
      find("start").requestSubmit()
      const sides = [\(list)]
      sides.forEach((side, place) => {
        check(find("count").textContent === `${place + 1} of ${sides.length}`, "progress at " + place)
        check(find("news").textContent.startsWith(`${place + 1} of ${sides.length}. Wanted: `), "news at " + place)
        const keys = side === "left" ? ["ArrowLeft", "a", "1"] : ["ArrowRight", "B", "2"]
        if (place === 1) {
          press(side === "left" ? "b" : "A")
          press("Backspace")
          check(document.querySelectorAll("[aria-pressed=true]").length === 1, "the old answer is not shown")
        }
        press(keys[place % 3])
        check(recalled().answers[place + 1]?.choice === side, "not kept at " + place)
      })
      check(!find("end").hidden, "no end")
      check(saved.join() === "votes-Ann_the_1st.csv", "saved: " + saved)
      addEventListener("load", () => {
        const pictures = [...document.images]
        check(pictures.length === 3 && pictures.every(image => image.naturalWidth === 24), "pictures")
        check(pictures.every(image => image.classList.contains("small")), "pixels")
        check(document.querySelector("#start h1").textContent === "Faces & <b>more</b>", "title")
        document.title = "problems: " + problems.join("; ")
      })
      """
  }

  @Test(.enabled(if: Browser.isThere, Browser.absence)) func votesByKeyboardAreCounted() throws {
    let (repository, key) = try Self.repository()
    let inOrder = key.rows.sorted { (Int($0[1]) ?? 0) < (Int($1[1]) ?? 0) }
    let sides = inOrder.map { $0[4] == "ours" ? "left" : "right" }
    let page = try repository.text("\(repository.latest("study"))/study.html")
    let watch = "addEventListener(\"error\", event => problems.push(event.message))"
    let participant = try Self.participant(choosing: sides)
    let watched = page.replacing("<style>", with: "<script>\(watch)</script><style>", maxReplacements: 1)
      .replacing("</body>", with: "<script>\(participant)</script></body>")
    try repository.write(
      Browser.page(Browser.page(watched, allowing: watch), allowing: participant), to: "seen.html")
    let seen = try Browser.page(of: "seen.html", in: repository)
    #expect(seen.firstMatch(of: /<title>([^<]*)<\/title>/)?.1 == "problems: ")
    let votes = String(try #require(seen.firstMatch(of: /<pre id="votes"[^>]*>([^<]*)<\/pre>/)?.1))
    let table = try #require(CSV(votes))
    #expect(table.header == ["survey", "participant", "trial", "choice", "seconds"])
    #expect(
      table.rows.map { Array($0[..<4]) }
        == sides.indices.map { [key.rows[0][0], "Ann, the 1st", "\($0 + 1)", sides[$0]] })
    #expect(table.rows.allSatisfy { Double($0[4]) != nil })

    // Bob prefers ours in the first half.
    let bob = table.rows.enumerated().map { place, row in
      let side = place < 3 ? row[3] : row[3] == "left" ? "right" : "left"
      return [row[0], "bob", row[2], side, "2"]
    }
    try FileManager.default.createDirectory(atPath: repository.path("votes"), withIntermediateDirectories: true)
    try repository.write(votes, to: "votes/votes-Ann_the_1st.csv")
    try repository.write(CSV(header: table.header, rows: bob).text, to: "votes/votes-bob.csv")
    try repository.write(Self.stages + Self.counting, to: "recipe.yaml")
    let outcome = try repository.run("run", "recipe.yaml", "--json")
    #expect(outcome.status == 0, "\(outcome)")
    #expect(try outcome.ran == ["votes", "counts"])
    let counts = try #require(CSV(repository.text("\(repository.latest("study"))/counts.csv")))
    #expect(counts.rows.count == 6)
    #expect(counts.rows[0][...5] == ["ours", "all", "12", "2", "9", "0.75"])

    // One more participant is one more file; votes on other pictures are refused.
    try repository.write(votes.replacing(key.rows[0][0], with: "0000000000000000"), to: "votes/votes-cyd.csv")
    let refused = try repository.run("run", "recipe.yaml")
    #expect(refused.status == 2)
    #expect(
      refused.errors.contains(
        "row 14 of 'votes', by 'Ann, the 1st', is a vote on survey '0000000000000000', but the key"))
  }
}
