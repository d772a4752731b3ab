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
  /// A value of the type that the parameter has; null where the values of its sweep are of several.
  let sample: Value
  /// Whether it is declared as a sweep: whatever it is set to, it has an axis.
  let isSwept: Bool
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
      let node = entry.value.literal(into: &problems) ?? entry.value
      sample = value
      isSwept = false
      form = .one(Definition(value: value, node: node, origin: origin))
      return
    }
    switch entries.first?.key.text {
    case "sweep" where entries.count == 1:
      guard let sweep = Self.sweep(entries[0].value, of: name.text, into: &problems) else { return nil }
      sample = Self.sample(of: sweep.map(\.value))
      isSwept = true
      form = .sweep(sweep)
    case "type" where entries.count == 1:
      let word = entries[0].value.scalar?.text ?? ""
      guard let type = Self.types.first(where: { $0.word == word }) else {
        let words = Self.types.map(\.word)
        problems.report(
          "unknown type of parameter '\(name.text)': \(entries[0].value.summary)", at: entries[0].value.location,
          suggestion: Suggestion.nearest(to: word, in: words), hint: "the types are " + words.joined(separator: ", "))
        return nil
      }
      sample = type.sample
      isSwept = false
      form = .required
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
    let definitions = nodes.map { node -> Definition? in
      guard let value = value(node, of: name, into: &problems), let literal = node.literal(into: &problems) else {
        return nil
      }
      return Definition(
        value: value, node: literal, origin: .init("the value of '\(name)' is from here", at: node.location))
    }
    return definitions.contains { $0 == nil } ? nil : definitions.compactMap(\.self)
  }

  /// What all values of a sweep are like: the first; a fraction among whole numbers makes all of them numbers.
  private static func sample(of values: [Value]) -> Value {
    let numbers = values.compactMap(\.double)
    if numbers.count == values.count { return values.first { $0.int == nil } ?? values[0] }
    return values.allSatisfy { $0.typeName == values[0].typeName || $0.list != nil && values[0].list != nil }
      ? values[0] : .null
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
      guard let literal = node.literal(into: &problems)?.scalar else { return nil }
      guard scalar.value.double?.isFinite ?? true else {
        problems.report(
          "the value of parameter '\(name)' must be a finite number, not \(scalar.text)", at: node.location)
        return nil
      }
      return literal.value
    }
  }
}

// MARK: - Values given anew

extension ParameterDraft {
  /// Replaces the value by what the command line says: nil, or what is wrong with that. A swept parameter becomes a
  /// sweep of a single value, or, for a list `[a, b]`, another sweep.
  mutating func set(_ text: String, at place: SourceLocation) -> String? {
    let isList = text.utf8.first == UInt8(ascii: "[")
    guard isSwept && isList || sample.list != nil else {
      let isPlain = sample.string == nil
      // Among values of several types, quotes tell a text from what it reads like.
      let text =
        isPlain && isSwept ? Value(quoted: text).map { ($0.string ?? text, false) } ?? (text, true) : (text, isPlain)
      return set(Node(.scalar(Scalar(text.0, isPlain: text.1)), at: place), writtenAs: text.0)
    }
    guard let nodes = Self.list(text) else {
      return isList && text.utf8.last != UInt8(ascii: "]") ? "'\(text)' is not a closed list" : "'\(text)' is not"
    }
    return set(Node(.sequence(nodes), at: place), writtenAs: text)
  }

  /// The same by what a profile or a record says.
  /// - Parameter text: as it is written, for errors.
  mutating func set(_ node: Node, writtenAs text: String) -> String? {
    let place = node.location
    guard let nodes = node.sequence, isSwept || sample.list != nil else {
      guard let typed = Self.typed(node, like: sample, at: place) else { return "'\(text)' is not" }
      let definition = definition(typed, at: place)
      form = isSwept ? .sweep([definition]) : .one(definition)
      return nil
    }
    if nodes.isEmpty, isSwept { return "the list '\(text)' is empty" }
    // Where the values themselves are lists, one list is one value.
    let isSweep = isSwept && (sample.list == nil || nodes.allSatisfy { $0.sequence != nil })
    let like = isSweep ? (sample == .null ? nil : sample) : sample.element
    var values: [Typed] = []
    for node in nodes {
      guard let typed = Self.typed(node, like: like, at: place) else {
        let element = node.scalar.map { "'\($0.text)'" } ?? node.summary
        return "\(element) in '\(text)' is not \(like?.typeName ?? "a value")"
      }
      values.append(typed)
    }
    if isSweep {
      form = .sweep(values.map { definition($0, at: place) })
    } else {
      let whole = definition((.list(values.map(\.value)), Node(.sequence(values.map(\.node)), at: place)), at: place)
      form = isSwept ? .sweep([whole]) : .one(whole)
    }
    return nil
  }

  private func definition(_ typed: Typed, at place: SourceLocation) -> Definition {
    Definition(value: typed.value, node: typed.node, origin: .init("'\(name.text)' is set here", at: place))
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
    case (_, .scalar(let scalar)) where !(scalar.value.double?.isFinite ?? true) && old?.string == nil:
      return nil
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
  /// A value as a node of its own.
  init(_ value: Value, at place: SourceLocation) {
    switch value {
    case .list(let values): self.init(.sequence(values.map { Node($0, at: place) }), at: place)
    case .map(let entries):
      self.init(
        .mapping(entries.map { Entry(key: Name($0.key, at: place), value: Node($0.value, at: place)) }), at: place)
    case .string(let text): self.init(.scalar(Scalar(text, isPlain: false)), at: place)
    case .null, .bool, .int, .double: self.init(.scalar(Scalar(value.spelling, isPlain: true)), at: place)
    }
  }

  /// The node with what stands in its texts for `$`; nil after reporting that it uses parameters, which what is given
  /// to a parameter cannot.
  func literal(into problems: inout Problems) -> Node? {
    switch content {
    case .scalar(let scalar):
      guard let literal = scalar.literal else {
        problems.report(
          "the value of a parameter cannot use another parameter", at: location,
          hint: "use both where they are needed: \"${a} ${b}\"")
        return nil
      }
      return Node(.scalar(literal), at: location, notes: notes)
    case .sequence(let nodes):
      let made = nodes.map { $0.literal(into: &problems) }
      return made.contains { $0 == nil } ? nil : Node(.sequence(made.compactMap(\.self)), at: location, notes: notes)
    case .mapping: return self
    }
  }

  /// A scalar, or a list of scalars, as a line says it; nil for anything else.
  var listing: String? {
    if let scalar { return scalar.text }
    let texts = sequence?.map { $0.scalar?.text } ?? [nil]
    return texts.contains(nil) ? nil : "[" + texts.compactMap(\.self).joined(separator: ", ") + "]"
  }
}
