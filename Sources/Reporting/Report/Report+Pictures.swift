import ArtifactStore
import Engine
import Escaping
import Foundation
import Imaging
import Planning
import StageKit

/// What a run shows, and which pictures stand out by its numbers.
extension Report {
  /// Pictures of a set beyond these are counted.
  private static let mostPictures = 24

  /// Figures in full, as text and lines where they are that, the first pictures of image sets with their names, and where
  /// pages are. A picture is enlarged by a click, or by the space bar.
  var pictures: String {
    get throws {
      try record.shownOutputs.compactMap { name, artifact -> String? in
        switch artifact.type {
        case .page:
          return try record.exporter.files(of: artifact, called: name).map { HTML.link(toFile: $0.path) }.joined()
        case .figure: return try figure(name, artifact)
        case .images, .masks: return try set(name, artifact)
        default: return nil
        }
      }.joined()
    }
  }

  private func figure(_ name: String, _ artifact: Artifact) throws -> String? {
    let picture: String?
    if let item = artifact[Artifact.svg] {
      picture = HTML.drawing(try record.run.store.read(item.object), label: name)
    } else {
      picture = try artifact.items.first.flatMap { try record.exporter.picture($0, type: .figure) }
        .map { HTML.picture($0, label: name) }
    }
    return picture.map { "<figure class=\"figure\">\(HTML.enlargeable($0))\(caption(name))</figure>\n" }
  }

  private func set(_ name: String, _ artifact: Artifact) throws -> String {
    let images = try artifact.items.prefix(Self.mostPictures).compactMap { item in
      try record.exporter.picture(item, type: .images).map { png in
        "<figure class=\"item\">\(HTML.enlargeable(HTML.picture(png, label: item.name)))"
          + "<figcaption>\(Escape.markup(item.name))</figcaption></figure>"
      }
    }
    let more = artifact.items.count > Self.mostPictures ? " (\(Self.mostPictures) of \(artifact.items.count))" : ""
    return "<figure class=\"images\">\(images.joined())\(caption(name, more))</figure>\n"
  }

  /// What it is, and what was set for this run.
  private func caption(_ name: String, _ more: String = "") -> String {
    "<figcaption>\(Escape.markup(name + more))\(changes.map { " · \(Escape.markup($0))" }.joined())</figcaption>"
  }

  /// What was set for this run: `target=tanned face`.
  var changes: [String] {
    record.plan.overlays.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.text)" }
  }

  // MARK: What stands out

  /// So many pictures at either end, of so many measures.
  private static let most = (pictures: 3, measures: 12)
  private static let thumbnailWidth = 96

  /// For each measure of pictures, those with the lowest and the highest values.
  var extremes: String {
    get throws {
      var rows: [[String]] = []
      for (name, artifact) in record.shownOutputs where artifact.type == .metrics {
        guard let measured = try Measurements(of: artifact, stage: name, in: record.run.store),
          let pictures = measuredPictures(of: artifact)
        else { continue }
        for measure in measured.measures where rows.count < Self.most.measures {
          let items = measured.rows.compactMap { row in row.values[measure].map { (item: row.item, value: $0) } }
            .filter { $0.value.isFinite && pictures[$0.item] != nil }.sorted { $0.value < $1.value }
          // Where all are alike none stands out, and of few all are in the table.
          guard items.count > 2 * Self.most.pictures, items.first?.value != items.last?.value else { continue }
          func shown(_ items: some Sequence<(item: String, value: Double)>) throws -> String {
            try items.map { item, value in
              let picture = try thumbnail(pictures[item], label: item)
              return "<figure class=\"item\">\(picture)<figcaption>\(Escape.markup(item))<br>"
                + "\(Readable.number(value))</figcaption></figure>"
            }.joined()
          }
          rows.append([
            "\(Escape.markup(name))<br><b>\(Escape.markup(measure))</b>", try shown(items.prefix(Self.most.pictures)),
            try shown(items.suffix(Self.most.pictures).reversed()),
          ])
        }
      }
      return rows.isEmpty ? "" : HTML.table(["measure", "lowest", "highest"], rows)
    }
  }

  /// The pictures, by item, that the stage measured which made these numbers.
  private func measuredPictures(of metrics: Artifact) -> [String: Artifact.Item]? {
    let made = record.madeArtifacts.first { $0.artifact == metrics && $0.reference.type == .metrics }
    guard let stage = made.flatMap({ record.plan[$0.reference.stage] }) else { return nil }
    let inputs = stage.ports.compactMap { stage.inputs[$0.name] }.flatMap(\.references)
    guard let images = inputs.first(where: { $0.type == .images }).flatMap({ record.artifacts[$0] }) else { return nil }
    return Dictionary(images.items.map { ($0.name, $0) }) { first, _ in first }
  }

  private func thumbnail(_ item: Artifact.Item?, label: String) throws -> String {
    guard let item, let png = try record.exporter.picture(item, type: .images) else { return "" }
    let image = try Image(decoding: png, name: label)
    guard image.width > Self.thumbnailWidth else { return HTML.enlargeable(HTML.picture(png, label: label)) }
    let height = max(1, image.height * Self.thumbnailWidth / image.width)
    let small = image.resized(width: Self.thumbnailWidth, height: height, filter: .lanczos)
    return HTML.enlargeable(HTML.photograph(try small.jpegData(quality: 85), label: label))
  }
}
