import RecipeSyntax
import StageKit

/// A stage after its kind's declaration has been applied to it, at one place of the sweeps that its parameters are in,
/// and before its references are looked up.
struct StageOutline {
  let syntax: StageSyntax
  /// Nil where the recipe names no known kind.
  private(set) var kind: StageKind?
  /// The word that names the kind; the stage's name where there is none.
  private(set) var kindName: Name
  /// Nil where something is wrong with one of them.
  private(set) var parameters: Parameters?
  private(set) var sources: [String: PlannedSource] = [:]
  /// The given input ports, in the recipe's order; without those left out by a null.
  private(set) var inputs: [(port: Port, key: Name, value: Node)] = []
  private(set) var expectations: [Expectation] = []
  /// Nil where they cannot be known because of an error that has been reported.
  private(set) var outputs: [OutputPort]?
  /// The place of each given parameter and port.
  private var places: [String: SourceLocation] = [:]
  /// Whether something has been reported about the stage, so that rules over the whole of it need not be tried.
  private(set) var isBroken = false
  /// What is to be said of files that are not there, if the stage is needed.
  private(set) var missingFiles: [Diagnostic] = []

  /// - Parameters:
  ///   - scope: the recipe that it stands in.
  ///   - point: where the parameters of that recipe are looked at.
  ///   - needsFiles: whether files that are not there are wrong.
  init(
    _ syntax: StageSyntax, kinds: [StageKind], scope: Scope, at point: Point, needsFiles: Bool,
    into problems: inout Problems
  ) {
    self.syntax = syntax
    kindName = syntax.name
    var own = Problems()
    if let entry = kindEntry(of: kinds, into: &own) {
      kindName = entry.key
      decode(entry.value, scope: scope, at: point, into: &own)
    }
    decodeExpectations(scope.parameters, at: point, into: &own)
    let errors = own.errors.map { $0.explaining(syntax.description) }
    isBroken = errors.contains { $0.missing == nil } || kind == nil
    if isBroken {
      for error in errors where needsFiles || error.missing == nil { problems.report(error) }
    } else {
      missingFiles = errors
    }
  }

  /// Where a parameter, a port or an expected measure stands; nil for one that is not given.
  func place(of subject: String) -> SourceLocation? {
    places[subject] ?? expectations.first { $0.measure == subject }?.location
  }

  /// How this stage falls apart into actions.
  var mapping: Mapping {
    guard let kind, let parameters else { return .whole }
    return kind.mapping(parameters, over: sources)
  }

  // MARK: Kind

  /// The entry that names the kind, having set `kind`.
  private mutating func kindEntry(of kinds: [StageKind], into problems: inout Problems) -> Entry? {
    let known = syntax.contents.filter { entry in kinds.contains { $0.name == entry.key.text } }
    guard let entry = known.first else {
      guard let first = syntax.contents.first else { return nil }
      reportUnknownKind(first.key, kinds: kinds, into: &problems)
      return nil
    }
    kind = kinds.first { $0.name == entry.key.text }
    for other in syntax.contents where other.key != entry.key {
      if known.contains(where: { $0.key == other.key }) {
        problems.report(
          "a stage has one kind, but '\(syntax.name.text)' has '\(entry.key.text)' and '\(other.key.text)'",
          at: other.key.location, hint: "make two stages of it")
      } else {
        let beside = ["expect", "description"]
        let suggestion = Suggestion.nearest(to: other.key.text, in: beside)
        problems.report(
          "unknown key '\(other.key.text)' beside '\(entry.key.text)'", at: other.key.location, suggestion: suggestion,
          hint: suggestion == nil ? "a stage has a kind, and maybe 'expect' and 'description'" : nil)
      }
    }
    return entry
  }

  private func reportUnknownKind(_ key: Name, kinds: [StageKind], into problems: inout Problems) {
    let names = kinds.map(\.name) + ["use"]
    let suggestion = Suggestion.nearest(to: key.text, in: names)
    problems.report(
      "unknown kind '\(key.text)' of stage '\(syntax.name.text)'", at: key.location, suggestion: suggestion,
      hint: suggestion == nil ? "the kinds are " + names.joined(separator: ", ") : nil)
  }

  // MARK: Parameters and ports

