import Engine
import Escaping
import Foundation
import JSONSyntax
import RecipeSyntax
import Synchronization

/// Tells a program how a run goes: an event a line, with the time at which it happened; of the progress of an action at
/// most ten a second.
public final class JSONReporter: Sendable {
  private let output: @Sendable (String) -> Void
  private let drawn = Mutex<ContinuousClock.Instant?>(nil)
  /// Lines for actions that were cached: there may be thousands in a row, so they wait for what comes next.
  private let pending = Mutex("")

  /// Seconds since 1970.
  private let time: @Sendable () -> Double

  /// - Parameters:
  ///   - time: gives the seconds since 1970, of which every event has those at which it happened.
  ///   - output: takes text as it is, line ends included.
  public init(
    time: @escaping @Sendable () -> Double = { Date().timeIntervalSince1970 },
    output: @escaping @Sendable (String) -> Void
  ) {
    self.time = time
    self.output = output
  }

  /// A reporter on standard output.
  public static func standardOutput() -> JSONReporter {
    JSONReporter { StandardStream.output.write($0) }
  }

  @Sendable public func report(_ event: RunEvent) {
    if case .progress = event, !isDue() { return }
    guard let json = event.json else { return }
    let isInARow = if case .cached = event { true } else { false }
    write(json, isInARow: isInARow)
  }

  /// Tells what is wrong with recipes that cannot be run: `{"event": "invalid", "errors": […]}`.
  public func report(_ errors: Diagnostics) {
    write(["event": "invalid", "errors": errors.json], isInARow: false)
  }

  private func write(_ event: JSON, isInARow: Bool) {
    let line = Escape.jsonOnTerminal(event.happening(at: time()).text) + "\n"
    pending.withLock { pending in
      pending += line
      if isInARow, pending.utf8.count < 1 << 16 { return }
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
