import ArtifactStore
import Escaping
import Foundation
import JSONSyntax
import StageKit

/// A page that shows pairs of pictures and collects which of each is preferred. It needs nothing else: no network, no
/// server; votes stay in the browser until they are saved as a file. Its style, body and script are the files beside this
/// one, which are embedded in the program.
struct SurveyPage {
  /// One pair, and what is shown with it.
  struct Trial {
    let left: Artifact.Item
    let right: Artifact.Item
    let original: Artifact.Item?
    /// What shall have changed.
    let change: String?

    /// Their names are not for the page.
    fileprivate var pictures: [(role: String, item: Artifact.Item)] {
      [("left", left), ("right", right)] + (original.map { [("original", $0)] } ?? [])
    }
  }

  /// Names everything that the page shows: the first 16 hexadecimal digits of its SHA-256.
  let id: String
  let html: String

  /// - Parameter png: the file of a picture, called once for each content.
  init(
    title: String?, question: String, instructions: String?, trials: [Trial], png: (Artifact.Item) throws -> Data
  ) throws {
    let texts: [JSON.Member] = [
      .init("title", Self.json(title)), .init("question", Self.json(question)),
      .init("instructions", Self.json(instructions)),
    ]
    func shown(_ picture: (Digest) -> JSON) -> JSON.Member {
      .init(
        "trials",
        .array(
          trials.map { trial in
            .object(
              trial.pictures.map { .init($0.role, picture($0.item.object)) } + [
                .init("change", Self.json(trial.change))
              ]
            )
          }))
    }
    id = String(Digest(of: JSON.object(texts + [shown { .string($0.hex) }]).text).hex.prefix(16))

    // A picture that several trials show stands in the page once, where the first of them has it.
    var places: [Digest: Int] = [:]
    var files: [JSON] = []
    for item in trials.flatMap(\.pictures).map(\.item) where places[item.object] == nil {
      places[item.object] = files.count
      files.append(.string(try png(item).base64EncodedString()))
    }
    let data = JSON.object(
      [.init("id", .string(id))] + texts + [shown { .int(places[$0] ?? 0) }, .init("pictures", .array(files))])
    html = """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><title>Survey</title>
      <meta name="viewport" content="width=device-width, initial-scale=1">
      \(PagePolicy(styles: [Self.style], scripts: [Self.script]).element)
      <style>\(Self.style)</style></head>
      <body>\(Self.body)
      <script id="data" type="application/json">\(data.text)</script>
      <script>\(Self.script)</script>
      </body></html>

      """
  }

  /// A text from outside, or null. All of them come into the page as JSON.
  private static func json(_ text: String?) -> JSON {
    .written(Array(Escape.jsonInHTML(JSON.optional(text).text).utf8))
  }

  private static let style = text(PackageResources.survey_css)
  private static let body = text(PackageResources.survey_html)
  private static let script = text(PackageResources.survey_js)

  /// A file beside this one, as it stands in the page: without its last line's end.
  private static func text(_ file: [UInt8]) -> String { String(decoding: file.dropLast(), as: UTF8.self) }
}
