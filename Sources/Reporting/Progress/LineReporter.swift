import Engine
import Escaping
import Foundation
import StageKit
import Synchronization

/// Tells a person how a run goes: on a terminal a line for the running stage, redrawn in place; elsewhere a line now
/// and then.
public final class LineReporter: Sendable {
  private let isTerminal: Bool
  private let output: @Sendable (String) -> Void
  private let board = Mutex(Board())

  private struct Board {
    var stages: [String: StageProgress] = [:]
    var drawn = ContinuousClock.now - .seconds(60)
    var isLineOpen = false
  }

  /// - Parameters:
  ///   - isTerminal: whether lines may be redrawn with control characters.
  ///   - output: takes text as it is, line ends and the reporter's own control characters included.
  public init(isTerminal: Bool, output: @escaping @Sendable (String) -> Void) {
    self.isTerminal = isTerminal
    self.output = output
  }

  /// A reporter on standard error.
  public static func standardError() -> LineReporter {
    LineReporter(isTerminal: isatty(STDERR_FILENO) == 1) { StandardStream.errors.write($0) }
  }

  @Sendable public func report(_ event: RunEvent) {
    board.withLock { board in
      switch event {
      case .planned(let actions, let cached):
        line("\(Readable.count(actions, "action")): \(cached) cached, \(actions - cached) to run", &board)
      case .stage(let stage, let actions): board.stages[stage] = StageProgress(name: stage, actions: actions)
      case .cached(let id): board.stages[id.stage]?.cached += 1
      case .waiting(let id):
        line("\(Escape.message("\(id)")): waiting for another process that is running this action", &board)
      case .started(let id, let reason):
        let isFirst = board.stages[id.stage].map { $0.ran == 0 && $0.running.isEmpty } ?? false
        board.stages[id.stage]?.begin(id)
        if isTerminal {
          redraw(id.stage, &board, atMostEvery: .zero)
        } else if isFirst, reason != Reason.neverRun.description {
          line("\(Escape.message("\(id)")): \(Escape.onOneLine(reason))", &board)
        }
      case .progress(let id, let progress):
        board.stages[id.stage]?.current = progress
        redraw(id.stage, &board, atMostEvery: isTerminal ? .milliseconds(100) : .seconds(15))
      case .preview(let id, let file): board.stages[id.stage]?.previews = file.parentFolder
      case .log(let id, let message): line("\(Escape.message("\(id)")): \(message)", &board)
      case .done(let id, _, _): board.stages[id.stage]?.finish(id)
      case .failed(let id, let message):
        board.stages[id.stage]?.fail(id)
        // The rest of a long message comes at the end.
        let reason = message.parts(at: "\n").first.map { ": \(Escape.onOneLine($0.abridged))" } ?? ""
        line("\(Escape.message("\(id)")): failed\(reason)", &board)
      case .repairing(let error): line("\(error); doing so", &board)
      case .notice(let text): line(text, &board)
      case .stageDone(let stage):
        if let progress = board.stages.removeValue(forKey: stage), progress.isNews { line(progress.closing, &board) }
      case .finished: closeLine(&board)
      }
    }
  }

  /// A line that stays.
  private func line(_ text: String, _ board: inout Board) {
    output((board.isLineOpen ? "\r\u{1B}[K" : "") + Escape.terminal(text) + "\n")
    board.isLineOpen = false
  }

  private func redraw(_ stage: String, _ board: inout Board, atMostEvery pause: Duration) {
    let now = ContinuousClock.now
    guard let progress = board.stages[stage], now - board.drawn >= pause else { return }
    board.drawn = now
    guard isTerminal else { return line(progress.text, &board) }
    output("\r\u{1B}[K" + Escape.message(progress.text).prefix(Self.columns - 1))
    board.isLineOpen = true
  }

  private func closeLine(_ board: inout Board) {
    if board.isLineOpen { output("\r\u{1B}[K") }
    board.isLineOpen = false
  }

  /// The width of the terminal.
  private static var columns: Int {
    var size = winsize()
    return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 20 ? Int(size.ws_col) : 80
  }
}

