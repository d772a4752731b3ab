import OrderedCollections
import RecipeSyntax
import StageKit

/// The parameters that a recipe declares, as the command line and a profile change them.
struct OverlaidParameters {
  /// Nil for one whose own value is wrong.
  private(set) var drafts: OrderedDictionary<String, ParameterDraft?>
  /// What was set.
  private(set) var overlays: [String: Value] = [:]

  init(_ drafts: OrderedDictionary<String, ParameterDraft?>) { self.drafts = drafts }

  /// Reports those that have no value.
  mutating func requireValues(into problems: inout Problems) {
    for case let draft? in drafts.values where draft.isRequired {
      problems.report(
        "parameter '\(draft.name.text)' has no value", at: draft.name.location,
        hint: "give it one: --set \(draft.name.text)=…")
      drafts[draft.name.text] = .some(nil)
    }
  }

  /// Gives those that have no value one of their type.
  mutating func standIn() {
    for case var draft? in drafts.values where draft.isRequired {
      let value: Value =
        switch draft.sample {
        case .string: .string("text")
        case .int: .int(2)
        case .double: .double(1)
        default: draft.sample
        }
      draft.form = .one(
        Definition(value: value, node: Node(value, at: draft.name.location), origin: draft.origin))
      drafts[draft.name.text] = draft
    }
  }

  /// Sets what the command line says; `line` is the number of the option.
  mutating func set(
    _ overlay: Overlay, line: Int, into problems: inout Problems
  ) {
    let start = SourceLocation(file: "--set", line: line, column: 1)
    let (name, text): (String, String)
    switch overlay {
    case .written(let written):
      guard let equals = written.utf8.firstIndex(of: UInt8(ascii: "=")) else {
        problems.report("'--set \(written)' gives no value", at: start, hint: "write --set name=value")
        return
      }
      name = String(written[..<equals])
      text = String(written[written.utf8.index(after: equals)...])
    case .value(let given, let value): (name, text) = (given, value.spelling)
    }
    guard overlays[name] == nil else {
      problems.report("'\(name)' is set twice", at: start)
      return
    }
    let place = SourceLocation(file: "--set", line: line, column: name.unicodeScalars.count + 2)
    set(Name(name, at: start), to: text, at: place, into: &problems) { draft in
      if case .value(_, let value) = overlay {
        draft.set(Node(value, at: place), writtenAs: text)
      } else {
        draft.set(text, at: place)
      }
    }
  }

  /// - Parameters:
  ///   - text: the value as it is written.
  ///   - replace: gives the draft that value: nil, or what is wrong with it.
  private mutating func set(
    _ key: Name, to text: String, at place: SourceLocation, into problems: inout Problems,
    by replace: (inout ParameterDraft) -> String?
  ) {
    let name = key.text
    guard let draft = drafts[name] else {
      let suggestion = Suggestion.nearest(to: name, in: drafts.keys)
      let known =
        drafts.keys.isEmpty
        ? "the recipe has no parameters" : "its parameters are " + Suggestion.list(drafts.keys)
      problems.report(
        "the recipe has no parameter '\(name)'", at: key.location, suggestion: suggestion,
        hint: suggestion == nil ? known : nil)
      return
    }
    guard var draft else { return }
    if let issue = replace(&draft) {
      problems.report(
        "'\(name)' is \(draft.sample.typeName) in the recipe, and \(issue)", at: place,
        hint: Self.hint(for: Scalar(text, isPlain: true), of: draft), notes: [draft.origin])
      if draft.isRequired { drafts[name] = .some(nil) }
      return
    }
    switch draft.form {
    case .required: break
    case .one(let definition): overlays[name] = definition.value
    // A sweep of one value is set by that value alone.
    case .sweep(let definitions):
      overlays[name] = definitions.count == 1 ? definitions[0].value : .list(definitions.map(\.value))
    }
    drafts[name] = draft
  }
}

extension OverlaidParameters {
  /// Reports what is wrong with any profile, each taken by itself, whatever the command line says.
  func check(_ profiles: [(name: Name, entries: [Entry])], into problems: inout Problems) {
    for profile in profiles {
      var trial = self
      trial.set(profile.entries, into: &problems)
    }
  }

  /// Sets what a profile says and the command line leaves out.
  mutating func take(
    _ chosen: String?, of profiles: [(name: Name, entries: [Entry])], into problems: inout Problems
  ) {
    guard let chosen else { return }
    guard let profile = profiles.first(where: { $0.name.text == chosen }) else {
      let names = profiles.map(\.name.text)
      let suggestion = Suggestion.nearest(to: chosen, in: names)
      problems.report(
        "the recipe has no profile '\(chosen)'", at: SourceLocation(file: "--profile", line: 1, column: 1),
        suggestion: suggestion,
        hint: suggestion != nil
          ? nil : names.isEmpty ? "write profiles: {\(chosen): {…}} in it" : "it has " + Suggestion.list(names))
      return
    }
    set(profile.entries.filter { overlays[$0.key.text] == nil }, into: &problems)
  }

  private mutating func set(_ entries: [Entry], into problems: inout Problems) {
    for entry in entries {
      guard let text = entry.value.listing else {
        problems.report(
          "a profile sets a parameter to a value or a list of values, not to \(entry.value.summary)",
          at: entry.value.location)
        continue
      }
      guard let value = entry.value.literal(into: &problems) else { continue }
      set(entry.key, to: text, at: entry.value.location, into: &problems) {
        $0.set(value, writtenAs: text)
      }
    }
  }
}

extension OverlaidParameters {
  /// What to do about a value on the command line that is not of a parameter's type.
  private static func hint(for scalar: Scalar, of draft: ParameterDraft) -> String? {
    let name = draft.name.text
    if draft.sample.bool != nil { return scalar.oldBoolean.map { "write \(name)=\($0)" } }
    guard draft.sample.double != nil, case .double(let number) = scalar.value else { return nil }
    guard number.isFinite else { return "numbers are finite, and no larger than \(Double.greatestFiniteMagnitude)" }
    guard let old = draft.sample.int else { return nil }
    if abs(number) >= 0x1p63 { return "whole numbers go from \(Int.min) to \(Int.max)" }
    if let whole = Int(exactly: number) { return "write \(name)=\(whole)" }
    return draft.isRequired
      ? "to allow fractions, declare it {type: number}"
      : "to allow fractions, give it one in the recipe: \(old).0"
  }
}

extension ParameterDraft {
  var isRequired: Bool { if case .required = form { true } else { false } }
}
