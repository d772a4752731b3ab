import ArtifactStore
import Foundation

/// Turns artifacts into files for people.
struct Exporter: Sendable {
  let store: Store
  let formats: ArtifactFormats

  /// The files of an artifact, by path relative to the folder they go to. A set is a folder of its items; metrics are
  /// one table.
  /// - Throws: `StoreError`, ``ExecutionError`` or what the formats throw.
  func files(
    of artifact: Artifact, called name: String, origin: [String: String] = [:]
  ) throws -> [(path: String, data: Data)] {
    let name = FileName.safe(name)
    if let measured = artifact.type == .metrics ? try Measurements(of: artifact, stage: name, in: store) : nil {
      return [("\(name).csv", Data(measured.table.text.utf8))]
    }
    guard artifact.type.isItemSet else {
      return try formats.exported(artifact.items.map { try store.read($0.object) }, artifact.type, name, origin)
        .map { (path: $0.name == FileName.report ? "_" + $0.name : $0.name, data: $0.data) }
    }
    return try artifact.items.flatMap { item in
      try formats.exported([try store.read(item.object)], artifact.type, FileName.safe(item.name), [:]).map { file in
        (path: "\(name)/\(file.name)", data: file.data)
      }
    }
  }

  /// An image, figure or the like as PNG.
  func picture(_ item: Artifact.Item, type: ArtifactType) throws -> Data? {
    try formats.exported([try store.read(item.object)], type, "picture", [:]).first { $0.name.hasSuffix(".png") }?.data
  }
}

/// Names of things as names of files.
enum FileName {
  /// The run's own page, whatever a recipe calls its pages.
  static let report = "report.html"

  /// `name` without what a file's name cannot hold; one that is too long for that is cut, and told apart by a digest.
  static func safe(_ name: String) -> String {
    var safe = String(name.map { $0 == "/" || $0 == "\0" ? "_" : $0 })
    // File systems take 255 bytes; some are left for an extension.
    if safe.utf8.count > 200 { safe = String(decoding: safe.utf8.prefix(180), as: UTF8.self) + Digest(of: name).short }
    return safe.isEmpty || safe.hasPrefix(".") ? "_" + safe : safe
  }
}
