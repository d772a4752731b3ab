import ArtifactStore
import Checkpoints
import Foundation
import Imaging
import Networks
import StageKit

/// How networks, or pictures, are written for other programs.
public enum ExportFormat: String, Sendable, CaseIterable {
  /// One safetensors file (for CLIP, a folder with its tokenizer), as `load` takes it.
  case safetensors
  /// A state dict for `torch.load`, under the names of the official checkpoints.
  case torch
  /// A folder for diffusers' `from_pretrained`.
  case diffusers
  /// What lora learned of a diffusion model, alone: one safetensors file, as `load: {adapter: …, base: …}` takes it.
  case adapter
  /// Pictures and figures as JPEG instead of PNG.
  case jpeg
}

extension Catalog {
  /// The files that show one item of a set, or all objects of another artifact, to other programs: PNG for pictures,
  /// PNG and SVG for figures, CSV for tables and unless they are long Markdown and LaTeX, HTML for pages, safetensors
  /// for latents, and networks in `format`, in half precision where asked. A diffusion model that is a change to another
  /// one is written as one model. Pictures are JPEG where `format` says so, and have the metadata that they came with.
  /// - Parameters:
  ///   - origin: what the file of a network or of a picture as PNG says of how it was made.
  ///   - axes: swept parameters, after which columns of a table may be called.
  ///   - quality: of JPEG, 1 to 100.
  public static func exported(
    _ objects: [Data], _ type: ArtifactType, _ name: String, origin: [String: String] = [:],
    axes: Set<String> = [], format: ExportFormat = .safetensors, half: Bool = false,
    quality: Int = defaultQuality
  ) throws -> [(name: String, data: Data)] {
    guard let data = objects.first else { return [] }
    switch type {
    case .images where format == .jpeg: return [(name + ".jpg", try jpeg(data, name, quality))]
    case .images: return [(name + ".png", PictureOrigin.png(try png(data, name), made: origin))]
    // Shades of gray that JPEG changes would be another mask.
    case .masks: return [(name + ".png", PictureOrigin.png(try png(data, name), made: origin))]
    case .figure where format == .jpeg:
      return try [(name + ".jpg", jpeg(data, name, quality))] + objects.dropFirst().map { (name + ".svg", $0) }
    case .figure: return zip([".png", ".svg"], objects).map { (name + $0, $1) }
    case .table: return exportedTable(data, name, axes)
    case .page: return [(name + ".html", data)]
    case .metrics, .placements: return [(name + ".json", data)]
    case .latents: return [(name + ".safetensors", data)]
    default: return try exportedNetwork(objects, type, name, origin, format, precision: half ? .float16 : .float32)
    }
  }

  /// Of a JPEG: hardly to be told from the picture.
  public static let defaultQuality = 92

  /// A stored picture as PNG, with its metadata.
  private static func png(_ data: Data, _ name: String) throws -> Data {
    Picture.isPNG(data) ? data : try Picture.image(data, name: name).pngData()
  }

  private static func jpeg(_ data: Data, _ name: String, _ quality: Int) throws -> Data {
    let metadata = Picture.isPNG(data) ? try PictureMetadata(ofFile: [UInt8](data), name: name) : .none
    return try Picture.image(data, name: name).jpegData(quality: quality, metadata: metadata)
  }

  /// A table with more rows is not for reading.
  private static let longestPrintedTable = 199

  private static func exportedTable(_ data: Data, _ name: String, _ axes: Set<String>) -> [(name: String, data: Data)] {
    var files = [(name + ".csv", data)]
    if let table = CSV(data), table.rows.count <= longestPrintedTable {
      let printed = PrintedTable(table, axes: axes)
      files += [(name + ".md", Data(printed.markdown.utf8)), (name + ".tex", Data(printed.latex.utf8))]
    }
    return files
  }

  private static func exportedNetwork(
    _ objects: [Data], _ type: ArtifactType, _ name: String, _ origin: [String: String], _ format: ExportFormat,
    precision: Safetensors.Precision
  ) throws -> [(name: String, data: Data)] {
    guard format != .adapter || objects.count > 1 else {
      throw InputError(
        "\(name) is no low-rank change to a model: an adapter is what `finetune: {adapter: lora}` makes; export it whole"
      )
    }
    var checkpoint =
      objects.count > 1 && format != .adapter
      ? try Model.diffusion(objects, from: name).checkpoint() : try Safetensors.read(objects[0], from: name)
    let origin = Dictionary(origin.map { (ModelOrigin.prefix + $0.key, $0.value) }) { first, _ in first }
    checkpoint.metadata.merge(origin) { $1 }
    switch format {
    case .torch:
      let data = try PyTorchFile.data(
        ofStateDictionary: checkpoint.tensors, metadata: origin, precision: precision, source: name)
      return [(name + ".pt", data)]
    case .diffusers:
      guard type == .diffusion, let network = try Model.diffusion(objects, from: name) as? DDPMUNet else {
        throw InputError("\(name): diffusers has a layout for diffusion models of DDPM's architecture alone")
      }
      var folder = try network.diffusersFolder()
      folder.weights.metadata.merge(origin) { $1 }
      let weights = try Safetensors.data(of: folder.weights, precision: precision)
      return [
        (name + "/config.json", Data(folder.configuration.utf8)),
        (name + "/diffusion_pytorch_model.safetensors", weights),
      ]
    case .jpeg: throw InputError("\(name) is a network: JPEG is for pictures; choose another format")
    case .adapter: return [(name + ".safetensors", try Safetensors.data(of: checkpoint, precision: precision))]
    case .safetensors:
      guard type == .clip else {
        let isAsStored = objects.count == 1 && precision == .float32 && origin.isEmpty
        return [
          (name + ".safetensors", isAsStored ? objects[0] : try Safetensors.data(of: checkpoint, precision: precision))
        ]
      }
      let merges = checkpoint.metadata.removeValue(forKey: Tokenizer.mergesEntry) ?? ""
      let weights = try Safetensors.data(of: checkpoint, precision: precision)
      return [(name + "/model.safetensors", weights), (name + "/merges.txt", Data(merges.utf8))]
    }
  }
}
