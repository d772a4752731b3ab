import Foundation
import Testing

/// The report as a browser shows it, opened from the disk. Where there is no Chromium, nothing is looked at.
struct ReportTests {
  /// Listens for errors from the start, and tells in the end what there is to see.
  private static let watch = """
    const problems = []; addEventListener("error", event => problems.push(event.message ?? event.target.src), true)
    addEventListener("load", () => {
      const shown = [...document.images].filter(image => image.naturalWidth > 0 && image.clientWidth > 0)
      const curves = [...document.querySelectorAll("polyline")].filter(line => line.getBBox().width > 100)
      const wide = document.documentElement.scrollWidth > innerWidth
      document.title = [shown.length, document.images.length, curves.length, wide, ...problems].join(" ")
    })
    """

  @Test(.enabled(if: Browser.isThere, Browser.absence)) func everythingInItIsShown() throws {
    let repository = try WholeRecipe.finishedCopy()
    let report = try repository.text("\(repository.latest("whole"))/report.html")
    #expect(!report.contains("src=\"http") && !report.contains("href=\"http") && !report.contains("url("))
    let watched = report.replacing("<style>", with: "<script>\(Self.watch)</script><style>", maxReplacements: 1)
    try repository.write(Browser.page(watched, allowing: Self.watch), to: "seen.html")
    let seen = try Browser.page(of: "seen.html", in: repository)
    let title = try #require(seen.firstMatch(of: /<title>([^<]*)<\/title>/)?.1)
    let words = title.split(separator: " ")
    try #require(words.count >= 4, "the page says '\(title)'")
    #expect(Int(words[0]) == Int(words[1]) && (Int(words[0]) ?? 0) > 0, "pictures shown, and pictures there are")
    #expect((Int(words[2]) ?? 0) > 0, "curves")
    #expect(words[3] == "false", "wider than the window")
    #expect(words.count == 4, "problems: \(words.dropFirst(4).joined(separator: " "))")
    for section in ["Results", "Expectations", "Numbers", "Curves", "How it was made", "Stages", "Provenance"] {
      #expect(seen.contains("<h2>\(section)</h2>"))
    }
  }

  /// Names at pictures, which a click enlarges; what stands out by each measure; what was set; curves of a sweep together.
  @Test func whatItTells() throws {
    let repository = try Repository(
      """
      recipe: telling
      params: { lr: { sweep: [1.0e-3, 3.0e-3] }, who: 7 }
      profiles: { small: { who: 8 } }
      stages:
        people: { synthesize: { count: 8, size: 16 } }
        others: { synthesize: { count: 8, size: 16, seed: "${who}" } }
        scores: { metric: { images: people, reference: others, measures: [mae] } }
        model:
          train: { network: diffusion, images: people, steps: 120, batch_size: 2, warmup_steps: 60, channels: 8,
                   multipliers: [1, 2], attention: [8], groups: 4, learning_rate: "${lr}" }
      outputs: [people, scores, model.losses]
      """)
    let outcome = try repository.run("run", "recipe.yaml", "--profile", "small", "--set", "who=9")
    try #require(outcome.status == 0, "\(outcome)")
    let report = try repository.text("\(repository.latest("telling"))/report.html")
    #expect(report.contains("<figcaption>portrait-3</figcaption>"))
    #expect(report.contains("<figcaption>people · who=9</figcaption>"))
    #expect(report.contains("profile <b>small</b>") && report.contains("<b>who=9</b>"))
    #expect(report.contains("<h2>What stands out</h2>") && report.contains("<b>mae</b>"))
    #expect(report.components(separatedBy: "<label class=\"zoom\">").count == 8 + 6 + 1)
    #expect(report.contains("<h3>model.losses: loss</h3>"))
    #expect(report.contains(">lr=0.001</text>") && report.contains(">lr=0.003</text>"))
    #expect(try repository.json("\(repository.latest("telling"))/run.json")["profile"] == "small")
  }
}
