import Escaping
import Foundation
import JSONSyntax
import RecipeSyntax
import Runs
import StageKit

/// One thing that runs are listed, filtered or sorted by: a fact, a parameter, or a measure.
public struct RunColumn: Sendable, Hashable {
  /// Facts that every run has; the rest are its parameters and measures.
  public static let facts = [
    "id", "recipe", "state", "name", "tag", "note", "started", "seconds", "host", "device", "program", "commit",
    "branch",
    "dirty", "file", "edits",
  ]

  public let name: String

  public init(_ name: String) { self.name = name }

  /// The names in a list, separated by commas; those in the brackets of a place in sweeps are part of its name.
  public static func names(in list: String) -> [String] {
    var names = [String.UnicodeScalarView()]
    var depth = 0
    for scalar in list.unicodeScalars {
      if scalar == "[" { depth += 1 }
      if scalar == "]" { depth -= 1 }
      if scalar == ",", depth <= 0 { names.append(.init()) } else { names[names.count - 1].append(scalar) }
    }
    return names.map { String($0).trimmed }.filter { !$0.isEmpty }
  }

  public enum Value: Sendable, Hashable {
    case number(Double)
    case whole(Int)
    case text(String)
    case list([String])
    case none

    /// As texts to compare with.
    var words: [String] {
      switch self {
      case .number(let number): [CSV.cell(number)]
      case .whole(let number): [String(number)]
      case .text(let text): [text]
      case .list(let texts): texts
      case .none: []
      }
    }

    /// As a cell for a program.
    package var cell: String {
      switch self {
      case .number(let number): CSV.cell(number)
      case .whole(let number): String(number)
      case .text(let text): text
      case .list(let texts): texts.joined(separator: ", ")
      case .none: ""
      }
    }

    /// As a person reads it.
    package var shown: String { if case .number(let number) = self { Readable.number(number) } else { cell } }

    /// Nil for what is no number.
    var number: Double? {
      switch self {
      case .number(let number): number
      case .whole(let number): Double(number)
      default: nil
      }
    }

    package var json: JSON {
      switch self {
      case .number(let number): .double(number)
      case .whole(let number): .int(number)
      case .text(let text): .string(text)
      case .list(let texts): .array(texts.map(JSON.string))
      case .none: .null
      }
    }
  }

  /// - Throws: `InputError` where the run measured several things of that name.
  public func value(of run: KeptRun) throws -> Value {
    if let fact = fact(of: run) { return fact }
    let name = self.name.begins(with: "params.") ? self.name.dropping(bytes: 7) : self.name
    if let parameter = run.parameters.first(where: { $0.name.isSame(as: name) }) { return Self.value(parameter.value) }
    let found = run.measures.filter { $0.name.isSame(as: name) || $0.name.ends(with: "." + name) }
    if let exact = found.first(where: { $0.name.isSame(as: name) }) ?? (found.count == 1 ? found[0] : nil) {
      return .number(exact.mean)
    }
    guard found.isEmpty else {
      throw InputError(
        "\(run.recipe)/\(run.id) has several measures called '\(name)': name one of "
          + Suggestion.list(found.map(\.name), upTo: 8))
    }
    return .none
  }

  private func fact(of run: KeptRun) -> Value? {
    func text(_ text: String?) -> Value { text.map(Value.text) ?? .none }
    switch name {
    case "id": return .text(run.id)
    case "recipe": return .text(run.recipeName)
    case "state": return .text(run.state.rawValue)
    case "name": return text(run.name)
    case "tag": return run.tags.isEmpty ? Value.none : .list(run.tags)
    case "note": return text(run.note)
    case "started": return text(run.date)
    case "seconds": return run.seconds.map(Value.number) ?? Value.none
    case "host": return text(run.host)
    case "device": return text(run.facts["provenance"]?["cpu"]?.string)
    case "program": return text(run.facts["provenance"]?["program"]?.string)
    case "commit": return text(run.facts["git"]?["commit"]?.string)
    case "branch": return text(run.facts["git"]?["branch"]?.string)
    case "dirty": return Self.value(run.facts["git"]?["dirty"] ?? .null)
    case "file": return text(run.facts["file"]?.string)
    case "edits": return .whole(run.edits.count)
    default: return nil
    }
  }

  private static func value(_ json: JSON) -> Value {
    switch json {
    case .null: .none
    case .int(let value): .whole(value)
    case .double(let value): .number(value)
    case .string(let text): .text(text)
    default:
      // What is swept has each of its values.
      if let values = json["sweep"]?.array {
        .list(values.map { $0.string ?? $0.text })
      } else {
        .text(json.text)
      }
    }
  }
}
