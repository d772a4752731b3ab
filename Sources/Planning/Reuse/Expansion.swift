import ArtifactStore
import Foundation
import RecipeSyntax

/// A recipe with every recipe that it uses put in its place: one list of stages, each in its scope.
struct Expansion {
  /// How many stages and uses a plan may have.
  static let limit = 100_000

  private(set) var scopes: [Scope] = []
  private(set) var stages: [ScopedStage] = []
  private(set) var sweeps = Sweeps()
  /// What recipes give to those they use, to be checked once types are known.
  private(set) var bindings: [Binding] = []
  private(set) var problems = Problems()
  /// Every text that has been read.
  private(set) var sources: [SourceText]
  /// Recipes in use by path; nil for one that cannot be read.
  private var files: [String: RecipeFile?] = [:]

  /// What is given for an input.
  struct Binding {
    /// `'images' of 'zombies'`
    let subject: String
    let link: Scope.Link
    let input: RecipeFile.Input
    let location: SourceLocation
  }

  init(of source: SourceText, overlays: [String]) {
    sources = [RecipeParameters.overlaySource(overlays), source]
    guard let file = RecipeFile(source, into: &problems) else { return }
    let parameters = RecipeParameters(
      of: file.document, from: .overlays(overlays), sweeps: &sweeps, into: &problems)
    var scope = Scope(prefix: "", file: file, parameters: parameters, users: [])
    for input in file.inputs {
      scope.members[input.name.text] = input.isOptional ? .absent : .broken
      if !input.isOptional {
        problems.report(
          "the recipe takes the input '\(input.name.text)', so it runs only in a recipe that uses it",
          at: input.name.location, hint: "write {use: {recipe: \(file.name), \(input.name.text): …}} there")
      }
    }
    open(scope, within: [file.path])
  }

  /// Reports what was found in a scope, with the places that use it.
  mutating func report(_ found: Problems, in scope: Int) {
    for error in found.errors { problems.report(error.adding(scopes[scope].users)) }
  }

  mutating func report(_ error: Diagnostic) { problems.report(error) }

  /// Adds a scope and all that is in it: its number.
  /// - Parameter paths: the recipes that lead there, itself included.
  @discardableResult
  private mutating func open(_ scope: Scope, within paths: [String]) -> Int {
    let number = scopes.count
    scopes.append(scope)
    for syntax in scope.file.document.stages {
      let name = syntax.name.text
      if let entry = syntax.contents.first(where: { $0.key.text == "use" }) {
        var found = Problems()
        let member = use(syntax, entry, in: number, within: paths, into: &found)
        scopes[number].members[name] = member
        report(found, in: number)
      } else {
        scopes[number].members[name] = .stage(stages.count)
        stages.append(ScopedStage(syntax: syntax, scope: number, name: scope.prefix + name))
      }
    }
    return number
  }

  // MARK: Use

  private mutating func use(
    _ syntax: StageSyntax, _ entry: Entry, in user: Int, within paths: [String], into found: inout Problems
  ) -> Scope.Member {
    let form = "write \(syntax.name.text): {use: {recipe: library/some.yaml, …}}"
    for other in syntax.contents where other.key != entry.key {
      found.report("unknown key '\(other.key.text)' beside 'use'", at: other.key.location, hint: form)
    }
    if let expectation = syntax.expectations.first {
      found.report(
        "nothing can be expected of '\(syntax.name.text)': it uses a recipe", at: expectation.key.location,
        hint: "move 'expect' to the stage that measures")
    }
    let entries = entry.value.entries("'use'", hint: form, into: &found)
    guard let written = entries.first(where: { $0.key.text == "recipe" })?.value else {
      found.report("'use' of stage '\(syntax.name.text)' needs 'recipe'", at: entry.key.location, hint: form)
      return .broken
    }
    guard let file = file(written, from: scopes[user], into: &found) else { return .broken }
    guard !paths.contains(file.path) else {
      let cycle = paths.drop { $0 != file.path } + [file.path]
      found.report(
        "recipes use each other in a circle: "
          + cycle.map { ($0 as NSString).lastPathComponent }.joined(separator: " -> "),
        at: written.location, hint: "let one of them do without the other")
      return .broken
    }
    guard let call = Call(syntax.name, entries, file: file, scope: scopes[user], into: &found) else { return .broken }

    var carried: [String: Scope.Link] = [:]
    for round in 1...call.rounds {
      guard scopes.count + stages.count < Self.limit else {
        found.report("the recipe grows beyond \(Self.limit) stages here", at: entry.key.location)
        return .broken
      }
      let number = round == call.rounds ? nil : round
      let scope = self.scope(of: call, round: number, in: user, carried: carried, into: &found)
      let opened = open(scope, within: paths + [file.path])
      if round == call.rounds { return .use(opened) }
      for (input, output) in call.carry {
        carried[input] = scopes[opened].output(output).map { Scope.Link(node: $0.value, scope: opened) }
      }
    }
    return .broken
  }

