import Escaping
import Foundation
import Imaging
import JSONSyntax
import StageKit
import TestSupport
import Testing

/// `compare`: runs side by side, as a user and a CI job see them.
struct CompareTests {
  private static let recipe = """
    recipe: small
    params: { seed: 2 }
    stages:
      p: { synthesize: { count: 4, size: 16, seed: 1 } }
      q: { synthesize: { count: 4, size: 16, seed: "${seed}" } }
      scores: { metric: { images: q, reference: p, measures: [mae, ssim] } }
      same: { metric: { images: p, reference: p, measures: [mae, psnr] } }
      t: { table: { rows: [scores, same] } }
      sheet: { figure: { rows: [p, q] } }
    outputs: [t, q, sheet]

    """

  /// A run, and one after an edit of a literal and of a parameter.
  private static let finished = Result {
    let repository = try Repository(recipe)
    try #require(try repository.run("run", "recipe.yaml", "--tag", "before").status == 0)
    try repository.write(recipe.replacing("size: 16, seed: 1 }", with: "size: 16, seed: 5 }"), to: "recipe.yaml")
    try #require(try repository.run("run", "recipe.yaml", "--set", "seed=3").status == 0)
    return repository
  }

  private static func copy() throws -> Repository { try Repository(copying: try finished.get()) }

