import ArtifactStore
import Escaping
import Foundation
import Imaging
import Runs
import StageKit

extension RunComparison {
  /// Writes `comparison.md` with its pictures beside it, and `summary.md`, which is the same without pictures, for places
  /// that show none: the paths.
  /// - Throws: `StoreError` or `ImagingError`.
  public func writeMarkdown(to folder: String) throws -> [String] {
    let target = try Folder(making: folder)
    var files: [(name: String, data: Data)] = []
    var gallery = ""
    for picture in shownPictures {
      guard let strip = picture.strip else { continue }
      let stem = String(decoding: picture.file.utf8.dropLast(4), as: UTF8.self).replacingScalar("/", with: "-")
      let safe = FileName.safe(stem)
      let name = (safe.utf8.allSatisfy { $0 < 0x80 } ? safe : "picture-" + Digest(of: stem).short) + ".png"
      guard !files.contains(where: { $0.name == name }) else { continue }
      files.append((name, try strip.pngData()))
      let words = Escape.markdown("\(picture.file): \(picture.remarks.joined(separator: "; "))")
      gallery += "\(words)\n\n![\(words)](./\(name))\n\n"
    }
    let note = gallery.isEmpty ? "" : "\n### Pictures\n\n\(pictureLegend)\n\n" + gallery
    files.append(("comparison.md", Data((markdown + note).utf8)))
    let differ = pictures.count == 1 ? "differs" : "differ"
    let counted = pictures.isEmpty ? "" : "\n\(Readable.count(pictures.count, "picture")) \(differ).\n"
    files.append(("summary.md", Data((markdown + counted).utf8)))
    for file in files { try Files.replace(target[file.name], with: file.data) }
    return files.map { folder + "/" + $0.name }
  }

  /// Those that differ most.
  var shownPictures: ArraySlice<PictureDifference> {
    pictures.sorted { $0.extent > $1.extent }.prefix(PictureDifference.most)
  }

  var pictureLegend: String {
    let others = runs.count == 2 ? "its difference" : "their differences"
    let more =
      pictures.count > PictureDifference.most
      ? " The \(PictureDifference.most) of \(pictures.count) that differ most." : ""
    return
      "From the left, or the top: \(columns.map(Escape.markdown).joined(separator: ", ")), and \(others) from the first, "
      + "×\(PictureDifference.gain).\(more)"
  }

  /// All but the pictures, for a pull request.
  var markdown: String {
    var text = "## \(Escape.markdown(title))\n\n"
    text += zip(columns, runs).map { "\(Escape.markdown($0)): \(Escape.markdown($1.fullLabel))\n" }.joined(
      separator: "\n")
    if isEmpty { return text + "\nThe runs are the same.\n" }
    func section(_ title: String, _ header: [String], _ rows: [[String]]) {
      guard !rows.isEmpty else { return }
      func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |\n" }
      text += "\n### \(title)\n\n" + line(header.map(Escape.markdown)) + line(header.map { _ in "---" })
      text += rows.map(line).joined()
    }
    func escaped(_ rows: [[String]]) -> [[String]] { rows.map { $0.map(Escape.markdown) } }
    func values(_ differences: [Difference]) -> [[String]] {
      differences.map { [$0.subject] + $0.values.map { $0 ?? "none" } }
    }
    section("Numbers", ["measure"] + columns + changes, numbers.filter { !$0.isSame }.map(row))
    let same = numbers.count(where: \.isSame)
    if same > 0 { text += "\n\(Readable.count(same, "number")) \(same == 1 ? "is" : "are") the same.\n" }
    if numbers.contains(where: { !$0.isSame && $0.differences.contains { $0?.margin != nil } }) {
      text += "\n±: \(PairedDifference.method); bold where it does not hold zero.\n"
    }
    section("Expectations", ["expectation"] + columns, escaped(values(expectations)))
    section("Parameters", ["parameter"] + columns, escaped(values(parameters)))
    for edits in edits {
      section(
        runs.count == 2 ? "Literals" : "Literals of \(edits.label)", ["where", "literal", "before", "after"],
        escaped(
          edits.edits.map { ["\($0.file):\($0.line)", $0.path, $0.before ?? "none", $0.after ?? "none"] }))
    }
    for table in tables {
      section(
        "Table \(table.file)", ["row", "column"] + columns,
        escaped(table.cells.map { [$0.row, $0.column] + TableDifference.shown($0.values).map { $0 ?? "none" } }))
    }
    section("Run", [""] + columns, escaped(values(facts)))
    return text
  }

  /// What the comparison is called.
  var title: String {
    let recipes = runs.compactMap { $0.run?.recipeName }.uniqued
    return "\(recipes.joined(separator: ", ")): \(Readable.count(runs.count, "run")) compared"
  }

  /// What the runs are called in tables.
  var columns: [String] {
    if runs.count == 2 { return ["before", "after"] }
    // Runs of several recipes may be called alike.
    let words = runs.map(\.word)
    return Set(words).count == words.count ? words : runs.map(\.label)
  }

  /// The headings of the differences from the first run.
  var changes: [String] { runs.count == 2 ? ["difference"] : columns.dropFirst().map { "Δ \($0)" } }

  private func row(_ number: Number) -> [String] {
    ([number.name] + number.values.map { $0.map(Readable.number) ?? "none" }).map(Escape.markdown)
      + number.differences.map { difference in
        let words = Escape.markdown(Self.shown(difference))
        return difference?.isClear ?? false ? "**\(words)**" : words
      }
  }
}
