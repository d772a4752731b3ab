import Engine
import Reporting
import StageKit
import Stages

/// What the command hands to the engine: this does not know the stages, nor do they know it.
enum Program {
  static var kinds: [StageKind] { Catalog.kinds }
  static let formats = formats()

  /// How results become files; networks or pictures in `format`, networks in half precision where asked.
  static func formats(
    _ format: ExportFormat = .safetensors, half: Bool = false, quality: Int? = nil
  ) -> ArtifactFormats {
    ArtifactFormats(
      page: { try Report(of: $0).html },
      exported: {
        try Catalog.exported(
          $0, $1, $2, origin: $3, axes: $4, format: format, half: half, quality: quality ?? Catalog.defaultQuality)
      })
  }

  /// Sets up the numeric libraries, and tells a run about them.
  /// - Throws: where one is missing, or there is no such device.
  /// - Parameters:
  ///   - device: what computes.
  ///   - programs: whether stages may start programs.
  static func start(
    threads: Int, device: DeviceChoice = .cpu, programs: ProgramPermission = .denied
  ) throws -> RunEnvironment {
    try RunEnvironment(
      program: version, blas: try Catalog.start(threads: threads), threads: threads, device: device,
      devices: Catalog.open(device), programs: programs)
  }
}
