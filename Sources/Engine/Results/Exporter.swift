import ArtifactStore
import Escaping
import Foundation
import Planning
import Runs

/// Turns artifacts into files for people.
package struct Exporter: Sendable {
  package let store: Store
  package let formats: ArtifactFormats
  /// The swept parameters of the plan that the artifacts are from.
  package let axes: Set<String>

  package init(store: Store, formats: ArtifactFormats, plan: Plan) {
    self.store = store
    self.formats = formats
    axes = Set(plan.stages.flatMap { $0.axes.map(\.name) })
  }

  /// The files of an artifact, by path relative to the folder they go to. A set is a folder of its items; metrics are
  /// one table.
  /// - Parameter origin: what files say of how they were made, by the item of a set; nil asks about the whole.
  /// - Throws: `StoreError`, ``ExecutionError`` or what the formats throw.
  package func files(
    of artifact: Artifact, called name: String, origin: (_ item: String?) -> [String: String] = { _ in [:] }
  ) throws -> [(path: String, data: Data)] {
    let name = FileName.safe(name)
    if let measured = artifact.type == .metrics ? try Measurements(of: artifact, stage: name, in: store) : nil {
      return [("\(name).csv", Data(measured.table.text.utf8))]
    }
    guard artifact.type.isItemSet else {
      return try formats.exported(
        artifact.items.map { try store.read($0.object) }, artifact.type, name, origin(nil), axes
      )
      .map { (path: $0.name == FileName.report ? "_" + $0.name : $0.name, data: $0.data) }
    }
    return try artifact.items.flatMap { item in
      try formats.exported(
        [try store.read(item.object)], artifact.type, FileName.safe(item.name), origin(item.name), axes
      )
      .map { file in (path: "\(name)/\(file.name)", data: file.data) }
    }
  }

  /// An image, figure or the like as PNG.
  package func picture(_ item: Artifact.Item, type: ArtifactType) throws -> Data? {
    try formats.exported([try store.read(item.object)], type, "picture", [:], axes).first {
      $0.name.ends(with: ".png")
    }?.data
  }
}
