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
}
