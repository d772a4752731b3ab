import ArtifactStore
import OrderedCollections
import RecipeSyntax
import StageKit

/// Looks up references, through recipes in use and along sweeps, and checks what they refer to.
struct ReferenceResolver {
  private let stages: [RepeatedStage]
  private let scopes: [Scope]
  private let sweeps: Sweeps
  /// The sweeps along which each stage is repeated: those of its parameters and of what it depends on. Empty for
  /// stages that are not settled.
  private(set) var reach: [Set<Int>]

  init(_ stages: [RepeatedStage], in expansion: Expansion) {
    (self.stages, scopes, sweeps) = (stages, expansion.scopes, expansion.sweeps)
    reach = Array(repeating: [], count: stages.count)
  }

  // MARK: Where references lead

  /// Everything that a reference leads to, wherever one stands in the sweeps.
  private struct Span {
    var sweeps: Set<Int> = []
    var stages: OrderedSet<Int> = []

    mutating func formUnion(_ other: Span) {
      sweeps.formUnion(other.sweeps)
      stages.formUnion(other.stages)
    }
  }

  private func span(of link: Scope.Link) -> Span {
    let scope = scopes[link.scope]
    var span = Span(sweeps: scope.parameters.sweeps(in: link.node))
    var ignored = Problems()
    for point in sweeps.points(along: span.sweeps) ?? [] {
      guard let text = scope.parameters.applied(to: link.node, at: point, into: &ignored)?.scalar?.text,
        let reference = Reference(text), let member = scope.members[reference.name]
      else { continue }
      var reached = self.span(of: member, reference)
      for (axis, _) in reference.selection {
        reached.sweeps = reached.sweeps.filter { !sweeps.all[$0].names.contains(axis) }
      }
      span.formUnion(reached)
    }
    return span
  }

  private func span(of member: Scope.Member, _ reference: Reference) -> Span {
    switch member {
    case .stage(let number): Span(sweeps: reach[number], stages: [number])
    case .use(let number): output(reference.port, of: number).map { span(of: $0) } ?? Span()
    case .input(let link, _): span(of: link)
    case .absent, .broken: Span()
    }
  }

  /// What an output of a recipe in use, or its first, is bound to.
  private func output(_ name: String?, of number: Int) -> Scope.Link? {
    let entry = name.map { scopes[number].output($0) } ?? scopes[number].file.document.outputs?.first
    return entry.map { Scope.Link(node: $0.value, scope: number) }
  }

  /// The stages that `stage` needs anywhere, and where it says so.
  func dependencies(of stage: RepeatedStage) -> [(stage: Int, location: SourceLocation)] {
    var met: Set<Int> = []
    return stage.outlines.flatMap { $0.outline.inputs }.flatMap { input in
      Self.references(in: input.value, input.port).flatMap { node in
        span(of: Scope.Link(node: node, scope: stage.stage.scope)).stages.filter { met.insert($0).inserted }
          .map { ($0, node.location) }
      }
    }
  }

  /// Takes note of the sweeps of a stage, all of whose predecessors are settled. What a list port collects does not
  /// repeat the stage: the port receives every place of the sweep instead.
  mutating func settle(_ number: Int) {
    reach[number] = stages[number].sweeps
    for input in stages[number].outlines.flatMap(\.outline.inputs) where input.port.arity != .list {
      for node in Self.references(in: input.value, input.port) {
        reach[number].formUnion(span(of: Scope.Link(node: node, scope: stages[number].stage.scope)).sweeps)
      }
    }
  }

  /// The nodes that are references in what stands at a port.
  private static func references(in node: Node, _ port: Port) -> [Node] {
    switch port.arity {
    case .one, .optional: [node]
    case .list: node.sequence ?? (node.mapping ?? []).map(\.value)
    case .mixture: MixtureSyntax(node, subject: "", normalise: nil).segments.flatMap { $0.weights.map(\.name.node) }
    }
  }

  // MARK: Stages

