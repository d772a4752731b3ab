import StageKit
import Synchronization

/// A request to stop, made by a signal handler and heeded between units of work.
public final class Interruption: Sendable {
  private let requested = Atomic(false)

  public init() {}

  public func request() { requested.store(true, ordering: .relaxed) }

  public var isRequested: Bool { requested.load(ordering: .relaxed) }

  /// - Throws: `Cancelled`, once a stop was requested.
  func check() throws {
    if isRequested { throw Cancelled() }
  }
}
