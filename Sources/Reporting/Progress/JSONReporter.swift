import Engine
import Escaping
import Foundation
import Synchronization

/// Tells a program how a run goes: an event a line, of the progress of an action at most ten a second.
public final class JSONReporter: Sendable {
  private let output: @Sendable (String) -> Void
  private let drawn = Mutex<ContinuousClock.Instant?>(nil)
  /// Lines for actions that were cached: there may be thousands in a row, so they wait for what comes next.
  private let pending = Mutex("")

  /// - Parameter output: takes text as it is, line ends included.
  public init(output: @escaping @Sendable (String) -> Void) { self.output = output }

  /// A reporter on standard output.
  public static func standardOutput() -> JSONReporter {
    JSONReporter { StandardStream.output.write($0) }
  }

  @Sendable public func report(_ event: RunEvent) {
    if case .progress = event, !isDue() { return }
    guard let json = event.json else { return }
    pending.withLock { pending in
      pending += Escape.jsonOnTerminal(json.text) + "\n"
      if case .cached = event, pending.utf8.count < 1 << 16 { return }
      output(pending)
      pending = ""
    }
  }

  private func isDue() -> Bool {
    drawn.withLock { drawn in
      let now = ContinuousClock.now
      if let drawn, now - drawn < .milliseconds(100) { return false }
      drawn = now
      return true
    }
  }
}
