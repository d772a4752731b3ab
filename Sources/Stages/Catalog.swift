import Kernels
import StageKit

/// Every kind of stage there is. A new kind is a file in this module and a line here.
public enum Catalog {
  public static let kinds: [StageKind] = [
    load, synthesize, train, perturb, invert, finetune, sample, metric, figure, plot, table, survey, tally,
  ]

  /// Prepares the tensor engine for a run: loads OpenBLAS, and sets how many threads an operation may use.
  /// - Returns: the names of the kernels that compute products, for provenance.
  /// - Throws: where OpenBLAS is missing.
  public static func start(threads: Int) throws -> String {
    try BLAS.load()
    Parallel.threads = threads
    return ProductKernels.names
  }
}