  @Test func asText() throws {
    let repository = try Self.copy()
    let outcome = try repository.run("compare", "small")
    #expect(outcome.status == 0, "\(outcome)")
    let text = outcome.output
    #expect(try repository.run("compare", "before", "small").output == text)
    #expect(try repository.run("compare", "small/previous", repository.latest("small")).output == text)
    #expect(
      text.contains(
        "\nparams\n  seed  2 → 3\nliterals\n  recipe.yaml:4  stages.p.synthesize.seed: 1 → 5\nnumbers\n  scores.mae"))
    #expect(text.contains(" (n = 4)\n") && text.contains("95 % interval of the mean difference"))
    #expect(text.contains("\ntable t.csv\n  scores  mae ") && text.contains("\npictures\n"))
    #expect(!text.contains("same.mae"), "what is the same is not said: \(text)")
    // A run is not compared with itself, whatever it is called by.
    let same = try repository.run("compare", "small", repository.latest("small"))
    #expect(same.status == 2 && same.errors.contains("are the same run small/"), "\(same)")
  }

  @Test func asJSON() throws {
    let repository = try Self.copy()
    let json = try repository.run("compare", "before", "small", "small", "--json").lines[0]
    #expect(json["runs"]?.array?.count == 3 && json["same"] == .bool(false))
    #expect(json["params"] == [["subject": "seed", "values": ["2", "3", "3"]]])
    let numbers = json["numbers"]?.array ?? []
    #expect(numbers.prefix(4).map { $0["name"]?.string } == ["scores.mae", "scores.ssim", "same.mae", "same.psnr"])
    // The interval by its definition, from the numbers of the items.
    let runs = ["before", "small"].map { name in
      (try? repository.run("runs", "show", name, "--json").lines[0]["id"]?.string).flatMap { $0 } ?? ""
    }
    let items = try runs.map { run in
      try repository.json("runs/small/\(run)/numbers.json")["scores"]?["measures"]?["mae"]?.array?.compactMap(\.double)
        ?? []
    }
    let differences = zip(items[0], items[1]).map { $1 - $0 }
    try #require(differences.count == 4)
    let mean = differences.reduce(0, +) / 4
    let margin = 3.1824463052837078 * (differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 3 / 4).squareRoot()
    for difference in numbers[0]["differences"]?.array ?? [] {
      #expect(abs((difference["mean"]?.double ?? 9) - mean) < 1e-12 && difference["items"] == 4)
      #expect(abs((difference["low"]?.double ?? 9) - (mean - margin)) < 1e-12)
    }
    #expect(numbers[3]["values"] == ["Infinity", "Infinity", "Infinity"])
    #expect(numbers[3]["differences"]?.array?[0]["mean"] == .double(0), "∞ and ∞ are the same")
    let pictures = json["pictures"]?.array ?? []
    #expect(pictures.count == 5 && pictures.allSatisfy { $0["differences"]?.array?.count == 2 })
  }

  @Test func asAPageAndMarkdownWithPictures() throws {
    let repository = try Self.copy()
    let outcome = try repository.run("compare", "small", "--page", "page.html", "--markdown", "out", "--junit", "j.xml")
    #expect(outcome.status == 0, "\(outcome)")
    let page = try repository.text("page.html")
    #expect(page.contains("<h2>Literals</h2>") && page.contains("data:image/png;base64,") && !page.contains("src=\"./"))
    let markdown = try repository.text("out/comparison.md")
    #expect(
      markdown.contains("| scores.mae | ") && markdown.contains("| recipe.yaml:4 | stages.p.synthesize.seed | 1 | 5 |"))
    let pictures = repository.names(in: "out").filter { $0.hasSuffix(".png") }
    #expect(pictures.count == 5 && pictures.allSatisfy { markdown.contains("](./\($0))") })
    #expect(try !repository.text("out/summary.md").contains("!["))
    // Side by side, four times as large: before, after, and their difference times four.
    let name = try #require(pictures.first { $0.hasPrefix("q-") })
    let strip = try Image(decoding: repository.data("out/\(name)"), name: name)
    #expect(strip.height == 64 && strip.width == 3 * 64 + 2 * 4)
    for (x, y) in [(0, 0), (5, 9), (15, 15)] {
      let colors = (0..<3).map { strip[$0 * 68 + 4 * x + 1, 4 * y + 2] }
      #expect(Int(colors[2].red) == min(255, 4 * abs(Int(colors[0].red) - Int(colors[1].red))))
    }
    #expect(try repository.text("j.xml").contains("tests=\"7\" failures=\"0\""))
  }

  @Test(.enabled(if: Browser.isThere, Browser.absence)) func thePageInABrowser() throws {
    let repository = try Self.copy()
    try #require(try repository.run("compare", "small", "--page", "page.html").status == 0)
    let script = "onload = () => document.title = [...document.images].map(i => i.naturalWidth > 0).join(' ')"
    let page = Browser.page(try repository.text("page.html"), allowing: script)
    try repository.write(page.replacing("</body>", with: "<script>\(script)</script></body>"), to: "looked.html")
    #expect(try Browser.page(of: "looked.html", in: repository).contains("<title>true true true true true</title>"))
  }

  @Test func aRegressionFails() throws {
    let repository = try Self.copy()
    let before = try repository.run("runs", "show", "before", "--json").lines[0]["measures"]?.array?.first?["mean"]?
      .double
    let after = try repository.run("runs", "show", "small", "--json").lines[0]["measures"]?.array?.first?["mean"]?
      .double
    let change = try #require(after) - (try #require(before))
    let failing = change > 0 ? "scores.mae > 0.0001" : "scores.mae < -0.0001"
    let outcome = try repository.run("compare", "small", "--fail-on", failing, "--junit", "j.xml")
    #expect(outcome.status == 3 && outcome.errors.contains("scores.mae changed by \(change)"), "\(outcome)")
    #expect(try repository.text("j.xml").contains("failures=\"1\""))
    #expect(try repository.run("compare", "small", "--fail-on", "ssim > 5").status == 0)
    #expect(try repository.run("compare", "small", "--fail-on", "psnr < 0").status == 0, "∞ and ∞ are the same")
    let unknown = try repository.run("compare", "small", "--fail-on", "sim < 0")
    #expect(unknown.status == 2 && unknown.errors.contains("no run measures 'sim'; did you mean 'ssim'?"), "\(unknown)")
    #expect(try repository.run("compare", "small", "--fail-on", "ssim").status == 64)
  }

  @Test func wordsOfBefore() throws {
    let repository = try Self.copy()
    let outcome = try repository.run("diff", "runs/small", "runs/small")
    #expect(outcome.status == 64 && outcome.errors.contains("'diff' is now 'compare'"), "\(outcome)")
    let alone = try repository.run("compare", "before")
    #expect(alone.status == 2 && alone.errors.contains("no earlier run of 'small'"), "\(alone)")
    let revision = try repository.run("compare", "small", "--with", "main")
    #expect(revision.status == 2 && revision.errors.contains("no commit, branch or tag of that name"), "\(revision)")
  }

  // MARK: Baselines

  @Test func expectationsAgainstABaseline() throws {
    let repository = try Self.copy()
    let recipe = try repository.text("recipe.yaml")
    try repository.write(
      recipe.replacing(
        "measures: [mae, ssim] } }", with: "measures: [mae, ssim] }, expect: { ssim: \">= baseline - 0.01\" } }"),
      to: "recipe.yaml")
    for command in ["check", "run", "plan"] {
      let missing = try repository.run(command, "recipe.yaml")
      #expect(missing.status == 2)
      #expect(
        missing.errors.contains("recipe.yaml:6:")
          && missing.errors.contains("there is no baseline recipe.baseline.json"),
        "\(missing.errors)")
    }
    #expect(try repository.run("runs", "baseline", "small", "--items").output.hasSuffix("recipe.baseline.json\n"))
    let value = try #require(try repository.json("recipe.baseline.json")["measures"]?["scores.ssim"]?.double)
    let held = try repository.run("run", "recipe.yaml", "--set", "seed=3", "--junit", "j.xml")
    #expect(
      held.status == 0 && held.output.contains("expected >= baseline - 0.01 (baseline \(Readable.number(value)))"),
      "\(held)")
    #expect(try repository.text("j.xml").contains("name=\"ssim &gt;= baseline - 0.01\""))
    #expect(try repository.run("compare", "small", "--baseline").output == "the runs are the same\n")

    // A plan that is executed elsewhere knows the number.
    try #require(try repository.run("plan", "recipe.yaml", "--set", "seed=3", "--out", "plan.json").status == 0)
    let better = JSON.object([.init("measures", ["scores.ssim": .double(value + 0.02)])])
    try repository.write(better.text, to: "recipe.baseline.json")
    #expect(try repository.run("exec", "--plan", "plan.json", "--finish").status == 0)
    let lost = try repository.run("run", "recipe.yaml", "--set", "seed=3")
    #expect(lost.status == 3 && lost.errors.contains("expected ssim >= baseline - 0.01 (baseline "), "\(lost)")
    let compared = try repository.run("compare", "recipe.baseline.json", "small", "--fail-on", "ssim < -0.01")
    #expect(compared.status == 3 && compared.output.contains("numbers\n  scores.ssim"), "\(compared)")

    for (text, message) in [
      ("{\"measures\": {\"scores.sim\": 1}}", "has no number 'scores.ssim'"), ("[]", "must be {\"measures\""),
      ("{\"measures\": {\"scores.ssim\": \"x\"}}", "must be {\"measures\""),
    ] {
      try repository.write(text, to: "recipe.baseline.json")
      let wrong = try repository.run("check", "recipe.yaml")
      #expect(wrong.status == 2 && wrong.errors.contains(message), "\(wrong.errors)")
    }
    try FileManager.default.removeItem(atPath: repository.path("recipe.baseline.json"))
    try #require(mkfifo(repository.path("recipe.baseline.json"), 0o600) == 0)
    let pipe = try repository.start(["check", "recipe.yaml"]).outcome(within: 20)
    #expect(pipe.status == 2 && pipe.errors.contains("the baseline cannot be read"), "\(pipe)")
  }

  /// A record that came with a checkout leads nowhere else.
  @Test func aBaselineStaysBesideARecipe() throws {
    let repository = try Self.copy()
    try FileManager.default.createDirectory(atPath: repository.folder + "-out", withIntermediateDirectories: true)
    try repository.write("recipe: x", to: "../" + repository.folder.fileName + "-out/recipe.yaml")
    try FileManager.default.createSymbolicLink(
      atPath: repository.path("link"), withDestinationPath: repository.folder + "-out")
    let record = "\(repository.latest("small"))/run.json"
    let text = try repository.text(record)
    for file in ["link/recipe.yaml", "../x.yaml", "/etc/hostname", "gone.yaml", ""] {
      try repository.write(text.replacing("\"recipe.yaml\"", with: "\"\(file)\""), to: record)
      let outcome = try repository.run("runs", "baseline", "small")
      #expect(outcome.status == 2, "\(file): \(outcome)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: repository.folder + "-out") == ["recipe.yaml"])
  }

  /// Numbers that another machine compares with.
  @Test func aBaselineInTheSharedCache() throws {
    let (repository, server) = (try Self.copy(), try CacheServer())
    let cache = ["--cache", server.url]
    let none = try repository.run(["compare", "small", "--pushed", "main"] + cache)
    #expect(none.status == 2 && none.errors.contains("the cache has no numbers of 'small' called 'main'"), "\(none)")
    #expect(try repository.run(["runs", "baseline", "before", "--push", "main"] + cache).status == 0)
    let compared = try repository.run(["compare", "small", "--pushed", "main"] + cache)
    #expect(compared.status == 0 && compared.output.contains("small/main → small/"), "\(compared)")
    #expect(compared.output.contains("scores.mae") && compared.output.contains("(n = 4)"))
    #expect(!compared.output.contains("literals"), "of numbers nothing else is known")
    let unsigned = try repository.run(
      ["compare", "small", "--pushed", "main", "--cache-trust", "signed"] + cache)
    #expect(unsigned.status != 0, "\(unsigned)")
    #expect(try repository.run("compare", "small", "--pushed", "main").status == 64)
  }

  // MARK: Git

  /// A pull request: the run of its branch is compared with that of the branch that it is for.
  @Test func aPullRequest() throws {
    let repository = try Repository(Self.recipe)
    try FileManager.default.removeItem(atPath: repository.path(".git"))
    try repository.git("init", "-b", "main")
    try repository.write("runs/\n.diffusionclip/\n", to: ".gitignore")
    try repository.git("add", ".")
    try repository.git("commit", "-m", "the recipe")
    try #require(try repository.run("run", "recipe.yaml").status == 0)
    try repository.git("checkout", "-b", "smoother")
    let edited = Self.recipe.replacing("count: 4, size: 16, seed: \"${seed}\"", with: "count: 4, size: 16, seed: 7")
    try repository.write(edited, to: "recipe.yaml")
    #expect(try repository.run("run", "recipe.yaml").status == 0)
    #expect(
      try repository.run("runs", "list", "--columns", "branch,dirty", "--csv").output
        == "branch,dirty\nsmoother,true\nmain,false\n")
    try repository.git("commit", "-am", "other pictures")
    try #require(try repository.run("run", "recipe.yaml").status == 0)

    let outcome = try repository.run(
      "compare", "small", "--with", "main", "--markdown", "comparison", "--page", "page.html")
    #expect(outcome.status == 0, "\(outcome)")
    let summary = try repository.text("comparison/summary.md")
    #expect(summary.contains("| recipe.yaml:5 | stages.q.synthesize.seed | \\${seed} | 7 |"), "\(summary)")
    #expect(summary.hasPrefix("## small: 2 runs compared\n\nbefore: small/") && summary.contains(": main, "))
    #expect(summary.contains("### Numbers\n\n| measure | before | after | difference |"))
    let other = try repository.run("compare", "small", "--with", "0123456789")
    #expect(
      other.status == 2 && other.errors.contains("no run of 'small' with results at the commit 0123456789"), "\(other)")
  }
}
