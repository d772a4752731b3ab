import Escaping
import Planning
import Runs
import StageKit

/// What is asked of a run: `identity >= 0.7`, `target == angry face`, `state != failed`.
public struct RunFilter: Sendable {
  private enum Demand {
    case number(Expectation.Comparison)
    case text(String, isWanted: Bool)
    case part(String)
    /// A text that comes before or behind another, such as a time.
    case order(String, isBehind: Bool, isOrSame: Bool)
  }

  /// What the run is asked for, as ``RunColumn`` has it.
  public let subject: String
  private let demand: Demand

  /// - Throws: `InputError`.
  public init(_ text: String) throws {
    let help =
      "write NAME and a comparison, such as \"s_dir >= 0.15\", \"target == angry face\", \"tag == baseline\", "
      + "\"note ~ part of it\" or \"started >= 2026-11-29\""
    let scalars = Array(text.unicodeScalars)
    var depth = 0
    // A stage's name may have signs of its own in brackets: `scores[return_step=300].s_dir`.
    let place = scalars.indices.first { index in
      if scalars[index] == "[" { depth += 1 }
      if scalars[index] == "]" { depth -= 1 }
      return depth == 0 && (scalars[index] == " " || "<>=!~".unicodeScalars.contains(scalars[index]))
    }
    func words(_ slice: ArraySlice<Unicode.Scalar>) -> String { String(String.UnicodeScalarView(slice)).trimmed }
    guard let place, place > 0 else { throw InputError("'\(text.abridged)' asks for nothing: \(help)") }
    subject = words(scalars[..<place])
    let rest = words(scalars[place...])
    // A year is no number.
    if ["started", "id"].contains(subject), let order = Self.order(rest) {
      demand = order
    } else if let comparison = Expectation.Comparison(rest) {
      demand = .number(comparison)
    } else if rest.begins(with: "=="), rest.utf8.count > 2 {
      demand = .text(rest.dropping(bytes: 2).trimmed, isWanted: true)
    } else if rest.begins(with: "!="), rest.utf8.count > 2 {
      demand = .text(rest.dropping(bytes: 2).trimmed, isWanted: false)
    } else if rest.begins(with: "~"), rest.utf8.count > 1 {
      demand = .part(rest.dropping(bytes: 1).trimmed)
    } else if let order = Self.order(rest) {
      demand = order
    } else {
      throw InputError("'\(text.abridged)' is no comparison: \(help)")
    }
  }

  /// A comparison with a time or another text that has an order: it starts with a digit.
  private static func order(_ text: String) -> Demand? {
    guard let sign = text.utf8.first, sign == UInt8(ascii: ">") || sign == UInt8(ascii: "<") else { return nil }
    let isOrSame = text.utf8.dropFirst().first == UInt8(ascii: "=")
    let value = text.dropping(bytes: isOrSame ? 2 : 1).trimmed
    guard let first = value.utf8.first, UInt8(ascii: "0")...UInt8(ascii: "9") ~= first else { return nil }
    return .order(value, isBehind: sign == UInt8(ascii: ">"), isOrSame: isOrSame)
  }

  /// Whether a run meets it; one that does not have what is asked for does not.
  /// - Throws: `InputError` where the run has several of that name.
  public func holds(for run: KeptRun) throws -> Bool {
    let value = try RunColumn(subject).value(of: run)
    if case .number(let comparison) = demand, let number = value.number { return comparison.holds(number) }
    switch (demand, value) {
    case (.number(.equal(let number)), _): return value.words.contains { CSV.number($0) == number }
    case (.number, _): return false
    case (.part(let text), _): return value.words.contains { $0.utf8.firstRange(of: Array(text.utf8)) != nil }
    case (.order(let text, let isBehind, let isOrSame), _):
      return value.words.contains { word in
        // As far as the text goes: on a day is any time of it.
        let start = word.utf8.prefix(text.utf8.count)
        if start.elementsEqual(text.utf8) { return isOrSame }
        return text.utf8.lexicographicallyPrecedes(start) == isBehind
      }
    case (.text(let text, let isWanted), _): return value.words.contains { $0.isSame(as: text) } == isWanted
    }
  }
}
