import Kernels
import StageKit

/// Every kind of stage there is. A new kind is a file in this module and a line here.
public enum Catalog {
  static let stages: [any Stage.Type] = [
    Load.self, Align.self, Crop.self, Synthesize.self, Train.self, Perturb.self, Invert.self, Finetune.self,
    Select.self, Sample.self, Guide.self, MaskStage.self, Paste.self, Metric.self, Distance.self, Cost.self,
    Figure.self, Plot.self, Table.self, Survey.self, Tally.self, Script.self,
  ]

  public static let kinds = stages.map { StageKind($0) }

  /// Prepares the tensor engine for a run: loads OpenBLAS, and sets how many threads an operation may use.
  /// - Returns: the names of the kernels that compute products, for provenance.
  /// - Throws: where OpenBLAS is missing.
  public static func start(threads: Int) throws -> String {
    try BLAS.load()
    Parallel.threads = threads
    return ProductKernels.names
  }
}
