import Execution
import StageKit
import Stages

/// What the command hands to Execution: Execution and Stages do not know each other.
enum Engine {
  static var kinds: [StageKind] { Catalog.kinds }
  static let formats = ArtifactFormats { try Catalog.exported($0, $1, $2) }
  /// As ``formats``, with networks in half precision.
  static let halfFormats = ArtifactFormats { try Catalog.exported($0, $1, $2, half: true) }

  /// Sets up the numeric libraries, and tells a run about them.
  /// - Throws: where one is missing.
  static func start(threads: Int) throws -> RunEnvironment {
    RunEnvironment(program: version, blas: try Catalog.start(threads: threads), threads: threads)
  }
}