  private mutating func decode(
    _ body: Node, scope: Scope, at point: Point, into problems: inout Problems
  ) {
    guard let kind else { return }
    var decoder = ParameterDecoder(kind: kind.name, finder: scope.finder)
    let names = kind.inputs.map(\.name) + kind.parameters.map(\.name)
    var values: [String: Value] = [:]
    // Given or meant, though maybe wrongly: not to be missed again, nor filled in.
    var given: Set<String> = []
    let before = problems.count
    let entries = body.entries(
      "'\(kind.name)'", hint: "write \(syntax.name.text): {\(kind.name): {…}}", into: &problems)
    let isReadable = problems.count == before
    var isWhole = isReadable
    for entry in entries {
      let name = entry.key.text
      guard names.contains(name) else {
        let suggestion = Suggestion.nearest(to: name, in: names)
        if let suggestion { given.insert(suggestion) }
        problems.report(
          "'\(kind.name)' takes no '\(name)'", at: entry.key.location, suggestion: suggestion,
          hint: suggestion == nil ? "it takes " + names.joined(separator: ", ") : nil)
        isWhole = false
        continue
      }
      places[name] = entry.key.location
      guard let value = scope.parameters.applied(to: entry.value, at: point, into: &problems) else {
        given.insert(name)
        isWhole = false
        continue
      }
      let port = kind.inputs.first { $0.name == name }
      if value.isNull { continue }
      if let port, port.arity == .named {
        given.insert(name)
        decode(value, at: port, scope: scope, into: &problems)
        continue
      }
      if let port, scope.isAbsent(value) {
        guard port.arity.isRequired else { continue }
        given.insert(name)
        Scope.reportAbsent(value, for: "'\(name)' of '\(kind.name)'", into: &problems)
        continue
      }
      given.insert(name)
      if let port {
        inputs.append((port, entry.key, value))
      } else if let parameter = kind.parameters.first(where: { $0.name == name }) {
        values[name] = decoder.decode(value, as: parameter.kind, path: ParameterPath(name), endings: parameter.endings)
        if values[name] == nil { isWhole = false }
      }
    }
    for error in decoder.problems.errors { problems.report(error) }
    guard isReadable else { return }
    for port in kind.inputs where !given.contains(port.name) && port.arity.isRequired {
      reportMissing(port.name, help: "\(port.help) (\(port.typeNames))", into: &problems)
    }
    for parameter in kind.parameters where !given.contains(parameter.name) {
      switch parameter.presence {
      case .optional: values[parameter.name] = decoder.hints[parameter.name]
      case .defaulting(let value): values[parameter.name] = value
      case .required:
        reportMissing(parameter.name, help: "\(parameter.help) (\(parameter.kind.expectation))", into: &problems)
        isWhole = false
      }
    }
    sources = decoder.sources
    guard isWhole else { return }
    let decoded = Parameters(values)
    self.parameters = decoded
    outputs = kind.outputs(decoded)
  }

  /// Takes the references at a port under the names that the recipe gives them.
  private mutating func decode(_ value: Node, at port: Port, scope: Scope, into problems: inout Problems) {
    let hint = "write \(port.name): {name: stage}"
    for entry in value.entries("'\(port.name)' of '\(kindName.text)'", hint: hint, into: &problems) {
      guard entry.key.isFit(toName: "an input", into: &problems) else { continue }
      // A null, or an input of a library recipe that is not given.
      if entry.value.isNull || scope.isAbsent(entry.value) { continue }
      let member = port.member(entry.key.text)
      places[member.name] = entry.key.location
      inputs.append((member, entry.key, entry.value))
    }
  }

  private func reportMissing(_ name: String, help: String, into problems: inout Problems) {
    problems.report(
      "'\(kindName.text)' of stage '\(syntax.name.text)' needs '\(name)'", at: kindName.location,
      hint: "\(name): \(help)")
  }

  // MARK: Expectations

  private mutating func decodeExpectations(
    _ parameters: RecipeParameters, at point: Point, into problems: inout Problems
  ) {
    for entry in syntax.expectations {
      guard let value = parameters.applied(to: entry.value, at: point, into: &problems) else { continue }
      // A parameter that is null expects nothing; nothing at all is a slip.
      if value.isNull, !entry.value.isNull { continue }
      guard let expectation = Expectation(entry.key, value, into: &problems)
      else { continue }
      expectations.append(expectation)
    }
    guard let first = expectations.first, let outputs else { return }
    guard outputs.contains(where: { $0.type == .metrics }) else {
      problems.report(
        "nothing can be expected of '\(syntax.name.text)': it makes no metrics", at: first.location,
        hint: "move 'expect' to the stage that measures")
      return
    }
    let measures = outputs.compactMap(\.measures)
    guard measures.count == outputs.count else { return }
    let known = measures.flatMap(\.self)
    for expectation in expectations where !known.contains(expectation.measure) {
      let suggestion = Suggestion.nearest(to: expectation.measure, in: known)
      problems.report(
        "'\(syntax.name.text)' has no measure '\(expectation.measure)'", at: expectation.location,
        suggestion: suggestion, hint: suggestion == nil ? "it measures " + Suggestion.list(known) : nil)
    }
  }
}

extension Port {
  /// The types that the port takes, as an error says them: `images or latents`.
  var typeNames: String { types.map(\.rawValue).joined(separator: " or ") }
}
