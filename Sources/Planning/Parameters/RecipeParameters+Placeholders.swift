import RecipeSyntax
import StageKit

extension RecipeParameters {
  /// The sweeps on which what `node` says depends, by the parameters that it uses.
  func sweeps(in node: Node) -> Set<Int> {
    switch node.content {
    case .scalar(let scalar):
      scalar.placeholders.reduce(into: []) { $0.formUnion((parameter($1) ?? nil)?.sweeps ?? []) }
    case .sequence(let nodes): nodes.reduce(into: []) { $0.formUnion(sweeps(in: $1)) }
    case .mapping(let entries): entries.reduce(into: []) { $0.formUnion(sweeps(in: $1.value)) }
    }
  }

  /// How many values `node` has at most once those of the parameters that it uses are put in.
  func size(of node: Node) -> Int {
    switch node.content {
    case .scalar(let scalar):
      scalar.placeholders.reduce(1) { max($0, (parameter($1) ?? nil)?.size ?? 1) }
    case .sequence(let nodes): nodes.reduce(1) { $0 + size(of: $1) }
    case .mapping(let entries): entries.reduce(1) { $0 + size(of: $1.value) }
    }
  }

  /// How long a text may become when values are put into it.
  private static let textLimit = 10_000

  /// `node` with every `${name}` in its values replaced by what it is at `point`; keys stay as they are. A scalar that
  /// is one `${name}` and nothing else becomes the parameter's value with its type; elsewhere the value's text is put
  /// in. `$${` is a `${` that stays. Nil where that fails.
  func applied(to node: Node, at point: Point, into problems: inout Problems) -> Node? {
    switch node.content {
    case .scalar(let scalar): return applied(to: scalar, of: node, at: point, into: &problems)
    case .sequence(let nodes):
      let made = nodes.map { applied(to: $0, at: point, into: &problems) }
      guard !made.contains(where: { $0 == nil }) else { return nil }
      return Node(.sequence(made.compactMap(\.self)), at: node.location, notes: node.notes)
    case .mapping(let entries):
      let made = entries.map { entry in
        applied(to: entry.value, at: point, into: &problems).map { Entry(key: entry.key, value: $0) }
      }
      guard !made.contains(where: { $0 == nil }) else { return nil }
      return Node(.mapping(made.compactMap(\.self)), at: node.location, notes: node.notes)
    }
  }

  private func applied(
    to scalar: Scalar, of node: Node, at point: Point, into problems: inout Problems
  ) -> Node? {
    guard scalar.text.utf8.contains(UInt8(ascii: "$")) else { return node }
    var text = ""
    var origin: Diagnostic.Note?
    for piece in scalar.pieces {
      switch piece {
      case .text(let plain): text += plain
      case .unclosed(let name):
        problems.report(
          "'${' has no '}'", at: node.location,
          hint: (name.isEmpty ? "" : "close it: ${\(name)}, or ") + "write $${ for the text '${'", notes: node.notes)
        return nil
      case .placeholder(""):
        problems.report("a name is missing between { and }", at: node.location, notes: node.notes)
        return nil
      case .placeholder(let name):
        guard let definition = definition(name, at: point, for: node.location, into: &problems) else { return nil }
        if scalar.text.utf8.count == name.utf8.count + 3 {
          return definition.node.used(at: node.location, from: definition.origin)
        }
        guard let piece = definition.node.scalar, !piece.isNull else {
          problems.report(
            definition.node.isNull
              ? "'\(name)' has no value to put into a text"
              : "'${\(name)}' is \(definition.value.typeName) and has no place inside a text",
            at: node.location, notes: [definition.origin])
          return nil
        }
        text += piece.text
        origin = origin ?? definition.origin
        guard text.utf8.count <= Self.textLimit else {
          problems.report(
            "the text grows beyond \(Self.textLimit) letters here", at: node.location, notes: [definition.origin])
          return nil
        }
      }
    }
    return Node(.scalar(Scalar(text, isPlain: false)), at: node.location, notes: origin.map { [$0] } ?? node.notes)
  }

  private func definition(
    _ name: String, at point: Point, for location: SourceLocation, into problems: inout Problems
  ) -> Definition? {
    if problems.isFull { return nil }
    if let parameter = parameter(name) { return parameter?.definitions[point.along(parameter?.sweeps ?? [])] }
    let suggestion = Suggestion.nearest(to: name, in: knownNames)
    let hint =
      name.contains(".")
      ? "it stands for a parameter of a recipe that a stage above uses" : "declare it: 'params: {\(name): value}'"
    problems.report(
      "unknown parameter '${\(name)}'", at: location, suggestion: suggestion.map { "${\($0)}" },
      hint: suggestion == nil ? hint : nil)
    return nil
  }
}
