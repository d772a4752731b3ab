import Foundation
import JSONSyntax
import Metrics
import StageKit

/// The means of one set, and where it stands in sweeps.
struct TableRow: Hashable {
  let label: String
  let axes: [Axis]
  var means: [String: Double]
  /// How many items the means are over, where rows differ in that.
  var items: Int?
  /// What the means are over, by measure and item, where it is asked how sure they are.
  var numbers: [String: [String: Double]] = [:]

  /// Whether no axis says that this row and the other one stand at different places.
  func isBeside(_ other: TableRow) -> Bool {
    axes.allSatisfy { axis in other.axes.allSatisfy { $0.name != axis.name || $0 == axis } }
  }
}

/// Rows of some sets merged into those of another set at the same place, by the name of each set that is merged.
/// - Throws: `InputError` for a row that there is none for.
func joined(_ rows: [TableRow], _ sets: [String: String]) throws -> [TableRow] {
  var kept = rows.filter { sets[$0.label] == nil }
  let places = Dictionary(kept.enumerated().map { (PlaceInSweeps(label: $1.label, axes: $1.axes), $0) }) { first, _ in
    first
  }
  for row in rows {
    guard let name = sets[row.label] else { continue }
    guard let place = places[PlaceInSweeps(label: name, axes: row.axes)] else {
      throw InputError(
        "'\(Axis.placed(row.label, row.axes))' has no row of '\(name)' at its place: sweep both along the same axes")
    }
    kept[place].means.merge(row.means) { first, _ in first }
    kept[place].numbers.merge(row.numbers) { first, _ in first }
  }
  return kept
}

/// One row for those that differ in nothing but their places along an axis, with the means of their means.
func averaged(_ rows: [TableRow], over name: String) throws -> [TableRow] {
  let axis = try meant(name, among: rows.flatMap { $0.axes.map(\.name) }.uniqued, what: "swept axis", of: "rows")
  func place(of row: TableRow) -> TableRow {
    TableRow(label: row.label, axes: row.axes.filter { $0.name != axis }, means: [:], items: nil)
  }
  let groups = Dictionary(grouping: rows) { place(of: $0) }
  return try rows.map(place).uniqued.map { place in
    var averaged = place
    averaged.items = (groups[place] ?? []).compactMap(\.items).reduce(nil) { ($0 ?? 0) + $1 }
    averaged.numbers = try averagedNumbers(groups[place] ?? [], along: axis)
    let sets = (groups[place] ?? []).map(\.means)
    for measure in sets.flatMap(\.keys).uniqued {
      let values = sets.compactMap { $0[measure] }
      averaged.means[measure] = values.reduce(0, +) / Double(values.count)
    }
    return averaged
  }
}

/// Of each item, the mean over rows of what was measured of it in each.
/// - Throws: where the rows are over different items: then no item stands for itself.
private func averagedNumbers(_ rows: [TableRow], along axis: String) throws -> [String: [String: Double]] {
  try rows.flatMap(\.numbers.keys).uniqued.reduce(into: [:]) { averaged, measure in
    let measured = rows.filter { $0.numbers[measure] != nil }
    let sets = measured.map {
      (label: Axis.placed($0.label, $0.axes), items: Set($0.numbers[measure, default: [:]].keys))
    }
    if let difference = ComparedItems.difference(sets) {
      throw InputError(
        "intervals of '\(measure)' averaged over '\(axis)' need the same items at each place: \(difference)")
    }
    averaged[measure] = sets.first.map { set in
      Dictionary(
        uniqueKeysWithValues: set.items.map { item in
          let values = measured.compactMap { $0.numbers[measure]?[item] }
          return (item, values.reduce(0, +) / Double(values.count))
        })
    }
  }
}

/// What is said of a measure over all rows.
enum Trend: String, CaseIterable {
  /// From each row to the next.
  case minStep = "min_step"
  /// Of the first set over each other one at the same place.
  case minMargin = "min_margin"
  case maxMargin = "max_margin"
  /// The lowest and the highest bound of the intervals of these, over the items of both.
  case lowerMargin = "lower_margin"
  case upperMargin = "upper_margin"

  func name(for measure: String) -> String { "\(measure).\(rawValue)" }
}

/// The trends of each measure, as far as there are rows to compare. Along a sweep of one place there is no step to
/// compare, and so none that is wrong.
/// - Parameter certainty: of the differences between rows.
func trends(of measures: [String], over rows: [TableRow], _ certainty: TableCertainty) -> [JSON.Member] {
  let leaders = rows.filter { $0.label == rows[0].label }
  let others = rows.filter { $0.label != rows[0].label }
  let pairs = leaders.flatMap { leader in others.filter(leader.isBeside).map { (leader: leader, other: $0) } }
  return measures.flatMap { measure in
    let measured = rows.filter { $0.means[measure] != nil }
    let means = measured.compactMap { $0.means[measure] }
    let rises = zip(means, means.dropFirst()).map { difference($1, $0) }
    let leads = pairs.compactMap { pair in
      pair.leader.means[measure].flatMap { leader in pair.other.means[measure].map { difference(leader, $0) } }
    }
    // Where there is no interval, as of numbers that are not finite, no bound holds.
    let bounds = pairs.compactMap { pair -> (low: Double, high: Double)? in
      guard certainty.measures.contains(measure), pair.leader.means[measure] != nil, pair.other.means[measure] != nil
      else { return nil }
      let interval = certainty.difference(of: measure, pair.leader, pair.other)
      return interval.map { ($0.low, $0.high) } ?? (.nan, .nan)
    }
    return certainty.trends.compactMap { trend in
      let value =
        switch trend {
        case .minStep: least(rises)
        case .minMargin: least(leads)
        case .maxMargin: least(leads.map { -$0 }).map { -$0 }
        case .lowerMargin: least(bounds.map(\.low))
        case .upperMargin: least(bounds.map { -$0.high }).map { -$0 }
        }
      if value == nil, trend == .minStep, measured.count == 1, !measured[0].axes.isEmpty {
        return JSON.Member(trend.name(for: measure), .nothingToMeasure)
      }
      return value.map { JSON.Member(trend.name(for: measure), .double($0)) }
    }
  }
}

/// a − b; 0 where both are the same, also where they are infinite.
func difference(_ a: Double, _ b: Double) -> Double { a == b ? 0 : a - b }

/// The smallest of all; no number where one of them is none, which `min` might pass over.
private func least(_ values: [Double]) -> Double? { values.first(where: \.isNaN) ?? values.min() }
