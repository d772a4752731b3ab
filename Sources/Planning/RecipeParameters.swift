import OrderedCollections
import RecipeSyntax
import StageKit

/// The parameters of a recipe with their effective values, and their use in texts.
struct RecipeParameters {
  private struct Definition {
    let value: Value
    /// The value as written, for the places that use it.
    let node: Node
    /// Where a message about a use points back to.
    let origin: Diagnostic.Note
  }

  /// In the recipe's order. A parameter whose own value is wrong has none, so that its uses are not wrong as well.
  private var definitions: OrderedDictionary<String, Definition?> = [:]
  private(set) var overlays: [String: Value] = [:]

  var values: OrderedDictionary<String, Value> { definitions.compactMapValues { $0?.value } }

  /// The text that stands for the command line in messages: a line for each `--set`.
  static func overlaySource(_ overlays: [String]) -> SourceText {
    SourceText(file: "--set", text: overlays.map { $0.replacing("\n", with: " ") }.joined(separator: "\n"))
  }

  init(_ entries: [Entry], overlays: [String], into problems: inout Problems) {
    for entry in entries { definitions[entry.key.text] = Self.definition(entry, into: &problems) }
    for (index, overlay) in overlays.enumerated() { set(overlay, line: index + 1, into: &problems) }
  }

  // MARK: Definitions

  private static func definition(_ entry: Entry, into problems: inout Problems) -> Definition? {
    let name = entry.key
    guard name.isIdentifier else {
      problems.report(
        "'\(name.text)' cannot name a parameter", at: name.location,
        hint: "names are made of letters, digits, '_' and '-', and start with a letter")
      return nil
    }
    guard let value = value(entry.value, of: name.text, into: &problems) else { return nil }
    return Definition(
      value: value, node: entry.value,
      origin: .init("the value of '\(name.text)' is from here", at: entry.value.location))
  }

