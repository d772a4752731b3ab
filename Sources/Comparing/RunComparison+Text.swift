import ArtifactStore
import Escaping
import JSONSyntax
import Runs
import StageKit

extension RunComparison {
  /// A paragraph for each section in which something differs.
  public var text: String {
    if isEmpty { return "the runs are the same\n" }
    var text = runs.map(\.label).joined(separator: " → ") + "\n"
    func section(_ title: String, _ rows: [[String]]) {
      if !rows.isEmpty { text += title + "\n" + AlignedText.rows(rows.map { ["  " + $0[0]] + $0.dropFirst() }) }
    }
    func rows(_ differences: [Difference], _ shown: (String) -> String = { $0 }) -> [[String]] {
      differences.map { [$0.subject, Self.arrows($0.values.map { $0.map(shown) })] }
    }
    section("run", rows(facts))
    section("params", rows(parameters))
    for edits in edits {
      section(
        self.edits.count == 1 ? "literals" : "literals of \(edits.label)",
        edits.edits.map { ["\($0.file):\($0.line)", "\($0.path): \(Self.arrows([$0.before, $0.after]))"] })
    }
    let changed = numbers.filter { !$0.isSame }
    section(
      "numbers",
      changed.map { number in
        [number.name, Self.arrows(number.values.map { $0.map(Readable.number) })]
          + number.differences.map { Self.shown($0) }
      })
    if changed.contains(where: { $0.differences.contains { $0?.margin != nil } }) {
      text += "  (\(PairedDifference.method))\n"
    }
    for table in tables {
      section(
        "table \(table.file)", table.cells.map { [$0.row, $0.column, Self.arrows(TableDifference.shown($0.values))] })
    }
    section("pictures", pictures.map { [$0.file, $0.remarks.joined(separator: "; ")] })
    section("expectations", rows(expectations))
    section("artifacts", rows(artifacts) { Digest(hex: $0)?.short ?? $0 })
    return text
  }

  static func arrows(_ values: [String?]) -> String { values.map { $0 ?? "none" }.joined(separator: " → ") }

  /// `+0.02 ± 0.01 (n = 8)`
  static func shown(_ difference: PairedDifference?) -> String {
    guard let difference else { return "" }
    let mean = (difference.mean > 0 ? "+" : "") + Readable.number(difference.mean)
    guard let margin = difference.margin else { return mean }
    return "\(mean) ± \(Readable.number(margin)) (n = \(difference.count))"
  }

  /// `{"runs", "facts": [{"subject", "values"}], "params", "literals", "numbers", "tables", "pictures", "expectations",
  /// "artifacts"}`
  public var json: JSON {
    func text(_ value: String?) -> JSON { .optional(value) }
    func list(_ differences: [Difference]) -> JSON {
      .array(differences.map { ["subject": .string($0.subject), "values": .array($0.values.map(text))] })
    }
    return [
      "runs": .array(runs.map { ["label": .string($0.label), "folder": .optional($0.run?.folder)] }),
      "same": .bool(isEmpty), "run": list(facts), "params": list(parameters),
      "literals": .array(
        edits.map { ["run": .string($0.label), "edits": .array($0.edits.map(\.json))] }),
      "numbers": .array(
        numbers.map { number in
          [
            "name": .string(number.name), "values": .array(number.values.map { $0.map(JSON.double) ?? .null }),
            "differences": .array(
              zip(number.differences, number.change).map { difference, change in
                guard let difference else { return .null }
                return [
                  "mean": .double(difference.mean), "of_means": change.map(JSON.double) ?? .null,
                  "low": difference.margin.map { .double(difference.mean - $0) } ?? .null,
                  "high": difference.margin.map { .double(difference.mean + $0) } ?? .null,
                  "items": .int(difference.count),
                ]
              }),
          ]
        }),
      "method": .string(PairedDifference.method),
      "tables": .array(
        tables.map { table in
          [
            "file": .string(table.file),
            "cells": .array(
              table.cells.map {
                [
                  "row": .string($0.row), "column": .string($0.column), "values": .array($0.values.map(text)),
                ]
              }),
          ]
        }),
      "pictures": .array(
        pictures.map { picture in
          [
            "file": .string(picture.file),
            "differences": .array(
              picture.differences.map { difference in
                difference.map { ["share": .double($0.share), "mean": .double($0.mean)] } ?? .null
              }),
          ]
        }),
      "expectations": list(expectations), "artifacts": list(artifacts),
    ]
  }
}
