import ArtifactStore
import Foundation
import JSONSyntax
import OrderedCollections
import Runs
import StageKit

/// Two finished runs side by side: parameters, numbers, and which artifacts differ.
public struct RunComparison: Sendable {
  private struct Difference: Sendable {
    let subject: String
    let first: JSON
    let second: JSON
  }

  private let sections: [(title: String, differences: [Difference])]

  /// - Throws: `StoreError` where a record cannot be read.
  public init(of first: KeptRun, and second: KeptRun) throws {
    let runs = (try first.wholeRecord(), try second.wholeRecord())
    func compared(
      _ title: String, _ facts: (JSON) -> [(String, JSON)]
    ) -> (title: String, differences: [Difference]) {
      let old = OrderedDictionary(facts(runs.0)) { first, _ in first }
      let new = OrderedDictionary(facts(runs.1)) { first, _ in first }
      let subjects = OrderedSet(old.keys).union(new.keys).filter { old[$0]?.bytes != new[$0]?.bytes }
      return (title, subjects.map { Difference(subject: $0, first: old[$0] ?? .null, second: new[$0] ?? .null) })
    }
    sections = [
      compared("run") { run in ["status", "only"].map { ($0, run[$0] ?? .null) } },
      compared("params") { ($0["params"]?.members ?? []).map { ($0.name, $0.value) } },
      compared("measures") { run in
        (run["measures"]?.array ?? []).map { ("\($0.text("stage")).\($0.text("measure"))", $0["mean"] ?? .null) }
      },
      compared("expectations") { run in
        (run["expectations"]?.array ?? []).map {
          ("\($0.text("stage")).\($0.text("measure")) \($0.text("expected"))", $0["held"] ?? .null)
        }
      },
      compared("artifacts") { run in
        (run["artifacts"]?.array ?? []).map { ("\($0.text("stage")).\($0.text("port"))", $0["digest"] ?? .null) }
      },
      compared("provenance") { run in
        ["program", "cpu", "blas"].map { ($0, run["provenance"]?[$0] ?? .null) }
      },
    ]
  }

  public var isEmpty: Bool { sections.allSatisfy(\.differences.isEmpty) }

  /// A paragraph for each section in which something differs.
  public var text: String {
    if isEmpty { return "the runs are the same\n" }
    return sections.filter { !$0.differences.isEmpty }.map { title, differences in
      title + "\n"
        + AlignedText.rows(
          differences.map { ["  \($0.subject)", "\(Self.shown($0.first)) → \(Self.shown($0.second))"] })
    }.joined()
  }

  private static func shown(_ json: JSON) -> String {
    switch json {
    case .null: "none"
    case .string(let text): Digest(hex: text)?.short ?? text
    case .double(let number): Readable.number(number)
    default: json.text
    }
  }

  /// `{"params": [{"subject", "first", "second"}], "measures": […], …}`
  public var json: JSON {
    .object(
      sections.map { title, differences in
        .init(
          title,
          .array(
            differences.map { ["subject": .string($0.subject), "first": $0.first, "second": $0.second] }))
      })
  }
}

extension JSON {
  fileprivate func text(_ member: String) -> String { self[member]?.string ?? "" }
}
