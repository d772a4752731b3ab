import Foundation
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

  /// What `attempt` gives, once it gives something: asked again and again.
  /// - Throws: `Cancelled`, once a stop was requested; or what `attempt` throws.
  func waiting<Made>(for attempt: () throws -> Made?) throws -> Made {
    while true {
      if let made = try attempt() { return made }
      try check()
      Thread.sleep(forTimeInterval: 0.02)
    }
  }
}
