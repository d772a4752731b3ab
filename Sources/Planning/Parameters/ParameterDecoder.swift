import Escaping
import RecipeSyntax
import StageKit
import WeightsCatalog

/// Applies the declaration of a parameter to what the recipe says.
struct ParameterDecoder {
  /// The word in the recipe for the kind whose parameters these are.
  let kind: String
  let finder: SourceFinder
  /// What the path parameters decoded so far name.
  private(set) var sources: [String: PlannedSource] = [:]
  /// What entries of the catalog say of their networks besides, for parameters that the recipe leaves out.
  private(set) var hints: [String: Value] = [:]
  var problems = Problems()

  init(kind: String, finder: SourceFinder) {
    self.kind = kind
    self.finder = finder
  }

  /// What to write where a list is wanted.
  private static func hint(aboutListFor text: String) -> String {
    let words = text.parts(at: " ")
    return words.count > 1
      ? "write [\(words.joined(separator: ", "))], or [\"\(text)\"] for one with spaces in it"
      : "for just one, write [\(text)]"
  }

  /// The value, or nil after reporting what is wrong. A file that is not there is reported, but what the recipe says of
  /// it is right.
  /// - Parameter endings: those of the files that it can mean; none where that is not known.
  mutating func decode(
    _ node: Node, as type: ParameterDeclaration.Kind, path: ParameterPath, endings: [String] = []
  ) -> Value? {
    let subject = "\(path) of '\(kind)'"
    func fail(suggestion: String? = nil, hint: String? = nil) -> Value? {
      problems.report(
        "\(subject) must be \(type.expectation), not \(node.summary)", at: node.location, suggestion: suggestion,
        hint: hint, notes: node.notes)
      return nil
    }
    let scalar = node.scalar
    switch type {
    case .bool:
      if let value = scalar?.value.bool { return .bool(value) }
      return fail(hint: node.hint { $0.bool != nil })
    case .int(let range):
      if let value = scalar?.value.int, range.contains(value) { return .int(value) }
      return fail(hint: node.hint { $0.int.map(range.contains) ?? false })
    case .double(let range):
      if let value = scalar?.value.double, value.isFinite, range.contains(value) { return .double(value) }
      return fail(hint: node.hint { $0.double.map(range.contains) ?? false })
    case .size(let range):
      if let value = scalar?.value.int, range.contains(value) { return .int(value) }
      let sides = node.sequence?.compactMap { $0.scalar?.value.int } ?? []
      guard sides.count == 2, node.sequence?.count == 2, sides.allSatisfy(range.contains) else { return fail() }
      // A square is the same by one number and by two.
      return sides[0] == sides[1] ? .int(sides[0]) : .list(sides.map(Value.int))
    case .string:
      if let value = scalar?.value.string { return .string(value) }
      return fail(hint: scalar.map { "to mean it as text, put it in quotes: \"\($0.text)\"" })
    case .scalar:
      if let value = scalar?.value, value.isScalar, value.double?.isFinite ?? true { return value }
      return fail()
    case .word:
      if let scalar, scalar.value.isScalar { return .string(scalar.text) }
      return fail()
    case .choice(let choices):
      if let text = scalar?.text, choices.contains(text) { return .string(text) }
      return fail(suggestion: scalar.flatMap { Suggestion.nearest(to: $0.text, in: choices) })
    case .list(let element):
      guard let nodes = node.sequence else { return fail(hint: scalar.map { Self.hint(aboutListFor: $0.text) }) }
      let values = nodes.enumerated().map { decode($1, as: element, path: path.element($0)) }
      return values.contains(nil) ? nil : .list(values.compactMap(\.self))
    case .map(let element):
      guard let entries = node.mapping else { return fail() }
      // A source is known by the names that lead to it, joined by dots.
      for entry in entries where element.holdsPaths && !entry.key.isIdentifier {
        problems.report(
          "'\(entry.key.text)' cannot be a name in \(subject)", at: entry.key.location,
          hint: Name.rule)
        return nil
      }
      let values = entries.map { decode($0.value, as: element, path: path.member($0.key.text)) }
      guard !values.contains(nil) else { return nil }
      return .map(Dictionary(uniqueKeysWithValues: zip(entries.map(\.key.text), values.compactMap(\.self))))
    case .path(let form):
      let isFit: Bool =
        if let nodes = node.sequence {
          // Several downloads are what a folder would hold.
          form.takesPatterns || form == .fileOrFolder && !nodes.isEmpty && nodes.allSatisfy { $0.mapping != nil }
        } else {
          scalar?.value.string != nil || node.mapping != nil
        }
      guard isFit else { return fail() }
      var found = Problems()
      let entry = SourceFinder.catalogEntry(node, parameter: path.key, subject: subject, into: &found)
      if found.errors.isEmpty {
        sources[path.key] = finder.find(
          node, form: form, endings: endings, entry: entry, subject: subject, into: &found)
      }
      for (name, hint) in entry?.hints ?? [:] { hints[name] = Value(hint) }
      for error in found.errors { problems.report(error) }
      return found.errors.allSatisfy { $0.missing != nil } ? Self.written(node) : nil
    }
  }

