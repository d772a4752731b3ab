import ArtifactStore
import Foundation
import Imaging
import StageKit

/// Several runs as a page of Markdown with small pictures, to be checked in: of each its figures, its tables and what
/// it expects.
public struct Gallery {
  /// Pictures are at most so wide, in pixels.
  private static let width = 800
  private let runs: [(folder: String, record: JSON)]

  /// - Parameter folders: of runs.
  /// - Throws: `InputError` where one of them is no run.
  public init(of folders: [String]) throws {
    runs = try folders.map { ($0, try RunFolder.record(at: $0)) }
  }

  /// Writes `README.md` and its pictures to `folder`: their paths.
  /// - Throws: `StoreError` or `ImagingError`.
  public func write(to folder: String, title: String) throws -> [String] {
    var pictures: [(name: String, data: Data)] = []
    let sections = try runs.map { run in try section(of: run.record, in: run.folder, &pictures) }
    let page = "# \(title)\n\n" + sections.joined(separator: "\n\n") + "\n"
    let files = pictures + [("README.md", Data(page.utf8))]
    let target = try Folder(making: folder)
    for file in files { try Files.replace(target[file.name], with: file.data) }
    return files.map { folder + "/" + $0.name }
  }

  private func section(
    of record: JSON, in folder: String, _ pictures: inout [(name: String, data: Data)]
  ) throws -> String {
    let recipe = record["recipe"]?.string ?? ""
    var text = "## \(recipe)\n\n"
    if let description = record["description"]?.string { text += description + "\n\n" }
    let files = (record["files"]?.array ?? []).compactMap(\.string).filter { !$0.contains("/") }
    for file in files where file.hasSuffix(".md") {
      text += String(decoding: try contents(of: file, in: folder), as: UTF8.self) + "\n"
    }
    for file in files where file.hasSuffix(".png") {
      let name = "\(recipe)-\((file as NSString).deletingPathExtension)"
      let image = try Image(decoding: contents(of: file, in: folder), name: "\(folder)/\(file)")
      pictures.append((name + ".jpg", try shrunk(image).jpegData(quality: 85)))
      text += "![\(name)](\(name).jpg)\n\n"
    }
    let expectations = record["expectations"]?.array ?? []
    if !expectations.isEmpty { text += Self.verdict(on: expectations) }
    return text.trimmingCharacters(in: .newlines)
  }

  private func contents(of file: String, in folder: String) throws -> Data {
    guard let data = try Files.read(Folder(at: folder)[file]) else {
      throw InputError("\(folder)/\(file) is gone: run its recipe again")
    }
    return data
  }

  private func shrunk(_ image: Image) -> Image {
    guard image.width > Self.width else { return image }
    let height = max(1, (image.height * Self.width + image.width / 2) / image.width)
    return image.resized(width: Self.width, height: height, filter: .lanczos, antialias: true)
  }

  /// `Held: 3 expectations.`, or which were not.
  private static func verdict(on expectations: [JSON]) -> String {
    let failed = expectations.filter { $0["held"] != .bool(true) }
    let count = Readable.count(expectations.count, "expectation")
    guard !failed.isEmpty else { return "Held: \(count).\n" }
    let list = failed.map { expectation in
      let value = expectation["value"]?.double.map(Readable.number) ?? "nothing"
      func text(_ member: String) -> String { expectation[member]?.string ?? "" }
      return "- `\(text("stage"))`: \(text("measure")) \(text("expected")), but \(value)\n"
    }
    return "Of \(count), not held:\n\n" + list.joined()
  }
}