/// How far a stage is, and how that reads.
struct StageProgress {
  let name: String
  let actions: Int
  var cached = 0
  private(set) var ran = 0
  private var failed = 0
  /// The folder in which the action that runs shows how it stands.
  var previews: String?
  /// Those that were started and are not done.
  private(set) var running: [ActionID] = []
  var current: ActionProgress? {
    didSet { if first == nil, let current { first = (current, .now) } }
  }
  private var began = ContinuousClock.now
  /// The first report of what is running. An action that goes on from saved state has not done in this run what came
  /// before.
  private var first: (progress: ActionProgress, time: ContinuousClock.Instant)?

  init(name: String, actions: Int) {
    self.name = name
    self.actions = actions
  }

  mutating func begin(_ id: ActionID) {
    if ran == 0, running.isEmpty { began = .now }
    running.append(id)
    current = nil
    previews = nil
    first = nil
  }

  mutating func finish(_ id: ActionID) {
    ran += 1
    end(id)
  }

  mutating func fail(_ id: ActionID) {
    failed += 1
    end(id)
  }

  private mutating func end(_ id: ActionID) {
    running.removeAll { $0 == id }
    current = nil
  }

  /// Whether the stage did something, or was cached as a whole, that is worth a line.
  var isNews: Bool { ran > 0 || cached > 0 }

  /// `edited     ██████░░░░░░░░░░  7/12 · alice 30/40 steps · 8.2 steps/s · ETA 1:05 min · loss 0.31`
  var text: String {
    // Those that are done at once report alike.
    let fraction = (current?.fraction ?? 0) * Double(running.count)
    let share = (Double(cached + ran) + fraction) / Double(max(1, actions))
    let amount = actions > 1 ? "\(cached + ran)/\(actions)" : "\(Int(share * 100)) %"
    var parts = ["\(padded) \(Self.bar(share)) \(amount)"]
    if let current {
      let item = running.count > 1 ? "\(running.count) at once " : running.first?.item.map { $0 + " " } ?? ""
      parts.append("\(item)\(current.completed)/\(current.total) \(current.unit)")
      if let perSecond { parts.append(Self.rate(perSecond, current.unit)) }
    }
    // Only what runs in this stage tells how long the rest will take; cached actions take none.
    let work = Double(ran) + fraction
    let seconds = (ContinuousClock.now - began).seconds
    if actions == 1, let current, let perSecond {
      parts.append("ETA \(Readable.duration(Double(current.total - current.completed) / perSecond))")
    } else if actions > 1, work > 0.02, seconds > 1 {
      parts.append("ETA \(Readable.duration(seconds / work * (Double(actions - cached) - work)))")
    }
    parts += (current?.values ?? []).map { "\($0.name) \(Readable.number($0.value))" }
    if let previews { parts.append("see \(previews)") }
    return parts.joined(separator: " · ")
  }

  /// Units of the running action done in a second, once that can be told.
  private var perSecond: Double? {
    guard let current, let first, current.completed > first.progress.completed else { return nil }
    let seconds = (ContinuousClock.now - first.time).seconds
    return seconds > 0.5 ? Double(current.completed - first.progress.completed) / seconds : nil
  }

  /// The line that stays when the stage is done.
  var closing: String {
    let rest = failed > 0 ? ", \(failed) failed" : ""
    if ran == 0 { return "\(padded) \(actions == 1 ? "cached" : "\(cached) cached\(rest)")" }
    let time = Readable.duration((ContinuousClock.now - began).seconds)
    return "\(padded) " + (actions == 1 ? "done in \(time)" : "\(ran) done in \(time), \(cached) cached\(rest)")
  }

  private var padded: String { Escape.message(name) + String(repeating: " ", count: max(0, 14 - name.count)) }

  private static func bar(_ share: Double) -> String {
    let full = Int((min(1, max(0, share)) * 20).rounded())
    return String(repeating: "█", count: full) + String(repeating: "░", count: 20 - full)
  }

  private static func rate(_ perSecond: Double, _ unit: String) -> String {
    if perSecond >= 1 { return "\(Readable.number(perSecond)) \(unit)/s" }
    let one = unit.hasSuffix("s") ? String(unit.dropLast()) : unit
    return "\(Readable.number(1 / perSecond)) s/\(one)"
  }
}