  private static func value(_ node: Node, of name: String, into problems: inout Problems) -> Value? {
    switch node.content {
    case .mapping(let entries):
      if entries.contains(where: { ["sweep", "zip"].contains($0.key.text) }) {
        problems.report(
          "sweeps are not supported yet: '\(name)' must be one value, or one list", at: node.location,
          hint: "run the recipe once for each value, with --set \(name)=value")
      } else {
        problems.report("parameter '\(name)' must be a value or a list of values, not a mapping", at: node.location)
      }
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

  // MARK: --set

  private mutating func set(_ overlay: String, line: Int, into problems: inout Problems) {
    let start = SourceLocation(file: "--set", line: line, column: 1)
    guard let equals = overlay.firstIndex(of: "=") else {
      problems.report("'--set \(overlay)' gives no value", at: start, hint: "write --set name=value")
      return
    }
    let name = String(overlay[..<equals])
    let text = String(overlay[overlay.index(after: equals)...])
    guard let definition = definitions[name] else {
      let suggestion = Suggestion.nearest(to: name, in: definitions.keys)
      let known =
        definitions.keys.isEmpty
        ? "the recipe has no parameters" : "its parameters are " + definitions.keys.joined(separator: ", ")
      problems.report(
        "the recipe has no parameter '\(name)'", at: start, suggestion: suggestion,
        hint: suggestion == nil ? known : nil)
      return
    }
    guard overlays[name] == nil else {
      problems.report("'\(name)' is set twice", at: start)
      return
    }
    guard let definition else { return }
    let place = SourceLocation(file: "--set", line: line, column: name.unicodeScalars.count + 2)
    guard let (value, node) = Self.typed(text, like: definition.value, at: place) else {
      problems.report(
        "'\(name)' is \(definition.value.typeName) in the recipe, and '\(text)' is not", at: place,
        hint: definition.value.int != nil && Double(text) != nil
          ? "to allow fractions, give it one in the recipe: \(definition.value.text).0" : nil,
        note: definition.origin)
      return
    }
    overlays[name] = value
    definitions[name] = Definition(value: value, node: node, origin: .init("'\(name)' is set here", at: place))
  }

  /// `text` as a value of the type that `old` has; nil where it is none.
  private static func typed(_ text: String, like old: Value, at place: SourceLocation) -> (Value, Node)? {
    switch old {
    case .string:
      return (.string(text), Node(.scalar(Scalar(text, isPlain: false)), at: place))
    case .list(let elements):
      var ignored = Problems()
      guard let list = try? NodeReader.read(SourceText(file: "--set", text: text), into: &ignored), ignored.isEmpty
      else { return nil }
      return typed(list, like: .list(elements), at: place)
    default:
      return typed(Node(.scalar(Scalar(text, isPlain: true)), at: place), like: old, at: place)
    }
  }

  private static func typed(_ node: Node, like old: Value?, at place: SourceLocation) -> (Value, Node)? {
    switch (old, node.content) {
    case (.list(let elements)?, .sequence(let nodes)):
      // A list of values of one type stays that.
      let typeNames = Set(elements.map(\.typeName))
      let made = nodes.map { typed($0, like: typeNames.count == 1 ? elements.first : nil, at: place) }
      guard !made.contains(where: { $0 == nil }) else { return nil }
      let pairs = made.compactMap(\.self)
      return (.list(pairs.map(\.0)), Node(.sequence(pairs.map(\.1)), at: place))
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

  // MARK: Use

  /// `node` with every `${name}` in its values replaced; keys stay as they are. A scalar that is one `${name}` and
  /// nothing else becomes the parameter's value with its type; elsewhere the value's text is put in. `$${` is a `${`
  /// that stays. Nil where that fails.
  func applied(to node: Node, into problems: inout Problems) -> Node? {
    switch node.content {
    case .scalar(let scalar): return applied(to: scalar, of: node, into: &problems)
    case .sequence(let nodes):
      let made = nodes.map { applied(to: $0, into: &problems) }
      guard !made.contains(where: { $0 == nil }) else { return nil }
      return Node(.sequence(made.compactMap(\.self)), at: node.location, origin: node.origin)
    case .mapping(let entries):
      let made = entries.map { entry in
        applied(to: entry.value, into: &problems).map { Entry(key: entry.key, value: $0) }
      }
      guard !made.contains(where: { $0 == nil }) else { return nil }
      return Node(.mapping(made.compactMap(\.self)), at: node.location, origin: node.origin)
    }
  }

  private func applied(to scalar: Scalar, of node: Node, into problems: inout Problems) -> Node? {
    guard scalar.text.utf8.contains(UInt8(ascii: "$")) else { return node }
    var text = ""
    var rest = scalar.text[...]
    while let start = rest.firstRange(of: "${") {
      if rest[..<start.lowerBound].hasSuffix("$") {
        text += rest[..<start.lowerBound].dropLast() + "${"
        rest = rest[start.upperBound...]
        continue
      }
      text += rest[..<start.lowerBound]
      guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
        problems.report("'${' has no '}'", at: node.location, hint: "write $${ for the text '${'")
        return nil
      }
      let name = String(rest[start.upperBound..<end])
      guard let definition = definition(name, at: node.location, into: &problems) else { return nil }
      if text.isEmpty, rest.startIndex == scalar.text.startIndex, rest.index(after: end) == rest.endIndex {
        return definition.node.used(at: node.location, from: definition.origin)
      }
      guard let piece = definition.node.scalar, !piece.isNull else {
        problems.report(
          "'${\(name)}' is \(definition.value.typeName) and has no place inside a text", at: node.location,
          note: definition.origin)
        return nil
      }
      text += piece.text
      rest = rest[rest.index(after: end)...]
    }
    return Node(.scalar(Scalar(text + rest, isPlain: false)), at: node.location, origin: node.origin)
  }

  private func definition(_ name: String, at location: SourceLocation, into problems: inout Problems) -> Definition? {
    if let definition = definitions[name] { return definition }
    let suggestion = Suggestion.nearest(to: name, in: definitions.keys)
    problems.report(
      "unknown parameter '${\(name)}'", at: location, suggestion: suggestion.map { "${\($0)}" },
      hint: suggestion == nil ? "declare it: 'params: {\(name): value}'" : nil)
    return nil
  }
}

extension Scalar {
  var value: Value {
    switch meaning {
    case .null: .null
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    case .string: .string(text)
    }
  }
}

extension Value {
  /// The type for people, with its article.
  var typeName: String {
    switch self {
    case .null: "nothing"
    case .bool: "true or false"
    case .int: "a whole number"
    case .double: "a number"
    case .string: "a text"
    case .list: "a list"
    case .map: "a mapping"
    }
  }
}
