import RecipeSyntax
import StageKit

/// One value of a parameter, and where it is from.
struct Definition {
  let value: Value
  /// The value as written, for the places that use it.
  let node: Node
  /// Where a message about a use points back to.
  let origin: Diagnostic.Note
}

/// A parameter as `params` declares it, before the command line or a recipe that uses this one has had its say.
struct ParameterDraft {
  enum Form {
    /// `{type: text}`: whoever runs or uses the recipe gives the value.
    case required
    case one(Definition)
    case sweep([Definition])
  }

  let name: Name
  /// A value of the type that the parameter has.
  let sample: Value
  var form: Form
  /// Where it is declared.
  let origin: Diagnostic.Note

  private static func origin(_ name: Name, _ node: Node) -> Diagnostic.Note {
    let isRequired = node.mapping?.first?.key.text == "type"
    return .init(
      isRequired ? "'\(name.text)' is declared here" : "the value of '\(name.text)' is from here", at: node.location)
  }

  /// The types that a parameter without a value can be declared to have.
  private static let types: [(word: String, sample: Value)] = [
    ("text", .string("")), ("integer", .int(0)), ("number", .double(0)), ("boolean", .bool(false)), ("list", .list([])),
  ]

  /// Nil after reporting what is wrong with the declaration; that its name cannot be one has been reported.
  init?(_ entry: Entry, into problems: inout Problems) {
    name = entry.key
    guard name.isIdentifier else { return nil }
    origin = Self.origin(entry.key, entry.value)
    guard let entries = entry.value.mapping else {
      guard let value = Self.value(entry.value, of: name.text, into: &problems) else { return nil }
      (sample, form) = (value, .one(Definition(value: value, node: entry.value, origin: origin)))
      return
    }
    switch entries.first?.key.text {
    case "sweep" where entries.count == 1:
      guard let sweep = Self.sweep(entries[0].value, of: name.text, into: &problems) else { return nil }
      (sample, form) = (sweep[0].value, .sweep(sweep))
    case "type" where entries.count == 1:
      let word = entries[0].value.scalar?.text ?? ""
      guard let type = Self.types.first(where: { $0.word == word }) else {
        let words = Self.types.map(\.word)
        problems.report(
          "unknown type of parameter '\(name.text)': \(entries[0].value.summary)", at: entries[0].value.location,
          suggestion: Suggestion.nearest(to: word, in: words), hint: "the types are " + words.joined(separator: ", "))
        return nil
      }
      (sample, form) = (type.sample, .required)
    default:
      problems.report(
        "parameter '\(name.text)' must be a value, a list of values, or a sweep, not \(entry.value.summary)",
        at: entry.value.location, hint: "write {sweep: [a, b]} to try several values, or {type: text} to demand one")
      return nil
    }
  }

  /// The values of a sweep; at least one.
  private static func sweep(_ node: Node, of name: String, into problems: inout Problems) -> [Definition]? {
    guard let nodes = node.sequence, !nodes.isEmpty else {
      problems.report(
        "the sweep of '\(name)' must be a list of values, not \(node.sequence == nil ? node.summary : "an empty one")",
        at: node.location, hint: "write {sweep: [300, 400, 500]}")
      return nil
    }
    let definitions = nodes.map { node in
      value(node, of: name, into: &problems).map {
        Definition(value: $0, node: node, origin: .init("the value of '\(name)' is from here", at: node.location))
      }
    }
    return definitions.contains { $0 == nil } ? nil : definitions.compactMap(\.self)
  }

  private static func value(_ node: Node, of name: String, into problems: inout Problems) -> Value? {
    switch node.content {
    case .mapping:
      problems.report("parameter '\(name)' must be a value or a list of values, not a mapping", at: node.location)
      return nil
    case .sequence(let nodes):
      let values = nodes.map { value($0, of: name, into: &problems) }
      return values.contains(nil) ? nil : .list(values.compactMap(\.self))
    case .scalar(let scalar):
      if scalar.text.contains("${") {
        problems.report(
          "the value of a parameter cannot use another parameter", at: node.location,
          hint: "use both where they are needed: \"${a} ${b}\"")
        return nil
      }
      return scalar.value
    }
  }
}

// MARK: - Values given anew

extension ParameterDraft {
  /// Replaces the value by what the command line says: nil, or what is wrong with that. A swept parameter becomes a
  /// single value, or, for a list `[a, b]`, another sweep.
  mutating func set(_ text: String, at place: SourceLocation) -> String? {
    guard isSweep && text.hasPrefix("[") || sample.list != nil else { return set(scalar: text, at: place) }
    guard let nodes = Self.list(text) else {
      return text.hasPrefix("[") && !text.hasSuffix("]") ? "'\(text)' is not a closed list" : "'\(text)' is not"
    }
    return set(nodes, written: text, at: place)
  }

