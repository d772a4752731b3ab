import ArtifactStore
import Foundation
import JSONSyntax
import Runs
import Synchronization

/// What happens in a run, an event a line, in the folder of the run, where others follow it while it goes on. A help for
/// those who watch: where it cannot be written, the run goes on without.
///
/// Of actions that are cached only the number is told; of the progress of an action what a second brings.
final class EventLog: Sendable {
  /// No more bytes than this are written.
  private static let limit = 1 << 23

  fileprivate struct State {
    var file: GrowingFile?
    var size = 0
    /// When the progress of an action was noted last.
    var noted: [ActionID: ContinuousClock.Instant] = [:]
  }

  private let state = Mutex(State())

  /// Starts to write in the folder of a run.
  func begin(in run: OpenRun) {
    state.withLock { $0.file = try? GrowingFile(creating: run.place[KeptRun.events]) }
  }

  func note(_ event: RunEvent) {
    state.withLock { state in
      guard let file = state.file, state.isWorthNoting(event), let json = event.json else { return }
      let line = Data((json.happening(at: Date().timeIntervalSince1970).text + "\n").utf8)
      state.size += line.count
      if state.size > Self.limit || !file.append(line) { state.file = nil }
    }
  }
}

extension EventLog.State {
  fileprivate mutating func isWorthNoting(_ event: RunEvent) -> Bool {
    switch event {
    case .cached: return false
    case .progress(let id, let progress):
      let now = ContinuousClock.now
      if let last = noted[id], now - last < .seconds(1), progress.completed < progress.total { return false }
      noted[id] = now
      return true
    case .done(let id, _, _), .failed(let id, _):
      noted[id] = nil
      return true
    default: return true
    }
  }
}
