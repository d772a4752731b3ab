import ArtifactStore
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

  /// The files that show one object of an artifact to other programs: PNG for pictures, CSV for tables.
  public static func exported(_ data: Data, _ type: ArtifactType, _ name: String) throws -> [(name: String, data: Data)] {
    switch type {
    case .images: [(name + ".png", try Picture.image(data, name: name).pngData())]
    case .figure: [(name + ".png", data)]
    case .table: [(name + ".csv", data)]
    case .metrics: [(name + ".json", data)]
    case .latents, .diffusion, .clip, .identity, .segmenter, .perceptual, .judge: [(name + ".safetensors", data)]
    }
  }
}
