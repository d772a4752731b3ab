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
    (header, rows, self.counter) = (table.header, table.rows, counter)
  }

  mutating func add(_ count: Int, _ values: [(name: String, value: Double)]) {
    if header.isEmpty { header = [counter] + values.map(\.name) }
    rows.append(["\(count)"] + values.map { "\(Float($0.value))" })
  }

  var text: String { CSV(header: header.isEmpty ? [counter] : header, rows: rows).text }
  var data: Data { Data(text.utf8) }
}

/// Says when it is time to save again: often enough that little is lost, seldom enough that it costs nothing.
struct SaveTimer {
  private var last = ContinuousClock.now
  private let interval: Duration = .seconds(60)

  /// Whether the interval has passed since this last was true.
  var isDue: Bool {
    mutating get {
      guard ContinuousClock.now - last >= interval else { return false }
      last = .now
      return true
    }
  }
}
