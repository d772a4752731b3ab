import ArtifactStore
import Foundation
import StageKit
import Synchronization

/// A request to stop, made by a signal handler and heeded between units of work.
public final class Interruption: Sendable {
  private let requested = Atomic(false)
  /// Where a stop is requested of more than this.
  private let outer: Interruption?

  public init(within outer: Interruption? = nil) { self.outer = outer }

  public func request() { requested.store(true, ordering: .relaxed) }

  public var isRequested: Bool { requested.load(ordering: .relaxed) || outer?.isRequested ?? false }

  /// - Throws: `Cancelled`, once a stop was requested.
  package func check() throws {
    if isRequested { throw Cancelled() }
  }

  /// What `attempt` finds in a store, once it is there: looked for again for so many seconds, as another machine may just
  /// have made it, or be about to. Asked at least twice, the second time with nothing that was seen before taken for true.
  /// - Parameter attempt: fails with what to say where something is missing.
  /// - Throws: that, in the end; `Cancelled`, once a stop was requested; or what `attempt` throws.
  package func looking<Found>(
    in store: Store, within patience: Double, for attempt: () throws -> Result<Found, any Error>
  ) throws -> Found {
    let deadline = ContinuousClock.now + .seconds(patience)
    var isLast = false
    while true {
      let result = try attempt()
      if isLast { return try result.get() }
      if case .success(let found) = result { return found }
      isLast = ContinuousClock.now >= deadline
      if !isLast {
        try check()
        Thread.sleep(forTimeInterval: 1)
      }
      try store.lookAnew()
    }
  }

  /// What `attempt` gives, once it gives something: asked again and again.
  /// - Throws: `Cancelled`, once a stop was requested; or what `attempt` throws.
  package func waiting<Made>(for attempt: () throws -> Made?) throws -> Made {
    while true {
      if let made = try attempt() { return made }
      try check()
      Thread.sleep(forTimeInterval: 0.02)
    }
  }
}