  /// The recipe that `node` names; nil after reporting why there is none, or having done so earlier.
  private mutating func file(_ node: Node, from scope: Scope, into found: inout Problems) -> RecipeFile? {
    guard let written = scope.constant(node, "which recipe is used", into: &found) else { return nil }
    guard let text = written.scalar?.value.string else {
      found.report("'recipe' must be the path of a recipe, not \(node.summary)", at: node.location, note: node.origin)
      return nil
    }
    let name = scope.file.name(of: text)
    let path = URL(filePath: name).absoluteURL.resolvingSymlinksInPath().path
    if let known = files[path] { return known }
    do throws(Diagnostics) {
      let source = try SourceText.read(name)
      sources.append(source)
      var own = Problems()
      files[path] = RecipeFile(source, into: &own)
      let user = Diagnostic.Note("used here", at: node.location)
      for error in own.errors { found.report(error.adding([user])) }
    } catch {
      files[path] = .some(nil)
      sources += error.sources
      let folder = text.lastIndex(of: "/").map { text[...$0] } ?? ""
      for error in error.errors {
        found.report(
          "\(error.message): '\(text)'", at: node.location, suggestion: error.suggestion.map { folder + $0 },
          hint: error.suggestion == nil ? "paths are relative to the recipe that has them" : nil, note: node.origin)
      }
    }
    return files[path] ?? nil
  }

  /// The scope of a recipe in use, with what it is given.
  /// - Parameter round: which of several uses it is, where another follows; nil for the only or last one.
  private mutating func scope(
    of call: Call, round: Int?, in user: Int, carried: [String: Scope.Link], into found: inout Problems
  ) -> Scope {
    let base = scopes[user].prefix + call.name.text
    let isRepeated = call.rounds > 1
    let prefix = isRepeated ? "\(base).\(round ?? call.rounds)." : "\(base)."
    let given =
      isRepeated
      ? scopes[user].parameters.adding("round", round ?? call.rounds, at: call.name.location)
      : scopes[user].parameters
    var own = Problems()
    let parameters = RecipeParameters(
      of: call.file.document,
      from: .use(call.name, call.parameters.map { .init(name: $0.key, node: $0.value, parameters: given) }),
      prefix: prefix, sweeps: &sweeps, into: &own)
    own.errors.forEach { found.report($0) }
    let note = Diagnostic.Note("used here", at: call.name.location)
    var scope = Scope(prefix: prefix, file: call.file, parameters: parameters, users: [note] + scopes[user].users)
    for input in call.file.inputs {
      let name = input.name.text
      let argument = call.inputs.first { $0.key.text == name }
      guard let link = carried[name] ?? argument.map({ Scope.Link(node: $0.value, scope: user) }) else {
        scope.members[name] = input.isOptional ? .absent : .broken
        continue
      }
      scope.members[name] = .input(link, input.type)
      bindings.append(
        Binding(
          subject: "'\(name)' of '\(call.name.text)'", link: link, input: input,
          location: carried[name] == nil ? link.node.location : call.name.location))
    }
    return scope
  }
}

/// What a stage that uses a recipe says, checked against what that recipe declares.
private struct Call {
  let name: Name
  let file: RecipeFile
  private(set) var rounds = 1
  /// Inputs to the outputs of the round before.
  private(set) var carry: [(input: String, output: String)] = []
  private(set) var inputs: [Entry] = []
  private(set) var parameters: [Entry] = []

