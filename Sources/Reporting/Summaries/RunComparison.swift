import ArtifactStore
import Foundation
import JSONSyntax
import OrderedCollections
import StageKit

/// Two finished runs side by side: parameters, numbers, and which artifacts differ.
public struct RunComparison: Sendable {
  private struct Difference: Sendable {
    let subject: String
    let first: JSON
    let second: JSON
  }

  private let sections: [(title: String, differences: [Difference])]

  /// - Parameters: folders of runs, or the files `run.json` in them.
  /// - Throws: `InputError` where one of them is no run.
  public init(of first: String, and second: String) throws {
    let runs = (try RunFolder.record(at: first), try RunFolder.record(at: second))
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

/// A folder that a run wrote.
enum RunFolder {
  /// The bytes of a file; nil where there is none, or a folder.
  private static func read(_ file: String) throws -> Data? {
    do { return try Files.read(file) } catch {
      if case .notPlain(_, let kind) = error, kind == "a folder" { return nil }
      throw error
    }
  }

  /// What `run.json` says; `path` is that of the folder, or of the file.
  /// - Throws: `InputError` where it is no run.
  static func record(at path: String) throws -> JSON {
    var file = path
    if try Files.status(of: path + "/run.json") != nil { file = path + "/run.json" }
    guard let data = try read(file), let json = try? JSON(parsing: data), json["artifacts"] != nil
    else {
      throw InputError("\(path) is no run: name the folder of one, such as runs/quickstart")
    }
    return json
  }
}
