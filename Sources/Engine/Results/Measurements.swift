import ArtifactStore
import Foundation
import JSONSyntax
import OrderedCollections
import Runs
import StageKit

/// Numbers by item and measure: what an artifact of type `metrics` holds, or a table of two columns.
public struct Measurements: Sendable, Hashable {
  public struct Row: Sendable, Hashable {
    /// "" for a number that belongs to no single item.
    public let item: String
    public let values: OrderedDictionary<String, Double>
  }

  public let rows: [Row]
  /// Every measure that some row has, in the order met.
  public let measures: OrderedSet<String>
  /// Those that are listed without a number: there was nothing to measure.
  public let untaken: Set<String>
  /// Of how many items a measure could not be taken that is null there.
  public let unmeasured: [String: Int]

  package init(rows: [Row], untaken: Set<String> = [], unmeasured: [String: Int] = [:]) {
    self.rows = rows
    self.untaken = untaken
    self.unmeasured = unmeasured
    measures = rows.reduce(into: []) { $0.formUnion($1.values.keys) }
  }

  /// The mean of a measure over the items that have it; nil where none has. Summed in the items' order: one infinite
  /// number makes it infinite, one that is no number makes it none.
  public func mean(_ measure: String) -> Double? {
    let values = rows.compactMap { $0.values[measure] }
    return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  /// The numbers of an artifact; nil for one of another type, and for a table that does not list measures.
  /// - Throws: ``ExecutionError/damagedTable(stage:problem:)`` or `StoreError`.
  package init?(of artifact: Artifact, stage: String, in store: Store) throws {
    switch artifact.type {
    case .metrics:
      var untaken: Set<String> = []
      var unmeasured: [String: Int] = [:]
      self.init(
        rows: try artifact.items.map { item in
          Row(
            item: item.name,
            values: try Self.values(in: store.read(item.object), stage: stage, &untaken, &unmeasured))
        }, untaken: untaken, unmeasured: unmeasured)
    case .table:
      guard let table = CSV(try store.read(artifact.items[0].object)),
        table.header.count == 2
      else { return nil }
      let pairs = table.rows.compactMap { row in
        row.count == 2 ? CSV.number(row[1]).map { (row[0], $0) } : nil
      }
      self.init(rows: [Row(item: "", values: OrderedDictionary(pairs) { first, _ in first })])
    default: return nil
    }
  }

  /// A flat object `{measure: number}`; a measure that is null could not be taken.
  private static func values(
    in data: Data, stage: String, _ untaken: inout Set<String>, _ unmeasured: inout [String: Int]
  ) throws -> OrderedDictionary<String, Double> {
    let json: JSON
    do { json = try JSON(parsing: data) } catch {
      throw ExecutionError.damagedTable(stage: stage, problem: error.description)
    }
    guard let members = json.members else {
      throw ExecutionError.damagedTable(stage: stage, problem: "expected an object {measure: number}")
    }
    untaken.formUnion(members.filter { $0.value == .nothingToMeasure }.map(\.name))
    for member in members where member.value == .null { unmeasured[member.name, default: 0] += 1 }
    var values: OrderedDictionary<String, Double> = [:]
    for member in members
    where member.value != .null && member.value != .nothingToMeasure
      && values[member.name] == nil
    {
      guard let value = member.value.double else {
        throw ExecutionError.damagedTable(
          stage: stage, problem: "expected a number for '\(member.name)', found \(member.value.text)")
      }
      values[member.name] = value
    }
    return values
  }

  /// A row for each item and a column for each measure.
  package var table: CSV {
    CSV(
      header: ["item"] + measures,
      rows: rows.map { row in [row.item] + measures.map { row.values[$0].map { CSV.cell($0) } ?? "" } })
  }
}

extension RunNumbers {
  init(_ measured: [(stage: String, numbers: Measurements)]) {
    self.init(
      measured.reduce(into: [:]) { stages, entry in
        for row in entry.numbers.rows {
          for (measure, value) in row.values {
            stages[entry.stage, default: [:]][measure, default: [:]][row.item] = value
          }
        }
      })
  }
}