  /// The inputs of a stage by port, without those that something is wrong with.
  func inputs(
    of outline: StageOutline, _ number: Int, at point: Point, into problems: inout Problems
  ) -> [String: PlannedInput] {
    var inputs: [String: PlannedInput] = [:]
    for (port, _, value) in outline.inputs {
      let subject = Subject(port: port, kind: outline.kindName.text)
      let place = Place(point: point, scope: stages[number].stage.scope, reach: reach[number])
      inputs[port.name] =
        switch port.arity {
        case .one, .optional: single(value, subject, place, into: &problems).map(PlannedInput.one)
        case .list: list(value, subject, place, into: &problems).map(PlannedInput.list)
        case .mixture: mixture(value, subject, place, of: outline, into: &problems).map(PlannedInput.mixture)
        }
    }
    return inputs
  }

  /// What an element of `outputs` refers to, at every place of the sweeps.
  func outputs(_ link: Scope.Link, into problems: inout Problems) -> [OutputReference] {
    guard let text = link.node.scalar?.text, !link.node.isNull else {
      problems.report(
        "'outputs' lists references, not \(link.node.summary)", at: link.node.location, note: link.node.origin)
      return []
    }
    let points = sweeps.points(along: span(of: link).sweeps)
    if points == nil { problems.report("'\(text)' stands for too many stages", at: link.node.location) }
    return (points ?? []).compactMap { resolve(link, at: $0, for: nil, into: &problems) }
  }

  /// The first output of a stage at every place that it is repeated at.
  func firstOutputs(of number: Int) -> [OutputReference] {
    (sweeps.points(along: reach[number]) ?? []).compactMap { point in
      stages[number][point]?.outputs?.first.map { reference(to: $0, of: number, at: point) }
    }
  }

  /// Sees that what is given for an input of a recipe in use is there and of its type.
  func check(_ binding: Expansion.Binding, into problems: inout Problems) {
    for point in sweeps.points(along: span(of: binding.link).sweeps) ?? [] {
      var found = Problems()
      let given = resolve(binding.link, at: point, for: nil, in: binding.subject, into: &found)
      found.errors.forEach { problems.report($0) }
      guard let given, given.type != binding.input.type else { continue }
      problems.report(
        "\(binding.subject) takes \(binding.input.type.rawValue), but '\(binding.link.node.scalar?.text ?? "")' gives "
          + given.type.rawValue,
        at: binding.location, note: .init("declared here", at: binding.input.name.location))
    }
  }

  // MARK: Arities

  /// A port as an error says it.
  private struct Subject {
    let port: Port
    let kind: String
    var text: String { "'\(port.name)' of '\(kind)'" }
  }

  /// Where a stage stands that has inputs.
  private struct Place {
    let point: Point
    let scope: Int
    let reach: Set<Int>
  }

  private func single(
    _ node: Node, _ subject: Subject, _ place: Place, into problems: inout Problems
  ) -> OutputReference? {
    guard case .string? = node.scalar?.value else {
      problems.report(
        "\(subject.text) must name one stage, not \(node.summary)", at: node.location, note: node.origin)
      return nil
    }
    return resolve(Scope.Link(node: node, scope: place.scope), at: place.point, for: subject, into: &problems)
  }

  private func list(
    _ node: Node, _ subject: Subject, _ place: Place, into problems: inout Problems
  ) -> [LabelledReference]? {
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
    labelled.removeAll { scopes[place.scope].isAbsent($0.node) }
    guard !labelled.isEmpty else {
      problems.report("\(subject.text) lists no stage", at: node.location, note: node.origin)
      return nil
    }
    var labels: Set<String> = []
    var members: [LabelledReference] = []
    var isWhole = true
    for (label, node) in labelled {
      let collected = collected(node, label: label.text, subject, place, into: &problems)
      guard let collected else {
        isWhole = false
        continue
      }
      guard labels.insert(label.text).inserted else {
        problems.report(
          "\(subject.text) lists '\(label.text)' twice", at: label.location, hint: "label them: {first: a, second: b}")
        isWhole = false
        continue
      }
      members += collected
    }
    return isWhole ? members : nil
  }

  /// What a reference at a list port stands for: one output, or one for every place of the sweeps that the stage with
  /// the port is not itself repeated along.
  private func collected(
    _ node: Node, label: String, _ subject: Subject, _ place: Place, into problems: inout Problems
  ) -> [LabelledReference]? {
    let along = span(of: Scope.Link(node: node, scope: place.scope)).sweeps.subtracting(place.reach)
    guard let points = sweeps.points(along: along) else {
      problems.report("'\(label)' stands for too many stages", at: node.location)
      return nil
    }
    let members = points.compactMap { point in
      let here = Place(point: place.point.moved(to: point), scope: place.scope, reach: place.reach)
      return single(node, subject, here, into: &problems).map {
        LabelledReference(label: label, axes: sweeps.axes(of: point), reference: $0)
      }
    }
    return members.count == points.count ? members : nil
  }