  /// Nil after reporting that something is missing or too much.
  init?(_ name: Name, _ entries: [Entry], file: RecipeFile, scope: Scope, into problems: inout Problems) {
    (self.name, self.file) = (name, file)
    let before = problems.errors.count
    let inputNames = file.inputs.map(\.name.text)
    let parameterNames = file.document.parameters.map(\.key.text)
    var slips: Set<String> = []
    for entry in entries {
      let key = entry.key.text
      switch key {
      case "recipe": continue
      case "repeat": rounds = Self.rounds(entry.value, scope: scope, into: &problems)
      case "carry": carry = carried(entry.value, inputs: inputNames, into: &problems)
      case _ where inputNames.contains(key):
        if !entry.value.isNull, !scope.isAbsent(entry.value) { inputs.append(entry) }
      case _ where parameterNames.contains(key): parameters.append(entry)
      default:
        let names = inputNames + parameterNames
        let suggestion = Suggestion.nearest(to: key, in: names)
        if let suggestion { slips.insert(suggestion) }
        problems.report(
          "the recipe '\(file.document.name)' takes no '\(key)'", at: entry.key.location, suggestion: suggestion,
          hint: suggestion == nil ? "it takes " + names.joined(separator: ", ") : nil)
      }
    }
    for input in file.inputs where !input.isOptional && !slips.contains(input.name.text) {
      guard !inputs.contains(where: { $0.key.text == input.name.text }) else { continue }
      problems.report(
        "'\(name.text)' needs the input '\(input.name.text)' (\(input.type.rawValue))", at: name.location,
        note: .init("declared here", at: input.name.location))
    }
    if rounds > 1, !entries.contains(where: { $0.key.text == "carry" }) {
      problems.report(
        "'\(name.text)' repeats a recipe without 'carry'", at: name.location,
        hint: "say which output becomes which input of the next round: carry: {images: result}")
    }
    if problems.errors.count > before { return nil }
  }

  private static func rounds(_ node: Node, scope: Scope, into problems: inout Problems) -> Int {
    guard let number = scope.constant(node, "how often a recipe is used", into: &problems) else { return 1 }
    if let rounds = number.scalar?.value.int, (1...1000).contains(rounds) { return rounds }
    problems.report(
      "'repeat' must be a whole number from 1 to 1000, not \(number.summary)", at: number.location, note: number.origin)
    return 1
  }

  private func carried(
    _ node: Node, inputs: [String], into problems: inout Problems
  ) -> [(input: String, output: String)] {
    let outputs = (file.document.outputs ?? []).map(\.key.text)
    return node.entries("'carry'", hint: "write carry: {images: result}", into: &problems).compactMap { entry in
      let output = entry.value.scalar?.text ?? ""
      if !inputs.contains(entry.key.text) {
        problems.report(
          "the recipe '\(file.document.name)' has no input '\(entry.key.text)'", at: entry.key.location,
          suggestion: Suggestion.nearest(to: entry.key.text, in: inputs),
          hint: inputs.isEmpty ? "it has no inputs" : "it has " + inputs.joined(separator: ", "))
      } else if !outputs.contains(output) {
        problems.report(
          "the recipe '\(file.document.name)' has no output '\(output)'", at: entry.value.location,
          suggestion: Suggestion.nearest(to: output, in: outputs),
          hint: outputs.isEmpty ? "it has no outputs" : "it has " + outputs.joined(separator: ", "))
      } else {
        return (entry.key.text, output)
      }
      return nil
    }
  }
}

extension Scope {
  /// What `node` says, which must be the same everywhere; nil after reporting that it is not, or is wrong.
  fileprivate func constant(_ node: Node, _ subject: String, into problems: inout Problems) -> Node? {
    guard parameters.sweeps(in: node).isEmpty else {
      problems.report("\(subject) cannot depend on a sweep", at: node.location, hint: "write it out")
      return nil
    }
    return parameters.applied(to: node, at: Point(), into: &problems)
  }
}
