import ArtifactStore
import Foundation
import JSONSyntax
import Runs
import Synchronization

/// What happens in a run, an event a line, in the folder of the run, where others follow it while it goes on. A help for
/// those who watch: where it cannot be written, the run goes on without.
///
/// Of actions that are cached the number is told, of all stages that were met since the last line; of the progress of an
/// action what a second brings.
final class EventLog: Sendable {
  /// No more bytes than this are written.
  private static let limit = 1 << 23

  fileprivate struct State {
    var file: GrowingFile?
    var size = 0
    /// When the progress of an action was noted last.
    var noted: [ActionID: ContinuousClock.Instant] = [:]
    /// Of stages one after the other, how many actions were cached that is not told yet.
    var cached: [(stage: String, count: Int)] = []
  }

  private let state = Mutex(State())

  /// Starts to write in the folder of a run.
  func begin(in run: OpenRun) {
    state.withLock { $0.file = try? GrowingFile(creating: run.place[KeptRun.events]) }
  }

  func note(_ event: RunEvent) {
    state.withLock { state in
      if case .cached(let id) = event { return state.count(id.stage) }
      guard let file = state.file, state.isWorthNoting(event), let json = event.json else { return }
      let time = Date().timeIntervalSince1970
      let lines = Data(
        (state.takeCached() + [json]).map { $0.happening(at: time).text + "\n" }.joined().utf8)
      state.size += lines.count
      if state.size > Self.limit || !file.append(lines) { state.file = nil }
    }
  }
}

extension EventLog.State {
  fileprivate mutating func count(_ stage: String) {
    // A stage's actions come one after the other, thousands of them.
    if let last = cached.indices.last, cached[last].stage == stage {
      cached[last].count += 1
    } else {
      cached.append((stage, 1))
    }
  }

  /// The line that tells how many actions of which stages were cached; none where none were.
  fileprivate mutating func takeCached() -> [JSON] {
    guard !cached.isEmpty else { return [] }
    let counts = Dictionary(cached.map { ($0.stage, $0.count) }, uniquingKeysWith: +)
    let stages = cached.map(\.stage).uniqued.map { JSON.Member($0, .int(counts[$0] ?? 0)) }
    cached = []
    return [["event": "cached", "stages": .object(stages)]]
  }

  fileprivate mutating func isWorthNoting(_ event: RunEvent) -> Bool {
    switch event {
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