  /// The same by what a profile says, a scalar or a list of scalars.
  mutating func set(_ node: Node) -> String? {
    let text = node.listing ?? node.summary
    if let scalar = node.scalar, sample.list == nil { return set(scalar: scalar.text, at: node.location) }
    guard let nodes = node.sequence, isSweep || sample.list != nil else { return "'\(text)' is not" }
    return set(nodes, written: text, at: node.location)
  }

  /// Whether it is swept, so that a list of values is another sweep.
  private var isSweep: Bool { if case .sweep = form { sample.list == nil } else { false } }

  private func definition(_ typed: Typed, at place: SourceLocation) -> Definition {
    Definition(value: typed.value, node: typed.node, origin: .init("'\(name.text)' is set here", at: place))
  }

  private mutating func set(scalar text: String, at place: SourceLocation) -> String? {
    let node = Node(.scalar(Scalar(text, isPlain: sample.string == nil)), at: place)
    guard let typed = Self.typed(node, like: sample, at: place) else { return "'\(text)' is not" }
    form = .one(definition(typed, at: place))
    return nil
  }

  private mutating func set(_ nodes: [Node], written text: String, at place: SourceLocation) -> String? {
    let isSweep = isSweep
    if isSweep, nodes.isEmpty { return "the list '\(text)' is empty" }
    var values: [Typed] = []
    for node in nodes {
      let like = isSweep ? sample : sample.element
      guard let typed = Self.typed(node, like: like, at: place) else {
        let element = node.scalar.map { "'\($0.text)'" } ?? node.summary
        return "\(element) in '\(text)' is not \(like?.typeName ?? "a value")"
      }
      values.append(typed)
    }
    form =
      isSweep
      ? .sweep(values.map { definition($0, at: place) })
      : .one(definition((.list(values.map(\.value)), Node(.sequence(values.map(\.node)), at: place)), at: place))
    return nil
  }

  /// `node` as a value of the parameter's type, given by a recipe that uses this one; nil where it is none.
  func argument(_ node: Node) -> Definition? {
    let typed = Self.typed(node, like: sample, at: node.location)
    let origin = node.notes.first ?? Diagnostic.Note("'\(name.text)' is given here", at: node.location)
    return typed.map { Definition(value: $0.value, node: $0.node, origin: origin) }
  }

  private typealias Typed = (value: Value, node: Node)

  /// The elements of a list on the command line; nil where it is none.
  private static func list(_ text: String) -> [Node]? {
    var ignored = Problems()
    let node = try? NodeReader.read(SourceText(file: "--set", text: text), into: &ignored)
    return ignored.isEmpty ? node?.sequence : nil
  }

  /// `node` as a value of the type that `old` has, at another place; nil where it is none.
  private static func typed(_ node: Node, like old: Value?, at place: SourceLocation) -> Typed? {
    switch (old, node.content) {
    case (.list?, .sequence(let nodes)), (nil, .sequence(let nodes)):
      // A list of values of one type stays that.
      let element = old?.element
      let made = nodes.map { typed($0, like: element, at: place) }
      guard !made.contains(where: { $0 == nil }) else { return nil }
      let pairs = made.compactMap(\.self)
      return (.list(pairs.map(\.value)), Node(.sequence(pairs.map(\.node)), at: place))
    case (.string?, .scalar(let scalar)):
      return (.string(scalar.text), Node(.scalar(Scalar(scalar.text, isPlain: false)), at: place))
    case (.double?, .scalar(let scalar)):
      guard let number = scalar.value.double else { return nil }
      return (.double(number), Node(.scalar(scalar), at: place))
    case (.bool?, .scalar(let scalar)) where scalar.value.bool != nil,
      (.int?, .scalar(let scalar)) where scalar.value.int != nil,
      (.null?, .scalar(let scalar)), (nil, .scalar(let scalar)):
      return (scalar.value, Node(.scalar(scalar), at: place))
    default:
      return nil
    }
  }
}

extension Node {
  /// A scalar, or a list of scalars, as a line says it; nil for anything else.
  var listing: String? {
    if let scalar { return scalar.text }
    let texts = sequence?.map { $0.scalar?.text } ?? [nil]
    return texts.contains(nil) ? nil : "[" + texts.compactMap(\.self).joined(separator: ", ") + "]"
  }
}
