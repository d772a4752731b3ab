import ArtifactStore
import Foundation
import JSONSyntax
import Planning
import StageKit
import Stages
import Testing

/// Intervals and paired tests of `table`. The numbers are SciPy's.
struct TableCertaintyTests {
  private func made(
    _ rows: [(label: String, axes: [Axis], values: [String: String])], _ values: [String: Value]
  ) throws -> (table: CSV, trend: JSON) {
    let members = rows.map { row in
      (
        label: row.label, axes: row.axes, type: ArtifactType.metrics,
        items: row.values.sorted { $0.key < $1.key }.map {
          (name: $0.key, data: Data("{\"mae\":\($0.value)}".utf8))
        }
      )
    }
    let context = try BenchContext("table", values, inputs: ["rows": .swept(members)])
    let written = try context.run()
    return (try context.table("table"), try JSON(parsing: #require(written["trend"]?.first).data))
  }

  private let ours = ["a": "1", "b": "2", "c": "4", "d": "3"]
  private let theirs = ["a": "2", "b": "2.5", "c": "5", "d": "4.5"]
  private var rows: [(label: String, axes: [Axis], values: [String: String])] {
    [("ours", [], ours), ("theirs", [], theirs)]
  }

  private func expect(_ cells: [String], _ expected: [Double?], location: SourceLocation = #_sourceLocation) {
    #expect(cells.count == expected.count, sourceLocation: location)
    for (cell, number) in zip(cells, expected) {
      if let number {
        #expect(abs((Double(cell) ?? .nan) - number) < 1e-12, "\(cell), not \(number)", sourceLocation: location)
      } else {
        #expect(cell == "", sourceLocation: location)
      }
    }
  }

  @Test func intervalsStandBesideTheirMeans() throws {
    let (table, trend) = try made(rows, ["intervals": .string("t")])
    #expect(table.header == ["name", "mae", "mae_low", "mae_high"])
    expect(Array(table.rows[0].dropFirst()), [2.5, 0.4457397432394794, 4.554260256760521])
    expect(Array(table.rows[1].dropFirst()), [3.5, 1.157782938483809, 5.842217061516191])
    // Ours less theirs: −1 ± 0.6496.
    #expect(abs((trend["mae.lower_margin"]?.double ?? 0) + 1.6496141318125555) < 1e-12)
    #expect(abs((trend["mae.upper_margin"]?.double ?? 0) + 0.35038586818744455) < 1e-12)
    #expect(trend["mae.min_margin"]?.double == -1)
  }

  @Test func rowsAreComparedWithTheFirstItemByItem() throws {
    let (table, _) = try made(rows, ["intervals": .string("t"), "paired": .string("t")])
    #expect(
      table.header == [
        "name", "mae", "mae_low", "mae_high", "mae_difference", "mae_difference_low", "mae_difference_high", "mae_p",
      ])
    expect(Array(table.rows[0].dropFirst(4)), [nil, nil, nil, nil])
    expect(Array(table.rows[1].dropFirst(4)), [1, 0.35038586818744455, 1.6496141318125555, 0.016276603459428555])
    let (ranked, _) = try made(rows, ["intervals": .string("bootstrap"), "paired": .string("wilcoxon")])
    expect([ranked.rows[1][7]], [0.06559969214707187])
    let bounds = ranked.rows[1][5...6].compactMap(Double.init)
    #expect(bounds.count == 2 && bounds[0] >= 0.5 && bounds[0] < 1 && bounds[1] > 1 && bounds[1] <= 1.5)
    #expect(try made(rows, ["intervals": .string("bootstrap"), "paired": .string("wilcoxon")]).table == ranked)
  }

  @Test func placesOfASweepAreComparedWithTheSamePlace() throws {
    func axis(_ step: Int) -> [Axis] { [Axis(name: "step", value: .int(step))] }
    let swept: [(label: String, axes: [Axis], values: [String: String])] = [
      ("ours", axis(1), ours), ("ours", axis(2), theirs), ("one", axis(1), theirs), ("one", axis(2), theirs),
    ]
    let options: [String: Value] = ["intervals": .string("t"), "paired": .string("t")]
    let (table, trend) = try made(swept, options)
    #expect(table.column("mae_difference") == ["", "", "1.0", "0.0"] && table.column("mae_p")?.last == "1.0")
    #expect(abs((trend["mae.lower_margin"]?.double ?? 0) + 1.6496141318125555) < 1e-12)
    #expect(trend["mae.upper_margin"]?.double == 0)
    // One set is compared with its first row.
    #expect(try made(Array(swept.prefix(2)), options).table.column("mae_difference") == ["", "1.0"])
    // Averaged over the sweep, an item stands for its mean.
    let averaged = try made(swept, options.merging(["average": .list([.string("step")])]) { $1 }).table
    #expect(averaged.column("mae") == ["3.0", "3.5"] && averaged.column("mae_difference") == ["", "0.5"])
    let missing = swept.dropLast() + [("one", axis(2), ["a": "1", "b": "2"])]
    #expect(
      issue {
        _ = try made(
          Array(missing), ["intervals": .string("t"), "items": .string("any"), "average": .list([.string("step")])])
      }
        == "intervals of 'mae' averaged over 'step' need the same items at each place: 'one[step=2]' has no 'c', 'd', "
        + "which 'one[step=1]' has"
    )
  }

