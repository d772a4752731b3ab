import ArtifactStore
import Checkpoints
import Escaping
import Foundation
import Imaging
import Networks
import StageKit

/// What the files that `load` names tell before they are loaded, by as little of them as that takes.
struct SourcesAhead {
  /// The files with pictures, latents, tables or weights.
  private var contents: [String]
  /// Of these together, as far as they can be looked at.
  var bytes: Int { contents.reduce(0) { $0 + ((try? Files.status(of: $1))??.size ?? 0) } }
  /// Of pictures and latents, by item; nil where not all are known.
  private(set) var sizes: [String: PictureSize]?
  /// Without its values.
  private(set) var diffusion: (any DiffusionModel)?
  private(set) var texts: TextRequirement?
  private(set) var columns: TableColumns?
  /// What is sure to go wrong with them.
  private(set) var issues: [ValidationIssue] = []

  /// With more bytes than this, tables are not read before they are loaded.
  private static let tableLimit = 1 << 24

  /// Those of a stage that loads `source`.
  init(_ input: EstimateInput, as source: LoadedSource.Source, _ hints: PublishedHints) {
    let paths = input.files[source.name] ?? []
    let type = source.type
    contents = paths
    do {
      switch type {
      case _ where source == .adapter:
        for path in paths { try LowRankChange.check(Safetensors.outline(ofFile: path).metadata, path) }
      case .images, .masks:
        see(paths, type) { try Image.size(ofFile: $0).map { PictureSize(width: $0.width, height: $0.height) } }
      case .latents: see(paths, type, Self.latentSize)
      case .table:
        guard bytes <= Self.tableLimit else { break }
        let files = paths.compactMap { path in (try? Files.read(path)).flatMap { $0 }.map { (path, $0) } }
        guard files.count == paths.count else { break }
        let table = try CSV(joining: files)
        columns = TableColumns(
          names: input.awaitsDownloads ? nil : table.header,
          texts: Set(table.header.filter { !CSV.areNumeric(table.column($0) ?? []) }))
      default:
        // A part of a model's files tells nothing.
        guard !input.awaitsDownloads, !paths.isEmpty else { break }
        let found = try ModelFiles(paths.map { ($0.fileName, $0) })
        contents = found.weights
        let network = try found.model(of: type, hints).network
        diffusion = network as? any DiffusionModel
        if let clip = network as? CLIP { texts = textRequirement(clip, found) }
      }
    } catch { issues.append(ValidationIssue(about: source.name, "\(error)")) }
  }

  /// Takes note of the size that `size` finds in each file, and of what it finds wrong.
  private mutating func see(
    _ paths: [String], _ type: ArtifactType, _ size: @Sendable (String) throws -> PictureSize?
  ) {
    let found = (try? paths.concurrentMap { path in Result { try size(path) } }) ?? []
    var sizes: [String: PictureSize] = [:]
    for (path, result) in zip(paths, found) {
      switch result {
      case .success(let size): sizes[path.fileStem] = size
      case .failure(let error): issues.append(ValidationIssue(about: type.rawValue, "\(error)"))
      }
    }
    self.sizes = sizes.count == paths.count ? sizes : nil
  }

  /// The size of the picture that belongs to the latent in a file; nil for noise.
  private static func latentSize(_ path: String) throws -> PictureSize? {
    let (shapes, metadata) = try Safetensors.outline(ofFile: path)
    if shapes["noise"] != nil {
      try Noise.check(shapes["noise"], name: path)
      if shapes["latent"] == nil { return nil }
    }
    let shape = try Latent.Outline(shapes: shapes, metadata: metadata, name: path).way.shape
    return PictureSize(width: shape[1], height: shape[0])
  }
}
