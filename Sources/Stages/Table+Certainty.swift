import Metrics
import StageKit

/// What `table` is told of how sure its means are.
final class CertaintyOptions: StagePart {
  @Parameter(
    help:
      "Intervals of the means over items, in columns such as s_dir_low and s_dir_high. t: Student's, of numbers near normal or of many. bootstrap: BCa, of numbers however distributed."
  )
  var intervals: MeanInterval.Method?
  @Parameter(0.5...0.999, help: "Confidence of the intervals; 0.95 unless given.") var confidence: Double?
  @Parameter(
    help:
      "Compare each row with the first set's at the same place, or with the first row, item by item: the mean difference from it with its interval, s_dir_difference, and the probability of such a difference by chance, s_dir_p. t: paired t test. wilcoxon: signed-rank test."
  )
  var paired: PairedTest?
}

extension MeanInterval.Method: Choice {}
extension PairedTest: Choice {}

extension CertaintyOptions {
  var isAsked: Bool { intervals != nil }

  /// What can be expected of a table.
  var trends: [Trend] { TableCertainty.trends(hasIntervals: isAsked) }

  /// The headings that may stand behind that of a measure.
  func possibleHeadings(of measure: String) -> [String] {
    isAsked ? TableCertainty.headings(of: measure, isPaired: paired != nil) : []
  }

  func check(_ draft: StageDraft, rows: Input<[Labeled<Measurements>]>) -> [ValidationIssue] {
    guard isAsked else {
      let unused: [(StageProperty, isGiven: Bool)] = [($confidence, confidence != nil), ($paired, paired != nil)]
      return unused.filter(\.isGiven).map { property, _ in
        ValidationIssue(
          about: property, "'\(property.name)' is about intervals: give `intervals`, t or bootstrap, or leave it out")
      }
    }
    let members = draft[rows]
    let isSingle = !members.isEmpty && members.allSatisfy { $0.items?.count == 1 }
    return isSingle
      ? [ValidationIssue(about: $intervals, "intervals need at least two items: each set of 'rows' has one")] : []
  }

  /// How sure the means of rows are.
  /// - Throws: where not one of them is over more than one item.
  func of(_ measures: [String], _ rows: [TableRow]) throws -> TableCertainty {
    guard let intervals else { return TableCertainty(options: nil, measures: [], rows: rows) }
    // What has bounds of its own, as KID has, needs no others.
    let telling = measures.filter { measure in
      !measures.contains("\(measure)_low") && rows.contains { $0.numbers[measure, default: [:]].count > 1 }
    }
    let hasOwn = measures.contains { measures.contains("\($0)_low") }
    guard hasOwn || !telling.isEmpty || measures.isEmpty else {
      throw InputError("intervals need at least two items: each set of 'rows' has one, or none")
    }
    return TableCertainty(
      options: (intervals, confidence ?? 0.95, paired), measures: Set(telling), rows: rows)
  }
}

/// How sure the means in a table's rows are.
struct TableCertainty {
  /// Nil where nobody asks.
  let options: (method: MeanInterval.Method, confidence: Double, paired: PairedTest?)?
  /// Those that have intervals.
  let measures: Set<String>
  let rows: [TableRow]

  /// What can be said of all rows.
  var trends: [Trend] { Self.trends(hasIntervals: options != nil) }

  static func trends(hasIntervals: Bool) -> [Trend] {
    Trend.allCases.filter { hasIntervals || $0 != .lowerMargin && $0 != .upperMargin }
  }

  /// The headings behind that of a measure.
  func headings(of measure: String) -> [String] {
    guard let options, measures.contains(measure) else { return [] }
    return Self.headings(of: measure, isPaired: options.paired != nil)
  }

  /// Those of a measure that has intervals.
  static func headings(of measure: String, isPaired: Bool) -> [String] {
    let difference = "\(measure)_difference"
    return bounds(of: measure) + (isPaired ? [difference] + bounds(of: difference) + ["\(measure)_p"] : [])
  }

  private static func bounds(of name: String) -> [String] { ["\(name)_low", "\(name)_high"] }

  /// The cells under them; empty where there is nothing to tell.
  func cells(of measure: String, _ row: TableRow) -> [String] {
    guard let options, measures.contains(measure) else { return [] }
    func bounds(_ interval: MeanInterval?) -> [String] {
      interval.map { [CSV.cell($0.low), CSV.cell($0.high)] } ?? ["", ""]
    }
    let own = bounds(interval(of: ordered(row.numbers[measure, default: [:]]).map(\.value)))
    guard let paired = options.paired else { return own }
    guard let first = first(for: row), let differences = differences(of: measure, row, first) else {
      return own + ["", "", "", ""]
    }
    let mean = differences.reduce(0, +) / Double(differences.count)
    return own + [CSV.cell(mean)] + bounds(interval(of: differences))
      + [paired.probability(of: differences).map { CSV.cell($0) } ?? ""]
  }

  /// The interval of the mean difference of one row from another, over the items that both have; nil where there is none.
  func difference(of measure: String, _ row: TableRow, _ other: TableRow) -> MeanInterval? {
    differences(of: measure, row, other).flatMap { interval(of: $0) }
  }

  private func interval(of values: [Double]) -> MeanInterval? {
    options.flatMap { MeanInterval(of: values, by: $0.method, confidence: $0.confidence) }
  }

  /// The first set's row at the same place of the sweeps; of one set alone, its first row. Nil for that row itself, and
  /// where there is no such row, or several.
  private func first(for row: TableRow) -> TableRow? {
    let leaders = rows.filter { $0.label == rows[0].label }
    guard leaders.count < rows.count else { return row == rows[0] ? nil : rows[0] }
    guard row.label != rows[0].label else { return nil }
    let beside = leaders.filter(row.isBeside)
    return beside.count == 1 ? beside[0] : nil
  }

  /// Of the items that both rows have; nil where there are none.
  private func differences(of measure: String, _ row: TableRow, _ other: TableRow) -> [Double]? {
    let others = other.numbers[measure, default: [:]]
    let values = ordered(row.numbers[measure, default: [:]]).compactMap { name, value in
      others[name].map { Stages.difference(value, $0) }
    }
    return values.isEmpty ? nil : values
  }

  /// In the order of the items' names, as sums in floating point depend on it.
  private func ordered(_ numbers: [String: Double]) -> [(key: String, value: Double)] {
    numbers.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
  }
}