  private func mixture(
    _ node: Node, _ subject: Subject, _ place: Place, of outline: StageOutline, into problems: inout Problems
  ) -> Mixture<OutputReference>? {
    let normalise = outline.parameters.map { $0["normalise"]?.bool ?? false }
    let syntax = MixtureSyntax(node, subject: subject.text, normalise: normalise)
    syntax.problems.errors.forEach { problems.report($0) }
    var segments: [Mixture<OutputReference>.Segment] = []
    var isWhole = syntax.problems.isEmpty
    for segment in syntax.segments {
      var weights: [Mixture<OutputReference>.Weight] = []
      for (name, weight) in segment.weights {
        let link = Scope.Link(node: name.node, scope: place.scope)
        if let member = resolve(link, at: place.point, for: subject, into: &problems) {
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

  /// The output that a reference leads to at `point`; `subject` is the port whose types it must fit, if it is for one.
  private func resolve(
    _ link: Scope.Link, at point: Point, for subject: Subject?, in place: String? = nil,
    into problems: inout Problems
  ) -> OutputReference? {
    let scope = scopes[link.scope]
    guard let node = scope.parameters.applied(to: link.node, at: point, into: &problems) else { return nil }
    let place = place ?? subject.map { "'\($0.port.name)'" } ?? "'outputs'"
    let (text, location) = (node.scalar?.text ?? "", node.location)
    guard let reference = Reference(text) else {
      problems.report(
        "'\(text)' is no reference", at: location,
        hint: "a reference is 'stage', 'stage.port' or 'stage[axis=value]'", note: node.origin)
      return nil
    }
    guard let member = scope.members[reference.name] else {
      reportUnknownStage(reference.name, text: text, node, in: place, scope: scope, into: &problems)
      return nil
    }
    guard let point = selected(by: reference, of: member, at: point, node, into: &problems) else { return nil }
    guard let output = output(of: member, reference, at: point, node, into: &problems) else { return nil }
    if let subject, !subject.port.types.contains(output.type) {
      let fitting = fitting(subject.port, in: link.scope)
      problems.report(
        "\(subject.text) takes \(subject.port.typeNames), but '\(text)' gives \(output.type.rawValue)", at: location,
        hint: fitting.isEmpty ? nil : "these fit: " + fitting.joined(separator: ", "), note: node.origin)
      return nil
    }
    return output
  }

  /// `point`, moved to what a reference picks from the sweeps of what it names.
  private func selected(
    by reference: Reference, of member: Scope.Member, at point: Point, _ node: Node, into problems: inout Problems
  ) -> Point? {
    guard !reference.selection.isEmpty else { return point }
    let reached = span(of: member, reference).sweeps
    let names = sweeps.names(along: reached)
    var picked: [Int: [Point]] = [:]
    for (axis, value) in reference.selection {
      guard let sweep = reached.first(where: { sweeps.all[$0].names.contains(axis) }) else {
        let suggestion = Suggestion.nearest(to: axis, in: names)
        let known = names.isEmpty ? "no sweep reaches it" : "it is swept along " + names.joined(separator: ", ")
        problems.report(
          "'\(reference.name)' has no axis '\(axis)'", at: node.location, suggestion: suggestion,
          hint: suggestion == nil ? known : nil, note: node.origin)
        return nil
      }
      let places = sweeps.places(along: sweep, where: axis, is: value)
      picked[sweep] = picked[sweep].map { $0.filter(places.contains) } ?? places
      if picked[sweep]?.isEmpty ?? true {
        let column = sweeps.all[sweep].names.firstIndex(of: axis) ?? 0
        let values = sweeps.all[sweep].values.map { $0[column].text }
        problems.report(
          "'\(axis)' of '\(reference.name)' is never '\(value)'", at: node.location,
          suggestion: Suggestion.nearest(to: value, in: values), hint: "it is " + values.joined(separator: ", "),
          note: node.origin)
        return nil
      }
    }
    guard let ambiguous = picked.first(where: { $0.value.count > 1 }) else {
      return picked.values.reduce(point) { $0.moved(to: $1[0]) }
    }
    problems.report(
      "'\(reference.name)' picks \(ambiguous.value.count) places of a zipped sweep", at: node.location,
      hint: "pick by all of " + sweeps.all[ambiguous.key].names.joined(separator: ", "), note: node.origin)
    return nil
  }

  private func output(
    of member: Scope.Member, _ reference: Reference, at point: Point, _ node: Node, into problems: inout Problems
  ) -> OutputReference? {
    // What is wrong further on is reported where it stands.
    var elsewhere = Problems()
    switch member {
    case .stage(let number):
      guard let outputs = stages[number][point]?.outputs, let first = outputs.first else { return nil }
      guard let port = reference.port else { return self.reference(to: first, of: number, at: point) }
      if let named = outputs.first(where: { $0.name == port }) {
        return self.reference(to: named, of: number, at: point)
      }
      reportUnknownOutput(reference, has: outputs.map(\.name), node, into: &problems)
      return nil
    case .use(let number):
      if let link = output(reference.port, of: number) {
        return resolve(link, at: point, for: nil, into: &elsewhere)
      }
      reportUnknownOutput(
        reference, has: scopes[number].file.document.outputs?.map(\.key.text) ?? [], node, into: &problems)
      return nil
    case .input(let link, let type):
      guard reference.port == nil else {
        problems.report(
          "'\(reference.name)' is an input and has no outputs", at: node.location,
          hint: "write just '\(reference.name)'", note: node.origin)
        return nil
      }
      return resolve(link, at: point, for: nil, into: &elsewhere).flatMap { $0.type == type ? $0 : nil }
    case .absent:
      problems.report(
        "'\(reference.name)' is an optional input, and not given here", at: node.location,
        hint: "only a port that may be left out can take it", note: node.origin)
      return nil
    case .broken: return nil
    }
  }

  private func reference(to output: OutputPort, of number: Int, at point: Point) -> OutputReference {
    let axes = sweeps.axes(of: point.along(reach[number]))
    return OutputReference(
      stage: PlannedStage.id(stages[number].stage.name, at: axes), port: output.name, type: output.type)
  }

  // MARK: Errors

  /// Up to five references that the port would take.
  private func fitting(_ port: Port, in scope: Int) -> [String] {
    let inputs = scopes[scope].file.inputs.filter { port.types.contains($0.type) }.map(\.name.text)
    let outputs = stages.lazy.filter { $0.stage.scope == scope }.flatMap { stage in
      (stage.outlines.first?.outline.outputs ?? []).enumerated().filter { port.types.contains($1.type) }
        .map { index, output in
          index == 0 ? stage.stage.syntax.name.text : "\(stage.stage.syntax.name.text).\(output.name)"
        }
    }
    return Array((inputs + outputs.prefix(5)).prefix(5))
  }

  private func reportUnknownOutput(
    _ reference: Reference, has names: [String], _ node: Node, into problems: inout Problems
  ) {
    guard let port = reference.port else {
      problems.report("'\(reference.name)' has no outputs", at: node.location, note: node.origin)
      return
    }
    let suggestion = Suggestion.nearest(to: port, in: names)
    problems.report(
      "'\(reference.name)' has no output '\(port)'", at: node.location,
      suggestion: suggestion.map { "\(reference.name).\($0)" },
      hint: suggestion == nil ? "it has " + names.joined(separator: ", ") : nil, note: node.origin)
  }

  private func reportUnknownStage(
    _ name: String, text: String, _ node: Node, in place: String, scope: Scope, into problems: inout Problems
  ) {
    if text.contains("/") || text.hasPrefix(".") || text.hasPrefix("~") {
      problems.report(
        "\(place) must name a stage, not the path '\(text)'", at: node.location,
        hint: "let files enter by a 'load' stage", note: node.origin)
      return
    }
    let names = scope.file.inputs.map(\.name.text) + scope.file.document.stages.map(\.name.text)
    let suggestion = Suggestion.nearest(to: name, in: names)
    let known = names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", …" : "")
    problems.report(
      "unknown stage '\(name)' in \(place)", at: node.location, suggestion: suggestion,
      hint: suggestion == nil ? "the stages are \(known)" : nil, note: node.origin)
  }
}

extension Name {
  /// The name as a reference.
  fileprivate var node: Node { Node(.scalar(Scalar(text, isPlain: false)), at: location) }
}
