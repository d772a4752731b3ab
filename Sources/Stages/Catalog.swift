import ArtifactStore
import Checkpoints
import Foundation
import Kernels
import StageKit

/// Every kind of stage there is. A new kind is a file in this module and a line here.
public enum Catalog {
  public static let kinds: [StageKind] = [
    load, synthesize, train, perturb, invert, finetune, sample, metric, figure, table,
  ]

  /// Prepares the tensor engine for a run: loads OpenBLAS, and sets how many threads an operation may use.
  /// - Returns: the name of OpenBLAS's kernels, for provenance.
  /// - Throws: where OpenBLAS is missing.
  public static func start(threads: Int) throws -> String {
    try BLAS.load()
    Parallel.threads = threads
    return BLAS.core
  }

  /// The files that show one object of an artifact to other programs: PNG for pictures, CSV for tables, safetensors
  /// for networks (in half precision where asked), a folder for CLIP and its tokenizer.
  public static func exported(
    _ data: Data, _ type: ArtifactType, _ name: String, half: Bool = false
  ) throws -> [(name: String, data: Data)] {
    switch type {
    case .images: return [(name + ".png", try Picture.image(data, name: name).pngData())]
    case .figure: return [(name + ".png", data)]
    case .table: return [(name + ".csv", data)]
    case .metrics: return [(name + ".json", data)]
    case .latents: return [(name + ".safetensors", data)]
    case .diffusion, .identity, .segmenter, .perceptual, .judge:
      let weights = half ? try Safetensors.data(of: Safetensors.read(data, from: name), precision: .float16) : data
      return [(name + ".safetensors", weights)]
    case .clip:
      var checkpoint = try Safetensors.read(data, from: name)
      let merges = checkpoint.metadata.removeValue(forKey: "merges") ?? ""
      let weights = try Safetensors.data(of: checkpoint, precision: half ? .float16 : .float32)
      return [(name + "/model.safetensors", weights), (name + "/merges.txt", Data(merges.utf8))]
    }
  }
}
