import RecipeSyntax

/// What a stage that uses a recipe says, checked against what that recipe declares.
struct RecipeInvocation {
  let name: Name
  let file: RecipeFile
  /// Whether it says how often, be it once.
  private(set) var isRepeated = false
  /// Nil where what it says is wrong.
  private(set) var rounds: Int? = 1
  /// Inputs to the outputs of the round before.
  private(set) var carry: [(input: RecipeFile.Input, output: Name)] = []
  private(set) var inputs: [(input: RecipeFile.Input, node: Node)] = []
  private(set) var parameters: [Entry] = []
  /// Inputs and parameters that it means to give, but by a wrong name or in a wrong way.
  private(set) var slips: Set<String> = []

  init(_ name: Name, _ entries: [Entry], file: RecipeFile, scope: Scope, into problems: inout Problems) {
    self.name = name
    self.file = file
    let known = Dictionary(file.inputs.map { ($0.name.text, $0) }) { first, _ in first }
    let parameterNames = Set(file.document.parameters.map(\.key.text))
    var given: Set<String> = []
    var written: Entry?
    for entry in entries where !problems.isFull {
      let key = entry.key.text
      switch key {
      case "recipe": continue
      case "repeat":
        isRepeated = true
        rounds = Self.rounds(entry.value, scope: scope, into: &problems)
      case "carry": written = entry
      case _ where known[key] == nil && parameterNames.contains(key): parameters.append(entry)
      default:
        guard let input = known[key] else {
          reportUnknown(entry.key, into: &problems)
          continue
        }
        if entry.value.isNull || input.type == nil { continue }
        if !scope.isAbsent(entry.value) {
          given.insert(key)
          inputs.append((input, entry.value))
        } else if !input.isOptional {
          slips.insert(key)
          Scope.reportAbsent(entry.value, for: subject(of: input), into: &problems)
        }
      }
    }
    for input in file.inputs where !input.isOptional && !given.contains(input.name.text) {
      guard let type = input.type, !slips.contains(input.name.text) else { continue }
      problems.report(
        "'\(name.text)' needs the input '\(input.name.text)' (\(type.rawValue))", at: name.location,
        notes: [.init("declared here", at: input.name.location)])
    }
    if isRepeated, written?.value.isEmpty ?? true {
      problems.report(
        "'\(name.text)' repeats a recipe without 'carry'", at: written?.key.location ?? name.location,
        hint: "say which output becomes which input of the next round: carry: {images: result}")
    } else if let written {
      carry = carried(written.value, inputs: known, into: &problems)
      if !isRepeated {
        problems.report(
          "'carry' of '\(name.text)' needs 'repeat'", at: written.key.location, hint: "say how often: repeat: 3")
      }
    }
  }

  /// An input as an error says it.
  func subject(of input: RecipeFile.Input) -> String { "'\(input.name.text)' of '\(name.text)'" }

  /// How many values it gives for parameters, at all places of sweeps.
  func size(of own: RecipeParameters, along sweeps: Sweeps) -> Int {
    parameters.reduce(0) { $0 + own.size(of: $1.value) * (sweeps.count(along: own.sweeps(in: $1.value)) ?? 0) }
  }

  private mutating func reportUnknown(_ key: Name, into problems: inout Problems) {
    let names = file.inputs.map(\.name.text) + file.document.parameters.map(\.key.text)
    let suggestion = Suggestion.nearest(to: key.text, in: names)
    if let suggestion { slips.insert(suggestion) }
    let known = names.isEmpty ? "it takes nothing" : "it takes " + Suggestion.list(names)
    problems.report(
      "the recipe '\(file.document.name)' takes no '\(key.text)'", at: key.location, suggestion: suggestion,
      hint: suggestion == nil ? known : nil)
  }

  /// Nil after reporting that it is no number of rounds.
  private static func rounds(_ node: Node, scope: Scope, into problems: inout Problems) -> Int? {
    guard let number = scope.constant(node, "how often a recipe is used", into: &problems) else { return nil }
    if let rounds = number.scalar?.value.int, (1...1000).contains(rounds) { return rounds }
    problems.report(
      "'repeat' must be a whole number from 1 to 1000, not \(number.summary)", at: number.location,
      hint: number.hint { $0.int != nil }, notes: number.notes)
    return nil
  }

  private func carried(
    _ node: Node, inputs: [String: RecipeFile.Input], into problems: inout Problems
  ) -> [(input: RecipeFile.Input, output: Name)] {
    let outputs = (file.document.outputs ?? []).map(\.key.text)
    return node.entries("'carry'", hint: "write carry: {images: result}", into: &problems).compactMap { entry in
      guard let input = inputs[entry.key.text] else {
        let names = file.inputs.map(\.name.text)
        problems.report(
          "the recipe '\(file.document.name)' has no input '\(entry.key.text)'", at: entry.key.location,
          suggestion: Suggestion.nearest(to: entry.key.text, in: names),
          hint: names.isEmpty ? "it has no inputs" : "it has " + Suggestion.list(names))
        return nil
      }
      guard let output = entry.value.scalar?.value.string, !output.isEmpty else {
        problems.report(
          "'\(entry.key.text)' in 'carry' must name an output, not \(entry.value.summary)", at: entry.value.location,
          notes: entry.value.notes)
        return nil
      }
      guard outputs.contains(output) else {
        problems.report(
          "the recipe '\(file.document.name)' has no output '\(output)'", at: entry.value.location,
          suggestion: Suggestion.nearest(to: output, in: outputs),
          hint: outputs.isEmpty ? "it has no outputs; \(file.outputsHint)" : "it has " + Suggestion.list(outputs))
        return nil
      }
      return (input, Name(output, at: entry.value.location))
    }
  }
}

extension Node {
  /// Whether it is nothing, or a mapping with nothing in it.
  fileprivate var isEmpty: Bool { isNull || (mapping?.isEmpty ?? false) }
}

extension Scope {
  /// What `node` says, which must be the same everywhere; nil after reporting that it is not, or is wrong.
  func constant(_ node: Node, _ subject: String, into problems: inout Problems) -> Node? {
    guard parameters.sweeps(in: node).isEmpty else {
      problems.report("\(subject) cannot depend on a sweep", at: node.location, hint: "write it out")
      return nil
    }
    return parameters.applied(to: node, at: Point(), into: &problems)
  }
}
