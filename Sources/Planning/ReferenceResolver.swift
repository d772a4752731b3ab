import ArtifactStore
import RecipeSyntax
import StageKit

/// Looks up references and checks what they refer to.
struct ReferenceResolver {
  /// That one stage needs another, and where it says so.
  struct Dependency {
    let name: String
    let location: SourceLocation
  }

  private let stages: [StageOutline]
  private let places: [String: Int]
  private(set) var problems = Problems()
  /// Of the stage whose inputs are resolved: all stages that it refers to, whether or not their types fit.
  private var dependencies: [Dependency] = []

  init(_ stages: [StageOutline]) {
    self.stages = stages
    places = Dictionary(stages.enumerated().map { ($1.syntax.name.text, $0) }) { first, _ in first }
  }

  /// The inputs of a stage by port, without those that something is wrong with.
  mutating func inputs(of stage: StageOutline) -> (inputs: [String: PlannedInput], dependencies: [Dependency]) {
    dependencies = []
    var inputs: [String: PlannedInput] = [:]
    for (port, _, value) in stage.inputs {
      let subject = Subject(port: port, kind: stage.kindName.text)
      inputs[port.name] =
        switch port.arity {
        case .one, .optional: single(value, subject).map(PlannedInput.one)
        case .list: list(value, subject).map(PlannedInput.list)
        case .mixture: mixture(value, subject, of: stage).map(PlannedInput.mixture)
        }
    }
    return (inputs, dependencies)
  }

  /// What an element of `outputs` refers to.
  mutating func output(_ node: Node) -> OutputReference? {
    guard let text = node.scalar?.text, !node.isNull else {
      problems.report("'outputs' lists references, not \(node.summary)", at: node.location, note: node.origin)
      return nil
    }
    return resolve(text, at: node.location, from: node.origin, in: "'outputs'", subject: nil)
  }

  // MARK: Arities

  /// A port as an error says it.
  private struct Subject {
    let port: Port
    let kind: String
    var text: String { "'\(port.name)' of '\(kind)'" }
  }

  private mutating func single(_ node: Node, _ subject: Subject) -> OutputReference? {
    guard case .string(let text)? = node.scalar?.value else {
      problems.report(
        "\(subject.text) must name one stage, not \(node.summary)", at: node.location, note: node.origin)
      return nil
    }
    return resolve(text, at: node.location, from: node.origin, in: "'\(subject.port.name)'", subject: subject)
  }

  private mutating func list(_ node: Node, _ subject: Subject) -> [LabelledReference]? {
    var labelled: [(label: Name, node: Node)]
    switch node.content {
    case .sequence(let nodes): labelled = nodes.map { (Name($0.scalar?.text ?? "", at: $0.location), $0) }
    case .mapping(let entries): labelled = entries.map { ($0.key, $0.value) }
    case .scalar(let scalar):
      problems.report(
        "\(subject.text) must be a list of stages, not \(node.summary)", at: node.location,
        hint: "for just one, write [\(scalar.text)]", note: node.origin)
      return nil
    }
    guard !labelled.isEmpty else {
      problems.report("\(subject.text) lists no stage", at: node.location, note: node.origin)
      return nil
    }
    var labels: Set<String> = []
    var members: [LabelledReference] = []
    for (label, node) in labelled {
      guard let reference = single(node, subject) else { continue }
      guard labels.insert(label.text).inserted else {
        problems.report(
          "\(subject.text) lists '\(label.text)' twice", at: label.location, hint: "label them: {first: a, second: b}")
        continue
      }
      members.append(LabelledReference(label: label.text, reference: reference))
    }
    return members.count == labelled.count ? members : nil
  }

  private mutating func mixture(
    _ node: Node, _ subject: Subject, of stage: StageOutline
  ) -> Mixture<OutputReference>? {
    let normalise = stage.parameters.map { $0["normalise"]?.bool ?? false }
    let syntax = MixtureSyntax(node, subject: subject.text, normalise: normalise)
    syntax.problems.errors.forEach { problems.report($0) }
    var segments: [Mixture<OutputReference>.Segment] = []
    var isWhole = syntax.problems.isEmpty
    for segment in syntax.segments {
      var weights: [Mixture<OutputReference>.Weight] = []
      for (name, weight) in segment.weights {
        if let member = resolve(name.text, at: name.location, in: "'\(subject.port.name)'", subject: subject) {
          weights.append(.init(label: name.text, member: member, weight: weight))
        } else {
          isWhole = false
        }
      }
      segments.append(.init(from: segment.from, weights: weights))
    }
    return isWhole ? Mixture(segments: segments) : nil
  }

  // MARK: One reference

  /// The output that `text` refers to; `subject` is the port whose types it must fit, if it is for one.
  private mutating func resolve(
    _ text: String, at location: SourceLocation, from origin: Diagnostic.Note? = nil, in place: String,
    subject: Subject?
  ) -> OutputReference? {
    guard !text.contains("[") else {
      problems.report(
        "'\(text)' picks from a sweep, and sweeps are not supported yet", at: location,
        hint: "a reference is 'stage' or 'stage.port'", note: origin)
      return nil
    }
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let index = places[parts[0]] else {
      reportUnknownStage(text, name: parts[0], at: location, from: origin, in: place)
      return nil
    }
    let stage = stages[index]
    if subject != nil { dependencies.append(Dependency(name: parts[0], location: location)) }
    guard let outputs = stage.outputs, let first = outputs.first else { return nil }
    var output = first
    if parts.count > 1 {
      guard let named = outputs.first(where: { $0.name == parts[1] }) else {
        let suggestion = Suggestion.nearest(to: parts[1], in: outputs.map(\.name))
        problems.report(
          "'\(parts[0])' has no output '\(parts[1])'", at: location, suggestion: suggestion.map { "\(parts[0]).\($0)" },
          hint: suggestion == nil ? "it has " + outputs.map(\.name).joined(separator: ", ") : nil,
          note: origin)
        return nil
      }
      output = named
    }
    if let subject, !subject.port.types.contains(output.type) {
      let fitting = self.fitting(subject.port)
      problems.report(
        "\(subject.text) takes \(subject.port.typeNames), but '\(text)' gives \(output.type.rawValue)", at: location,
        hint: fitting.isEmpty ? nil : "these fit: " + fitting.joined(separator: ", "), note: origin)
      return nil
    }
    return OutputReference(stage: parts[0], port: output.name, type: output.type)
  }

  /// Up to five references that the port would take.
  private func fitting(_ port: Port) -> [String] {
    let all = stages.lazy.flatMap { stage in
      (stage.outputs ?? []).enumerated().filter { port.types.contains($1.type) }.map { index, output in
        index == 0 ? stage.syntax.name.text : "\(stage.syntax.name.text).\(output.name)"
      }
    }
    return Array(all.prefix(5))
  }

  private mutating func reportUnknownStage(
    _ text: String, name: String, at location: SourceLocation, from origin: Diagnostic.Note?, in place: String
  ) {
    if text.contains("/") || text.hasPrefix(".") || text.hasPrefix("~") {
      problems.report(
        "\(place) must name a stage, not the path '\(text)'", at: location, hint: "let files enter by a 'load' stage",
        note: origin)
      return
    }
    let suggestion = Suggestion.nearest(to: name, in: stages.map(\.syntax.name.text))
    let names = stages.prefix(8).map(\.syntax.name.text).joined(separator: ", ") + (stages.count > 8 ? ", …" : "")
    problems.report(
      "unknown stage '\(name)' in \(place)", at: location, suggestion: suggestion,
      hint: suggestion == nil ? "the stages are \(names)" : nil, note: origin)
  }
}