  @Test func numbersThatAreNotFiniteHaveNoBounds() throws {
    let rows: [(label: String, axes: [Axis], values: [String: String])] = [
      ("ours", [], ["a": "1", "b": "2"]), ("theirs", [], ["a": "\"Infinity\"", "b": "2"]),
    ]
    let (table, trend) = try made(rows, ["intervals": .string("bootstrap")])
    #expect(table.rows[1] == ["theirs", "inf", "", ""])
    // No expectation of it holds.
    #expect(trend["mae.lower_margin"]?.double?.isNaN == true && trend["mae.upper_margin"]?.double?.isNaN == true)
  }

  @Test func whatHasItsOwnBoundsNeedsNoOthers() throws {
    let kid = Data(#"{"kid": 0.5, "kid_low": 0.25, "kid_high": 0.75}"#.utf8)
    let context = try BenchContext(
      "table", ["intervals": .string("t")], inputs: ["rows": .list(.metrics, [("ours", [("all", kid)])])])
    try context.run()
    #expect(try context.table("table").header == ["name", "kid", "kid_low", "kid_high"])
  }

  /// The rows of one set become part of another set's, place by place.
  @Test func setsAreMergedWhereTheyStandTogether() throws {
    func rows(
      _ second: [Int]
    ) -> [(label: String, axes: [Axis], type: ArtifactType, items: [(name: String, data: Data)])] {
      func row(_ label: String, _ step: Int, _ measure: String) -> (String, [Axis], ArtifactType, [(String, Data)]) {
        (label, [Axis(name: "step", value: .int(step))], .metrics, [("a", Data("{\"\(measure)\": \(step)}".utf8))])
      }
      return [1, 2].map { row("scores", $0, "mae") } + second.map { row("took", $0, "seconds") }
        + [("guided", [], .metrics, [("a", Data("{\"mae\": 5}".utf8))])]
    }
    func table(_ second: [Int]) throws -> CSV {
      let context = try BenchContext(
        "table", ["join": .map([Value.Entry(key: "took", value: .string("scores"))])],
        inputs: ["rows": .swept(rows(second))])
      try context.run()
      return try context.table("table")
    }
    let joined = try table([2, 1])
    #expect(joined.header == ["name", "step", "mae", "seconds"])
    #expect(
      joined.rows == [["scores", "1", "1.0", "1.0"], ["scores", "2", "2.0", "2.0"], ["guided", "", "5.0", ""]])
    #expect(
      issue { _ = try table([1, 3]) }
        == "'took[step=3]' has no row of 'scores' at its place: sweep both along the same axes")
  }

  @Test func oneItemHasNoInterval() throws {
    #expect(
      issue { _ = try made([("ours", [], ["a": "1"])], ["intervals": .string("t")]) }
        == "intervals need at least two items: each set of 'rows' has one, or none")
  }

  @Test func optionsAreAboutIntervals() throws {
    #expect(
      try BenchContext("table", ["confidence": .double(0.9), "paired": .string("t")]).issues(["rows": [.metrics]]) == [
        "'confidence' is about intervals: give `intervals`, t or bootstrap, or leave it out",
        "'paired' is about intervals: give `intervals`, t or bootstrap, or leave it out",
      ])
  }

  /// Bounds can be expected of a table that has intervals.
  @Test func boundsCanBeExpected() throws {
    func errors(_ options: String) throws -> String {
      let folder = NSTemporaryDirectory() + "certainty-\(UUID().uuidString)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let recipe = """
        recipe: r
        stages:
          p: { synthesize: { count: 3 } }
          q: { synthesize: { count: 3, seed: 2 } }
          one: { metric: { images: p, reference: q, measures: [mae] } }
          two: { metric: { images: q, reference: q, measures: [mae] } }
          t: { table: { rows: [two, one]\(options) }, expect: { mae.upper_margin: "< 0", mae.lower_margin: "> -1" } }
        """
      try recipe.write(toFile: "\(folder)/r.yaml", atomically: false, encoding: .utf8)
      do {
        _ = try Planner.plan(recipeAt: "\(folder)/r.yaml", kinds: Catalog.kinds)
        return ""
      } catch { return "\(error)" }
    }
    #expect(try errors(", intervals: t") == "")
    #expect(try errors(", intervals: bootstrap, measures: [mae]") == "")
    let found = try errors("")
    #expect(
      found.contains("'mae.upper_margin' is the bound of an interval: give the table `intervals`, t or bootstrap")
        && found.contains("r.yaml:7:"), "\(found)")
    #expect(try errors(", measures: [mae]").contains("'t' has no measure 'mae.upper_margin'"))
  }
}
