import CCrashNotes
import Engine
import Escaping
import Foundation
import Synchronization

/// Follows a run, so that a crash of the program says at which actions it was and which command comes to them again.
final class CrashNotes: Sendable {
  /// The command with which one action's stage is computed by itself.
  private let command: @Sendable (ActionID) -> String
  private let numbers = Mutex<[ActionID: Int32]>([:])

  init(command: @escaping @Sendable (ActionID) -> String) { self.command = command }

  /// The command line of this process, with more behind it.
  static func commandLine(with more: [String] = []) -> String {
    let name = CommandLine.arguments.first.map { [$0.fileName] } ?? []
    return (name + CommandLine.arguments.dropFirst() + more).map(Escape.shell).joined(separator: " ")
  }

  /// `report`, and what it is told is followed.
  func following(_ report: @escaping @Sendable (RunEvent) -> Void) -> @Sendable (RunEvent) -> Void {
    { event in
      self.follow(event)
      report(event)
    }
  }

  private func follow(_ event: RunEvent) {
    switch event {
    case .started(let action, _):
      let number = ccrashnotes_begin(Escape.terminal("  \(action): \(command(action))"))
      numbers.withLock { $0[action] = number }
    case .done(let action, _, _), .failed(let action, _):
      if let number = numbers.withLock({ $0.removeValue(forKey: action) }) { ccrashnotes_end(number) }
    default: break
    }
  }
}
