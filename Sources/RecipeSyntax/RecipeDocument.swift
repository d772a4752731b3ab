/// A recipe as it is written: the parts are in place, but no name in it has been looked up.
package struct RecipeDocument: Sendable {
  package let name: String
  package let description: String?
  /// `inputs`: names to what a recipe that uses this one has to give.
  package let inputs: [Entry]
  /// `params`: names to values that are not yet known to be fit.
  package let parameters: [Entry]
  /// `profiles`: names to values for parameters, taken together by name.
  package let profiles: [(name: Name, entries: [Entry])]
  /// `zip`: swept parameters that go together, in groups.
  package let zips: [[Name]]
  package let stages: [StageSyntax]
  /// `outputs`: references by name, an unnamed one by its own text; nil where it is left out.
  package let outputs: [Entry]?
}

/// A stage as it is written.
package struct StageSyntax: Sendable {
  package let name: Name
  package let description: String?
  /// `expect`: measures to comparisons.
  package let expectations: [Entry]
  /// What stands there besides: the kind with its parameters, if the stage is right.
  package let contents: [Entry]

  package init(name: Name, description: String? = nil, expectations: [Entry] = [], contents: [Entry]) {
    self.name = name
    self.description = description
    self.expectations = expectations
    self.contents = contents
  }
}

extension RecipeDocument {
  package static let keys = ["recipe", "description", "inputs", "params", "profiles", "zip", "stages", "outputs"]

  /// Takes a recipe's tree apart. What is wrong with a part is reported, and the part left out.
  package init(_ root: Node, into problems: inout Problems) {
    var name: String?
    var description: String?
    var inputs: [Entry] = []
    var parameters: [Entry] = []
    var profiles: [(name: Name, entries: [Entry])] = []
    var zips: [[Name]] = []
    var stages: [StageSyntax]?
    var outputs: [Entry]?
    let example = "a recipe starts with 'recipe: name', and then has 'stages:'"
    for entry in root.entries("a recipe", hint: example, into: &problems) {
      switch entry.key.text {
      case "recipe": name = entry.value.name("'recipe'", into: &problems)
      case "description": description = entry.text(into: &problems)
      case "params":
        parameters = entry.value.entries("'params'", hint: "write 'name: value' lines below it", into: &problems)
      case "stages":
        let hint = "write 'name: {kind: {…}}' lines below it"
        stages = entry.value.entries("'stages'", hint: hint, into: &problems).map { StageSyntax($0, into: &problems) }
      case "outputs": outputs = Self.references(entry.value, into: &problems)
      case "inputs":
        inputs = entry.value.entries("'inputs'", hint: "write 'name: type' lines below it", into: &problems)
      case "profiles":
        profiles = entry.value.entries("'profiles'", hint: "write 'ci: {count: 8}' lines below it", into: &problems)
          .map { profile in
            _ = profile.key.isFit(toName: "a profile", into: &problems)
            let subject = "profile '\(profile.key.text)'"
            return (
              profile.key, profile.value.entries(subject, hint: "write 'name: value' lines below it", into: &problems)
            )
          }
      case "zip": zips = Self.groups(entry.value, into: &problems)
      default:
        let suggestion = Suggestion.nearest(to: entry.key.text, in: Self.keys)
        problems.report(
          "unknown key '\(entry.key.text)' in a recipe", at: entry.key.location, suggestion: suggestion,
          hint: suggestion == nil ? "a recipe has " + Self.keys.joined(separator: ", ") : nil)
      }
    }
    if let entries = root.mapping {
      let slips = entries.compactMap { Suggestion.nearest(to: $0.key.text, in: Self.keys) }
      for required in ["recipe", "stages"] where !slips.contains(required) {
        guard !entries.contains(where: { $0.key.text == required }) else { continue }
        problems.report("the recipe has no '\(required)'", at: root.location, hint: example)
      }
    }
    if let stages, stages.isEmpty, problems.isEmpty {
      problems.report("the recipe has no stages", at: root.location, hint: example)
    }
    self.name = name ?? ""
    self.description = description
    self.inputs = inputs
    self.parameters = parameters
    self.profiles = profiles
    self.zips = zips
    self.stages = stages ?? []
    self.outputs = outputs
  }

  /// The entries of a mapping, or the elements of a list; anything else stands for itself.
  private static func references(_ node: Node, into problems: inout Problems) -> [Entry] {
    for entry in node.mapping ?? [] { _ = entry.key.isFit(toName: "an output", into: &problems) }
    return node.mapping
      ?? (node.sequence ?? [node]).map { Entry(key: Name($0.scalar?.text ?? "", at: $0.location), value: $0) }
  }

  /// `[a, b]` is one group, `[[a, b], [c, d]]` are two.
  private static func groups(_ node: Node, into problems: inout Problems) -> [[Name]] {
    let nodes = node.sequence ?? [node]
    let groups = nodes.contains { $0.sequence != nil } ? nodes.map { $0.sequence ?? [$0] } : [nodes]
    for group in groups where group.count < 2 || group.contains(where: { $0.scalar?.isNull ?? true }) {
      problems.report(
        "'zip' must list two or more parameters that are swept together", at: group.first?.location ?? node.location,
        hint: "write zip: [a, b], or zip: [[a, b], [c, d]]")
      return []
    }
    return groups.map { $0.compactMap { node in node.scalar.map { Name($0.text, at: node.location) } } }
  }
}

extension StageSyntax {
  fileprivate init(_ entry: Entry, into problems: inout Problems) {
    name = entry.key
    _ = name.isFit(toName: "a stage", into: &problems)
    var description: String?
    var expectations: [Entry] = []
    var contents: [Entry] = []
    let form = "write \(name.text): {kind: {…}}"
    for part in entry.value.entries("stage '\(name.text)'", hint: form, into: &problems) {
      switch part.key.text {
      case "description": description = part.text(into: &problems)
      case "expect":
        let hint = "write expect: {measure: \"> 0.15\"}"
        expectations = part.value.entries("'expect'", hint: hint, into: &problems)
      default: contents.append(part)
      }
    }
    if entry.value.mapping != nil || entry.value.isNull, contents.isEmpty {
      problems.report("stage '\(name.text)' has no kind", at: name.location, hint: form)
    }
    self.description = description
    self.expectations = expectations
    self.contents = contents
  }
}

extension Node {
  /// The entries of a mapping; what is none is reported, except that nothing at all is an empty one.
  package func entries(_ subject: String, hint: String, into problems: inout Problems) -> [Entry] {
    if let mapping { return mapping }
    if !isNull {
      problems.report("\(subject) must be a mapping, not \(summary)", at: location, hint: hint, notes: notes)
    }
    return []
  }

  /// The text of a scalar that is a name.
  fileprivate func name(_ subject: String, into problems: inout Problems) -> String? {
    if let text = scalar?.text, Name.isIdentifier(text) { return text }
    problems.report(
      "\(subject) must be a name, not \(summary)", at: location,
      hint: Name.rule)
    return nil
  }
}

extension Entry {
  /// The text of a scalar value; nil where it is null.
  fileprivate func text(into problems: inout Problems) -> String? {
    guard let scalar = value.scalar else {
      problems.report("'\(key.text)' must be a text, not \(value.summary)", at: value.location)
      return nil
    }
    return scalar.isNull ? nil : scalar.text
  }
}
