import Foundation
import StageKit

/// What a training reports along the way, as a table whose first column counts.
struct LossTable {
  private var header: [String] = []
  private var rows: [[String]] = []
  private let counter: String

  init(counter: String = "iteration") { self.counter = counter }

  /// The table that ``text`` gave.
  init?(_ text: String) {
    guard let table = CSV(text), let counter = table.header.first else { return nil }
    // Before the first row nobody knows what there is to report.
    header = table.rows.isEmpty ? [] : table.header
    rows = table.rows
    self.counter = counter
  }

  mutating func add(_ count: Int, _ values: [(name: String, value: Double)]) {
    if header.isEmpty { header = [counter] + values.map(\.name) }
    rows.append(["\(count)"] + values.map { CSV.cell(Float($0.value)) })
  }

  /// Tables below each other, counted anew from 1.
  init(joining tables: [LossTable]) {
    self.init(counter: tables.first?.counter ?? "iteration")
    header = tables.lazy.map(\.header).first { !$0.isEmpty } ?? []
    rows = tables.flatMap(\.rows).enumerated().map { ["\($0 + 1)"] + $1.dropFirst() }
  }

  /// Tables of so many of the rows each; nil where these are not all.
  func split(into counts: [Int]) -> [LossTable]? {
    guard counts.allSatisfy({ $0 >= 0 }), counts.reduce(0, +) == rows.count else { return nil }
    var start = 0
    return counts.map { count in
      var part = LossTable(counter: counter)
      part.header = header
      part.rows = Array(rows[start..<start + count])
      start += count
      return part
    }
  }

  var text: String { CSV(header: header.isEmpty ? [counter] : header, rows: rows).text }
  var data: Data { Data(text.utf8) }
}

/// Says when it is time to save again: often enough that little is lost, seldom enough that it costs nothing.
struct SaveTimer {
  private var last = ContinuousClock.now
  private let interval: Duration

  init(_ options: SavingOptions) { interval = .seconds(options.interval) }

  /// Whether the interval, or this share of it, has passed since this last was true.
  mutating func isDue(after share: Double = 1) -> Bool {
    guard ContinuousClock.now - last >= interval * share else { return false }
    last = .now
    return true
  }
}

/// How often a stage that takes long saves where it is. Results do not depend on it.
final class SavingOptions: StagePart {
  @Parameter(
    0...86400, name: "checkpoint_every_s", isSemantic: false,
    help: "Seconds between two savings of the state, from which an interrupted stage resumes.")
  var interval = 60.0
}
