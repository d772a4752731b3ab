import ArtifactStore
import Escaping
import Foundation
import Imaging
import JSONSyntax
import Runs
import StageKit

/// Several runs as a page of Markdown with small pictures, to be checked in: of each its figures, its tables and what
/// it expects.
public struct Gallery {
  /// Pictures are at most so wide, in pixels.
  private static let width = 800
  private let runs: [(run: KeptRun, record: JSON)]

  /// - Throws: `InputError` where one of them has no results.
  public init(of runs: [KeptRun]) throws {
    self.runs = try runs.map { run in
      guard [.done, .partial, .missed].contains(run.state) else {
        throw InputError("the run in \(run.folder) did not end well (\(run.state.rawValue)): run its recipe again")
      }
      return (run, try run.wholeRecord())
    }
  }

  /// Writes `README.md` and its pictures to `folder`: their paths.
  /// - Throws: `StoreError` or `ImagingError`.
  public func write(to folder: String, title: String) throws -> [String] {
    // The folder is a run's, but who wrote its run.json is not known: nothing in it says where a file goes.
    var pictures: [(name: String, data: Data)] = []
    let sections = try runs.map { run in try section(of: run.record, in: run.run, &pictures) }
    let page = "# \(Escape.markdown(title))\n\n" + sections.joined(separator: "\n\n") + "\n"
    let files = pictures + [("README.md", Data(page.utf8))]
    let target = try Folder(making: folder)
    for file in files { try Files.replace(target[file.name], with: file.data) }
    return files.map { folder + "/" + $0.name }
  }

  private func section(
    of record: JSON, in run: KeptRun, _ pictures: inout [(name: String, data: Data)]
  ) throws -> String {
    let recipe = record["recipe"]?.string ?? ""
    var text = "## \(Escape.markdown(recipe))\n\n"
    if let description = record["description"]?.string { text += Escape.markdown(description) + "\n\n" }
    if record["status"] == "partial" { text += "Only a part of the recipe was run.\n\n" }
    let axes = Set((record["actions"]?.array ?? []).flatMap { $0["axes"]?.members?.map(\.name) ?? [] })
    let files = run.files.filter { !$0.has("/") }
    for file in files where file.ends(with: ".md") {
      // Made anew from the numbers: the file itself may hold whatever Markdown there is.
      let stem = String(decoding: file.utf8.dropLast(3), as: UTF8.self)
      guard let table = CSV(try contents(of: stem + ".csv", in: run)) else {
        throw InputError("\(run.folder)/\(stem).csv is no table: run its recipe again")
      }
      text += PrintedTable(table, axes: axes).markdown + "\n"
    }
    for file in files where file.ends(with: ".png") {
      let stem = "\(recipe)-\(String(decoding: file.utf8.dropLast(4), as: UTF8.self))"
      let name = Self.fileName(for: stem, besides: pictures.map(\.name))
      let image = try Image(decoding: contents(of: file, in: run), name: "\(run.folder)/\(file)")
      pictures.append((name, try shrunk(image).jpegData(quality: 85)))
      text += "![\(Escape.markdown(stem))](\(name))\n\n"
    }
    let expectations = record["expectations"]?.array ?? []
    if !expectations.isEmpty { text += Self.verdict(on: expectations) }
    return text.trimmingCharacters(in: .newlines)
  }

  /// A name for a picture, with a number where another run's picture is called so. What an address cannot hold is not in
  /// it, so that it is its own.
  private static func fileName(for stem: String, besides taken: [String]) -> String {
    let safe = FileName.safe(stem)
    let base = safe.utf8.allSatisfy { $0 < 0x80 } ? safe : "picture-" + Digest(of: stem).short
    let names = (1...taken.count + 1).lazy.map { "\(base)\($0 > 1 ? "-\($0)" : "").jpg" }
    return names.first { !taken.contains($0) } ?? base + ".jpg"
  }

  private func contents(of file: String, in run: KeptRun) throws -> Data {
    guard let data = try run.file(file) else {
      throw InputError("\(run.folder)/\(file) is gone: run its recipe again")
    }
    return data
  }

  private func shrunk(_ image: Image) -> Image {
    guard image.width > Self.width else { return image }
    let height = max(1, (image.height * Self.width + image.width / 2) / image.width)
    return image.resized(width: Self.width, height: height, filter: .lanczos)
  }

  /// `Held: 3 expectations.`, or which were not.
  private static func verdict(on expectations: [JSON]) -> String {
    let failed = expectations.filter { $0["held"] != .bool(true) }
    let count = Readable.count(expectations.count, "expectation")
    guard !failed.isEmpty else { return "Held: \(count).\n" }
    let list = failed.map { expectation in
      let value = expectation["value"]?.double.map(Readable.number) ?? "nothing"
      func text(_ member: String) -> String { expectation[member]?.string ?? "" }
      let stage = Escape.markdownCode(text("stage"))
      return "- \(stage): \(Escape.markdown("\(text("measure")) \(text("expected")), but \(value)"))\n"
    }
    return "Not held, of \(count):\n\n" + list.joined()
  }
}
