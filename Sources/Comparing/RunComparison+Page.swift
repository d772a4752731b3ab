import ArtifactStore
import Escaping
import Foundation
import Imaging
import Reporting
import Runs
import StageKit

extension RunComparison {
  /// A page that needs nothing else.
  /// - Throws: `ImagingError`.
  public var page: String {
    get throws {
      func table(_ header: [String], _ rows: [[String]]) -> String {
        rows.isEmpty ? "" : HTML.table(header.map(Escape.markup), rows.map { $0.map(Escape.markup) })
      }
      func values(_ differences: [Difference]) -> [[String]] {
        differences.map { [$0.subject] + $0.values.map { $0 ?? "none" } }
      }
      let numberRows = numbers.map { number in
        ([number.name] + number.values.map { $0.map(Readable.number) ?? "none" }).map(Escape.markup)
          + number.differences.map { difference in
            let words = Escape.markup(Self.shown(difference))
            return difference?.isClear ?? false ? "<b>\(words)</b>" : words
          }
      }
      let sections: [(title: String, body: String)] = [
        (
          "Numbers",
          HTML.table(
            (["measure"] + columns + changes).map(Escape.markup), numberRows,
            classes: [""] + (columns + changes).map { _ in "number" })
            + (numbers.contains { $0.differences.contains { $0?.margin != nil } }
              ? "<p class=\"facts\">±: \(Escape.markup(PairedDifference.method)); bold where it does not hold zero</p>\n"
              : "")
        ),
        ("Expectations", table(["expectation"] + columns, values(expectations))),
        ("Parameters", table(["parameter"] + columns, values(parameters))),
        (
          "Literals",
          edits.map { edits in
            (runs.count == 2 ? "" : "<h3>\(Escape.markup(edits.label))</h3>")
              + table(
                ["where", "literal", "before", "after"],
                edits.edits.map { ["\($0.file):\($0.line)", $0.path, $0.before ?? "none", $0.after ?? "none"] })
          }.joined()
        ),
        ("Pictures", try pictureFigures),
        ("Tables", tables.map { "<h3>\(Escape.markup($0.file))</h3>" + Self.whole($0) }.joined()),
        ("Run", table(["fact"] + columns, values(facts))),
        (
          "Artifacts",
          table(
            ["artifact"] + columns,
            artifacts.map { [$0.subject] + $0.values.map { $0.flatMap { Digest(hex: $0)?.short } ?? "none" } })
        ),
      ]
      let body = sections.filter { !$0.body.isEmpty }.map { section in
        "<section><h2>\(section.title)</h2>\n\(section.body)</section>\n"
      }
      let title = Escape.markup(self.title)
      let lead = zip(columns, runs).map { "\(Escape.markup($0)): \(Escape.markup($1.fullLabel))" }.joined(
        separator: "<br>")
      let same = isEmpty ? "<p>The runs are the same.</p>" : ""
      let style = Report.style + Self.style
      return """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><title>\(title)</title>
        <meta name="viewport" content="width=device-width, initial-scale=1">
        \(PagePolicy(styles: [style]).element)
        <style>\(style)</style></head>
        <body><header><h1>\(title)</h1><p class="facts">\(lead)</p>\(same)</header>
        \(body.joined())</body></html>

        """
    }
  }

  private static let style = """

    .changed { font-weight: 600; color: var(--bad) }
    figure.images img { image-rendering: pixelated }
    """

  private var pictureFigures: String {
    get throws {
      let figures = try shownPictures.compactMap { picture -> String? in
        guard let strip = picture.strip else { return nil }
        let words = "\(picture.file): \(picture.remarks.joined(separator: "; "))"
        return "<figure class=\"images\">\(HTML.picture(try strip.pngData(), label: words))"
          + "<figcaption>\(Escape.markup(words))</figcaption></figure>\n"
      }
      guard !pictures.isEmpty else { return "" }
      let labels = columns.map(Escape.markup).joined(separator: ", ")
      let more = pictures.count > figures.count ? " \(figures.count) of \(pictures.count), those that differ most." : ""
      return
        "<p class=\"facts\">From the left, or the top: \(labels), and what differs from the first, ×\(PictureDifference.gain).\(more)</p>\n"
        + figures.joined()
    }
  }

  /// A table with all its cells; those that differ say how.
  private static func whole(_ table: TableDifference) -> String {
    let most = 200
    let rows = table.rows.prefix(most).map { row in
      [Escape.markup(row.name)]
        + row.cells.map { values in
          guard Set(values).count > 1 else { return Escape.markup((values.first ?? nil) ?? "") }
          return "<span class=\"changed\">\(Escape.markup(arrows(TableDifference.shown(values))))</span>"
        }
    }
    let rest = table.rows.count - most
    return HTML.table(["row"] + table.header.map(Escape.markup), rows)
      + (rest > 0 ? "<p>… and \(rest) more rows</p>\n" : "")
  }
}
