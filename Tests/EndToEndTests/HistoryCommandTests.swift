import Escaping
import Foundation
import JSONSyntax
import StageKit
import Testing

/// `runs` and `gc`: the history as a user works with it.
struct HistoryCommandTests {
  private static let recipe = """
    recipe: small
    params: { seed: 1, count: 3 }
    stages:
      p: { synthesize: { count: "${count}", size: 16, seed: "${seed}" } }
      q: { synthesize: { count: "${count}", size: 16, seed: 1 } }
      scores: { metric: { images: p, reference: q, measures: [mae, psnr] } }
      back: { metric: { images: q, reference: p, measures: [mae] } }
      t: { table: { rows: [scores] } }
    outputs: [t, p]
    """

  /// Runs with three seeds, the second of them tagged.
  private static let finished = Result { try run() }

  private static func run() throws -> Repository {
    let repository = try Repository(recipe)
    for seed in 1...3 {
      let labels = seed == 2 ? ["--tag", "baseline", "--name", "second", "--note", "the second one"] : []
      try #require(try repository.run(["run", "recipe.yaml", "--set", "seed=\(seed)"] + labels).status == 0)
    }
    return repository
  }

  private static func copy() throws -> Repository { try Repository(copying: try finished.get()) }

  @Test func runsAreListedByWhatTellsThemApart() throws {
    let repository = try Self.copy()
    let table = try repository.run("runs", "list")
    #expect(table.status == 0, "\(table)")
    let rows = table.output.split(separator: "\n").map { $0.split(whereSeparator: \.isWhitespace).map(String.init) }
    #expect(rows[0] == ["id", "state", "name", "tag", "seed", "scores.mae", "psnr", "back.mae"])
    #expect(rows.count == 4 && rows[1][2] == "3" && rows[2][2...4] == ["second", "baseline", "2"])
    #expect(try repository.run("runs").output == table.output)
    // One run is told apart from those that are not shown.
    let one = try repository.run("runs", "list", "--limit", "1", "--csv").output
    #expect(one.hasPrefix("id,state,seed,scores.mae,psnr,back.mae\n"), "\(one)")

    let best = try repository.run("runs", "list", "--where", "scores.mae > 0", "--best", "psnr", "--json").lines[0]
    let all = try repository.run("runs", "list", "--json").lines[0].array ?? []
    let psnr = all.filter { $0["measures"]?["scores.mae"]?.double ?? 0 > 0 }.compactMap { run in
      run["measures"]?["scores.psnr"]?.double.map { ($0, run["id"]) }
    }
    #expect(best.array?.count == 1 && best.array?[0]["id"] == psnr.max { $0.0 < $1.0 }?.1)
    let least = try repository.run("runs", "list", "--best", "scores.mae", "--columns", "seed,scores.mae", "--csv")
    #expect(least.output == "seed,scores.mae\n1,0.0\n")
    let sorted = try repository.run(
      "runs", "list", "--sort", "seed", "--descending", "--limit", "2", "--columns", "seed", "--csv")
    #expect(sorted.output == "seed\n3\n2\n")
    let tagged = try repository.run("runs", "list", "--where", "tag == baseline", "--where", "seed == 2", "--markdown")
    #expect(tagged.output.contains("| second | baseline |"), "\(tagged.output)")
    #expect(
      try repository.run("runs", "list", "--where", "name != second", "--columns", "seed", "--csv").output
        == "seed\n3\n1\n")
    #expect(try repository.run("runs", "list", "--where", "seed == 7").output == "no run matches\n")
  }

  @Test func whatCannotBeAskedForIsSaid() throws {
    let repository = try Self.copy()
    for (arguments, message) in [
      (["--where", "sed == 1"], "no run has 'sed'; did you mean 'seed'? there are seed, count"),
      (["--where", "mae > 0"], "has several measures called 'mae': name one of scores.mae, back.mae"),
      (["--where", "psnr"], "'psnr' asks for nothing"), (["--where", "psnr >"], "'psnr >' is no comparison"),
      (["--best", "nothing"], "no run has 'nothing'"), (["--of", "other"], "no run of a recipe 'other' is in "),
    ] {
      let outcome = try repository.run(["runs", "list"] + arguments)
      #expect(outcome.status == 2 && outcome.errors.contains(message), "\(arguments): \(outcome)")
    }
    #expect(try repository.run("runs", "list", "--csv", "--json").status == 64)
    #expect(try repository.run("runs", "list", "--runs", "nowhere").output == "there are no runs\n")
    let missing = try repository.run("runs", "show", "nobody")
    #expect(missing.status == 2 && missing.errors.hasPrefix("nobody is no run: name a recipe, an ID or a tag"))
  }

  @Test func oneRunIsShown() throws {
    let repository = try Self.copy()
    let shown = try repository.run("runs", "show", "second").output
    for text in [
      "recipe   small", "state    done", "note     the second one", "  seed   2", "seed: 1 → 2", "  t.csv\n",
    ] {
      #expect(shown.contains(text), "\(text) in \(shown)")
    }
    #expect(try repository.run("runs", "show", "baseline", "--json").lines[0]["params"]?["seed"] == 2)
    try #require(try repository.run("runs", "show", "small/previous", "--page", "page.html").status == 0)
    let page = try repository.text("page.html")
    #expect(page.contains("data:image/png;base64,") && !page.contains("src=\"./"))
  }

  @Test func tagsGoAndCome() throws {
    let repository = try Self.copy()
    #expect(
      try repository.run("runs", "tag", "small", "a", "b", "--note", "n").output.hasSuffix(
        "\n  note  n\n  tags  a, b\n"))
    #expect(try repository.run("runs", "tag", "a", "--remove", "b", "--json").lines[0]["tags"] == ["a"])
    #expect(try repository.run("runs", "tag", "a", "--remove", "b").status == 2)
    for wrong in ["2026", "a b", ""] { #expect(try repository.run("runs", "tag", "small", wrong).status == 64) }
    #expect(try repository.run("run", "recipe.yaml", "--tag", "x/y").status == 64)
  }

  @Test func runsAreRemoved() throws {
    let repository = try Self.copy()
    let latest = repository.latest("small")
    #expect(try repository.run("runs", "remove").status == 64)
    #expect(try repository.run("runs", "remove", "small", "--keep", "1").status == 64)
    let dry = try repository.run("runs", "remove", "--keep", "1", "--dry-run").output
    #expect(dry.split(separator: "\n").count == 1 && dry.hasPrefix("would remove small/"), "tagged ones stay: \(dry)")
    #expect(try repository.run("runs", "remove", "--keep", "1").status == 0)
    #expect(repository.names(in: "runs/small").count == 3 && repository.latest("small") == latest)
    #expect(try repository.run("runs", "remove", "small", "baseline").status == 0)
    #expect(repository.names(in: "runs").isEmpty)
  }

  /// What a tagged run made stays in the store, whatever came after it.
  @Test func theStoreKeepsWhatTaggedRunsMade() throws {
    // Not a copy, in which the order of times would be another one.
    let repository = try Self.run()
    func toRun(_ seed: Int) throws -> JSON? {
      try repository.run("plan", "recipe.yaml", "--set", "seed=\(seed)", "--json").lines[0]["counts"]?["run"]
    }
    #expect(try repository.run("gc", "--keep", "1", "--grace", "0").status == 0)
    #expect(try toRun(3) == 0 && toRun(2) == 0 && toRun(1) != 0)
    // What cannot be told is not taken for nothing.
    for name in repository.names(in: "runs/small") where name != "latest" {
      let actions = "\(repository.folder)/runs/small/\(name)/actions.json"
      guard rename(actions, actions + ".away") == 0 else { continue }
      defer { rename(actions + ".away", actions) }
      let outcome = try repository.run("gc", "--keep", "1", "--grace", "0")
      let isTagged = try repository.text("runs/small/\(name)/run.json").contains("\"baseline\"")
      #expect(outcome.status == (isTagged ? 2 : 0) && (!isTagged || outcome.errors.contains(name)), "\(outcome)")
    }
    #expect(try toRun(2) == 0)
    #expect(try repository.run("gc", "--keep", "1", "--grace", "0", "--no-tagged").status == 0)
    #expect(try toRun(3) == 0 && toRun(2) != 0)
  }

  /// Runs with other learning rates, and some with nothing to do: store and history, each file once, against the objects.
  @Test func manyRunsCostWhatChanged() throws {
    let repository = try Repository(
      """
      recipe: tiny
      params: { learning_rate: 1.0e-4 }
      stages:
        base:    { load: { diffusion: Fixtures/models/portraits-diffusion.safetensors } }
        clip:    { load: { clip: Fixtures/models/portraits-clip } }
        faces:   { load: { images: faces/*.png, size: 64 } }
        latents: { invert: { images: faces, model: base, return_step: 300, steps: 2 } }
        tuned:
          finetune: { model: base, latents: latents, clip: clip, source: face, target: angry face, steps: 2, epochs: 1,
                      learning_rate: "${learning_rate}" }
        edited:  { sample: { latents: latents, model: tuned, steps: 2 } }
        scores:  { metric: { images: edited, reference: faces, measures: [mae, ssim] } }
        sheet:   { figure: { rows: [faces, edited] } }
      outputs: [sheet, scores, edited]
      """, faces: ["ada"])
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    try FileManager.default.createSymbolicLink(
      atPath: repository.path("Fixtures"), withDestinationPath: root.appending(path: "Fixtures").path)
    /// Bytes on the disk of all files below some folders, each file once.
    func allocated(_ folders: String...) throws -> Int {
      var seen: Set<UInt64> = []
      var bytes = 0
      for folder in folders {
        for name in try FileManager.default.subpathsOfDirectory(atPath: repository.path(folder)) + [""] {
          var status = stat()
          try #require(lstat(repository.path("\(folder)/\(name)"), &status) == 0)
          if seen.insert(UInt64(status.st_ino)).inserted { bytes += Int(status.st_blocks) * 512 }
        }
      }
      return bytes
    }
    for number in 1...6 {
      let run = try repository.run("run", "recipe.yaml", "--set", "learning_rate=\(number)e-5")
      try #require(run.status == 0, "\(run)")
    }
    let all = try allocated(".diffusionclip", "runs")
    let objects = try allocated(".diffusionclip/objects", ".diffusionclip/state")
    #expect(Double(all) < 1.1 * Double(objects), "\(all) of \(objects)")
    try #require(try repository.run("run", "recipe.yaml", "--set", "learning_rate=6e-5").status == 0)
    let before = try allocated(".diffusionclip", "runs")
    for _ in 0..<4 { try repository.run("run", "recipe.yaml", "--set", "learning_rate=6e-5") }
    // A folder or two, a record, a page without pictures.
    #expect(try allocated(".diffusionclip", "runs") - before < 4 * 40_000)
  }

  /// An older page refers to the pictures beside it: a browser shows them.
  @Test(.enabled(if: Browser.isThere, Browser.absence)) func anOlderPageShowsItsPictures() throws {
    let repository = try Self.copy()
    let ids = repository.names(in: "runs/small").filter { $0 != "latest" }
    let script = "onload = () => document.title = [...document.images].map(i => i.naturalWidth).join(' ')"
    for (place, id) in ids.enumerated() {
      let page = try repository.text("runs/small/\(id)/report.html")
      #expect(page.contains("src=\"./p/") == (place < 2), "\(id)")
      let looked = Browser.page(page, allowing: script).replacing("</body>", with: "<script>\(script)</script></body>")
      try repository.write(looked, to: "runs/small/\(id)/looked.html")
      let seen = try Browser.page(of: "runs/small/\(id)/looked.html", in: repository)
      #expect(seen.contains("<title>16 16 16</title>"), "\(seen.prefix(600))")
    }
  }
}
