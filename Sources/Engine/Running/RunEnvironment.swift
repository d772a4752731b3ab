import ArtifactStore
import Foundation
import StageKit

/// What the command tells a run about itself and the machine.
public struct RunEnvironment: Sendable {
  /// The version of the program.
  public let program: String
  /// The kernels that compute products: `AVX-512 and OpenBLAS SkylakeX`.
  public let blas: String
  /// How many threads an action may use.
  public let threads: Int
  /// What computes, as the user says it, and the graphics cards that follow from that.
  public let device: DeviceChoice
  public let devices: [Device]
  /// Whether stages may start programs of the user's.
  public let programs: ProgramPermission
  /// Seconds after which a silent server is given up, where the user says so.
  package let patience: Int?

  /// - Throws: `InputError` where the environment says something that makes no sense.
  public init(
    program: String, blas: String, threads: Int, device: DeviceChoice = .cpu, devices: [Device] = [],
    programs: ProgramPermission = .denied, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws {
    self.program = program
    self.blas = blas
    self.threads = threads
    self.devices = devices
    self.device = device
    self.programs = programs
    patience = try Self.patience(environment)
  }

  /// `DIFFUSIONCLIP_PATIENCE`, the time in seconds after which a silent server is given up; nil where it is not set.
  /// - Throws: `InputError`.
  package static func patience(_ environment: [String: String]) throws -> Int? {
    guard let text = environment["DIFFUSIONCLIP_PATIENCE"], !text.isEmpty else { return nil }
    guard let seconds = Int(text), 1...86_400 ~= seconds else {
      throw InputError("DIFFUSIONCLIP_PATIENCE is '\(text)', expected a number of seconds from 1 to 86400")
    }
    return seconds
  }

  /// The provenance of what was done in `seconds` until now.
  /// - Parameter megabytes: the largest resident set meanwhile; nil where that cannot be told.
  package func provenance(
    seconds: Double, megabytes: Double?, device: String? = nil, work: Work = .none
  ) -> Provenance {
    Provenance(
      program: program, cpu: Host.cpu, blas: blas, threads: threads, device: device, seconds: seconds,
      peakMegabytes: megabytes ?? 0, date: Host.date, evaluations: work.evaluations, flop: work.flop,
      backwardPasses: work.backwardPasses)
  }
}
