import Escaping
import Planning
import Runs
import StageKit

/// What is asked of a run: `identity >= 0.7`, `target == angry face`, `state != failed`.
public struct RunFilter: Sendable {
  private enum Demand {
    case number(Expectation.Comparison)
    case text(String, isWanted: Bool)
  }

  /// What the run is asked for, as ``RunColumn`` has it.
  public let subject: String
  private let demand: Demand

  /// - Throws: `InputError`.
  public init(_ text: String) throws {
    let help = "write NAME and a comparison, such as \"s_dir >= 0.15\", \"target == angry face\" or \"tag == baseline\""
    let scalars = Array(text.unicodeScalars)
    var depth = 0
    // A stage's name may have signs of its own in brackets: `scores[return_step=300].s_dir`.
    let place = scalars.indices.first { index in
      if scalars[index] == "[" { depth += 1 }
      if scalars[index] == "]" { depth -= 1 }
      return depth == 0 && (scalars[index] == " " || "<>=!".unicodeScalars.contains(scalars[index]))
    }
    func words(_ slice: ArraySlice<Unicode.Scalar>) -> String { String(String.UnicodeScalarView(slice)).trimmed }
    guard let place, place > 0 else { throw InputError("'\(text.abridged)' asks for nothing: \(help)") }
    subject = words(scalars[..<place])
    let rest = words(scalars[place...])
    if let comparison = Expectation.Comparison(rest) {
      demand = .number(comparison)
    } else if rest.begins(with: "=="), rest.utf8.count > 2 {
      demand = .text(rest.dropping(bytes: 2).trimmed, isWanted: true)
    } else if rest.begins(with: "!="), rest.utf8.count > 2 {
      demand = .text(rest.dropping(bytes: 2).trimmed, isWanted: false)
    } else {
      throw InputError("'\(text.abridged)' is no comparison: \(help)")
    }
  }

  /// Whether a run meets it; one that does not have what is asked for does not.
  /// - Throws: `InputError` where the run has several of that name.
  public func holds(for run: KeptRun) throws -> Bool {
    let value = try RunColumn(subject).value(of: run)
    switch (demand, value) {
    case (.number(let comparison), .number(let number)): return comparison.holds(number)
    case (.number(.equal(let number)), _): return value.words.contains { CSV.number($0) == number }
    case (.number, _): return false
    case (.text(let text, let isWanted), _): return value.words.contains { $0.isSame(as: text) } == isWanted
    }
  }
}
