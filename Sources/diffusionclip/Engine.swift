import Execution
import StageKit
import Stages

/// What the command hands to Execution: Execution and Stages do not know each other.
enum Engine {
  static var kinds: [StageKind] { Catalog.kinds }
  static let formats = formats()

  /// How results become files; networks in `format`, in half precision where asked.
  static func formats(_ format: ExportFormat = .safetensors, half: Bool = false) -> ArtifactFormats {
    ArtifactFormats { try Catalog.exported($0, $1, $2, origin: $3, axes: $4, format: format, half: half) }
  }

  /// Sets up the numeric libraries, and tells a run about them.
  /// - Throws: where one is missing.
  static func start(threads: Int) throws -> RunEnvironment {
    try RunEnvironment(program: version, blas: try Catalog.start(threads: threads), threads: threads)
  }
}
