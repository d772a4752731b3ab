import ArtifactStore
import StageKit

/// What the command tells a run about itself and the machine.
public struct RunEnvironment: Sendable {
  /// The version of the program.
  public let program: String
  /// The kind of kernels that the BLAS library chose.
  public let blas: String
  /// How many threads an action may use.
  public let threads: Int

  public init(program: String, blas: String, threads: Int) {
    (self.program, self.blas, self.threads) = (program, blas, threads)
  }

  /// The provenance of what was done in `seconds` until now.
  func provenance(seconds: Double, work: Work = .none) -> Provenance {
    Provenance(
      program: program, cpu: Host.cpu, blas: blas, threads: threads, seconds: seconds,
      peakMegabytes: ProcessMemory.peakMegabytes, date: Host.date, evaluations: work.evaluations, flop: work.flop)
  }
}