  /// A path, a download, or a list of those, as it stands in the recipe.
  private static func written(_ node: Node) -> Value {
    switch node.content {
    case .scalar(let scalar): scalar.value
    case .sequence(let nodes): .list(nodes.map(written))
    case .mapping(let entries): .map(entries.reduce(into: [:]) { $0[$1.key.text] = written($1.value) })
    }
  }
}

/// What leads to a part of a parameter, from the parameter's name on.
struct ParameterPath: CustomStringConvertible {
  /// Names and numbers from zero, joined by dots: by that sources are known.
  let key: String
  /// As people say it: `'adam.beta'`, `the 2nd of 'layers'`, `'radius' of the 2nd of 'effects'`.
  let description: String
  /// The names since the last number.
  private let names: [String]
  /// What stands before these.
  private let whole: String

  init(_ name: String) { self.init(key: name, names: [name], whole: "") }

  private init(key: String, names: [String], whole: String) {
    self.key = key
    self.names = names
    self.whole = whole
    let name = names.isEmpty ? [] : ["'\(names.joined(separator: "."))'"]
    description = (name + (whole.isEmpty ? [] : [whole])).joined(separator: " of ")
  }

  func member(_ name: String) -> ParameterPath { .init(key: "\(key).\(name)", names: names + [name], whole: whole) }

  /// - Parameter index: from zero; people count from one.
  func element(_ index: Int) -> ParameterPath {
    let number = index + 1
    let ending =
      switch (number % 10, number % 100) {
      case (_, 11...13): "th"
      case (1, _): "st"
      case (2, _): "nd"
      case (3, _): "rd"
      default: "th"
      }
    return .init(key: "\(key).\(index)", names: [], whole: "the \(number)\(ending) of \(self)")
  }
}

extension ParameterDeclaration.Kind {
  /// What a value of this kind is, as an error says it: `a whole number from 1 to 1000`.
  package var expectation: String {
    switch self {
    case .bool: "true or false"
    case .int(let range):
      "a whole number"
        + bounds(
          range.lowerBound > .min ? "\(range.lowerBound)" : nil, range.upperBound < .max ? "\(range.upperBound)" : nil)
    case .double(let range):
      "a number"
        + bounds(
          range.lowerBound > -.greatestFiniteMagnitude ? decimal(range.lowerBound) : nil,
          range.upperBound < .greatestFiniteMagnitude ? decimal(range.upperBound) : nil,
          isAboveZero: range.lowerBound == .leastNonzeroMagnitude)
    case .size(let range):
      "a whole number, or [width, height], each from \(range.lowerBound) to \(range.upperBound)"
    case .string: "a text"
    case .scalar, .word: "a text, a number, or true or false"
    case .choice(let choices): choices.count == 1 ? choices[0] : "one of " + choices.joined(separator: ", ")
    case .list(let element): "a list, each \(element.expectation)"
    case .map(let element): "a mapping from names, each to \(element.expectation)"
    case .path(.file): "the path of a file, or {url: …, sha256: …}"
    case .path(.fileOrFolder): "the path of a file or folder, or {url: …, sha256: …}"
    case .path(.files), .path(.namedFiles):
      "a path, a glob such as faces/*.png, {url: …, sha256: …}, or a list of those"
    }
  }

  /// Whether values of this kind name files.
  fileprivate var holdsPaths: Bool {
    switch self {
    case .path: true
    case .list(let element), .map(let element): element.holdsPaths
    case .bool, .int, .double, .size, .string, .scalar, .word, .choice: false
    }
  }

  private func bounds(_ lower: String?, _ upper: String?, isAboveZero: Bool = false) -> String {
    switch (lower, upper) {
    case (_, let upper) where isAboveZero: " above 0" + (upper.map { " and up to \($0)" } ?? "")
    case (let lower?, let upper?): " from \(lower) to \(upper)"
    case (let lower?, nil): " of at least \(lower)"
    case (nil, let upper?): " of at most \(upper)"
    case (nil, nil): ""
    }
  }

  /// Without the `.0` of a whole number.
  private func decimal(_ number: Double) -> String {
    let text = "\(number)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}

extension Value {
  fileprivate init(_ hint: CatalogEntry.Hint) {
    switch hint {
    case .text(let text): self = .string(text)
    case .number(let number): self = .int(number)
    }
  }
}
