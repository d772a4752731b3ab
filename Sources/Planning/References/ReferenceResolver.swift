import ArtifactStore
import OrderedCollections
import RecipeSyntax
import StageKit

/// Looks up references, through recipes in use and along sweeps, and checks what they refer to.
///
/// Stages and links are numbered together, the links behind the stages. Each is settled once, behind what it depends
/// on, so that no reference has to be followed further than to the next name.
struct ReferenceResolver {
  let stages: [RepeatedStage]
  let scopes: [Scope]
  private let links: [Link]
  let sweeps: Sweeps
  /// The stages and links that each stage or link needs anywhere, and where it says so.
  let dependencies: [[Dependency]]
  /// For each stage or link those that need it.
  let dependents: [[Int]]
  /// The sweeps along which each stage or link is repeated: those of its parameters and of what it depends on. Empty
  /// for what is not settled.
  private(set) var reach: [Set<Int>]
  /// What each link leads to, at every place along its reach where nothing is wrong.
  private(set) var targets: [[Point: OutputReference]]

  typealias Dependency = (number: Int, location: SourceLocation)

  init(_ stages: [RepeatedStage], in expansion: Expansion) {
    (self.stages, scopes, links, sweeps) = (stages, expansion.scopes, expansion.links, expansion.sweeps)
    reach = Array(repeating: [], count: stages.count + links.count)
    targets = Array(repeating: [:], count: links.count)
    let names = Names(scopes: scopes, stages: stages.count, sweeps: sweeps)
    self.names = names
    dependencies =
      stages.map { stage in
        var met: Set<Int> = []
        return stage.outlines.flatMap(\.outline.inputs).flatMap { input in
          Self.references(in: input.value, input.port).flatMap { node in
            names.leads(of: node, in: stage.stage.scope).filter { met.insert($0.number).inserted }
              .map { ($0.number, node.location) }
          }
        }
      }
      + links.map { link in names.leads(of: link.node, in: link.scope).map { ($0.number, link.node.location) } }
    var dependents = dependencies.map { _ in [Int]() }
    for (number, needed) in dependencies.enumerated() {
      for dependency in needed { dependents[dependency.number].append(number) }
    }
    self.dependents = dependents
  }

  // MARK: Where references lead

  private let names: Names

  /// What names in recipes stand for.
  private struct Names {
    let scopes: [Scope]
    /// How many stages there are, before the links.
    let stages: Int
    let sweeps: Sweeps

    /// What a reference leads to, wherever its own parameters stand in the sweeps.
    func leads(of node: Node, in scope: Int) -> [(reference: Reference, number: Int)] {
      let scope = scopes[scope]
      var ignored = Problems()
      return (sweeps.points(along: scope.parameters.sweeps(in: node)) ?? []).compactMap { point in
        guard let text = scope.parameters.applied(to: node, at: point, into: &ignored)?.scalar?.text,
          let reference = Reference(text), let member = scope.members[reference.name]
        else { return nil }
        return number(of: member, reference).map { (reference, $0) }
      }
    }

    /// The stage or link that a reference to `member` leads to.
    func number(of member: Scope.Member, _ reference: Reference) -> Int? {
      switch member {
      case .stage(let number): number
      case .use(let number): scopes[number].output(reference.port).map { stages + $0 }
      case .input(let link, _): stages + link
      case .absent, .broken: nil
      }
    }
  }

  /// The sweeps along which what a reference leads to is repeated, but for those that it picks a place from.
  private func span(of node: Node, in scope: Int) -> Set<Int> {
    names.leads(of: node, in: scope).reduce(into: scopes[scope].parameters.sweeps(in: node)) { span, lead in
      span.formUnion(
        reach[lead.number].filter { sweep in
          !lead.reference.selection.contains { name(of: $0.axis, along: sweep, in: scopes[scope]) != nil }
        })
    }
  }

  /// The name in `sweep` of what a recipe calls `axis`: its own axes by their names alone, wherever it is used.
  private func name(of axis: String, along sweep: Int, in scope: Scope) -> String? {
    let names = sweeps.all[sweep].names
    return [scope.prefix + axis, axis].first(where: names.contains)
  }

  /// Takes note of the sweeps of a stage, all of whose predecessors are settled. What a list port collects does not
  /// repeat the stage: the port receives every place of the sweep instead.
  mutating func settle(stage number: Int) {
    reach[number] = stages[number].sweeps
    for input in stages[number].outlines.flatMap(\.outline.inputs) where !input.port.arity.isList {
      for node in Self.references(in: input.value, input.port) {
        reach[number].formUnion(span(of: node, in: stages[number].stage.scope))
      }
    }
  }

  /// Takes note of the sweeps of a link, all of whose predecessors are settled.
  mutating func settle(link number: Int) {
    reach[stages.count + number] = span(of: links[number].node, in: links[number].scope)
  }

  /// Finds what a settled link leads to.
  mutating func follow(link number: Int, into problems: inout Problems) {
    let link = links[number]
    let along = reach[stages.count + number]
    guard let points = sweeps.points(along: along) else {
      reportTooMany(link.node, along: along, into: &problems)
      return
    }
    for point in points {
      targets[number][point] = resolve(
        link.node, in: link.scope, at: point, for: nil, by: link, into: &problems)
    }
  }

  /// How many values a settled stage has at all its places: those that are written, and the stages that its list ports
  /// collect; nil where it would be repeated too often.
  func size(ofStage number: Int) -> Int? {
    guard let places = sweeps.count(along: reach[number]) else { return nil }
    var size = stages[number].size
    for input in stages[number].outlines.first?.outline.inputs ?? [] where input.port.arity.isList {
      for node in Self.references(in: input.value, input.port) {
        let along = span(of: node, in: stages[number].stage.scope).subtracting(reach[number])
        size += sweeps.count(along: along) ?? 0
      }
    }
    return size * places
  }

  /// The nodes that are references in what stands at a port.
  private static func references(in node: Node, _ port: Port) -> [Node] {
    switch port.arity {
    case .one, .optional: [node]
    case .list, .optionalList: node.sequence ?? (node.mapping ?? []).map(\.value)
    case .mixture: MixtureSyntax(node, subject: "", normalize: nil).segments.flatMap { $0.weights.map(\.name.node) }
    }
  }

  // MARK: Stages

  /// The inputs of a stage by port, without those that something is wrong with.
  func inputs(
    of outline: StageOutline, _ number: Int, at point: Point, into problems: inout Problems
  ) -> [String: PlannedInput] {
    var inputs: [String: PlannedInput] = [:]
    for (port, _, value) in outline.inputs {
      let subject = Subject(port: port, kind: outline.kindName.text, stage: number)
      let place = Place(point: point, scope: stages[number].stage.scope, reach: reach[number])
      inputs[port.name] =
        switch port.arity {
        case .one, .optional:
          resolve(value, in: place.scope, at: point, for: subject, into: &problems).map(PlannedInput.one)
        case .list, .optionalList: list(value, subject, place, into: &problems).map(PlannedInput.list)
        case .mixture: mixture(value, subject, place, of: outline, into: &problems).map(PlannedInput.mixture)
        }
    }
    return inputs
  }

  /// What a link leads to, at every place of the sweeps.
  func outputs(ofLink number: Int) -> [OutputReference] {
    (sweeps.points(along: reach[stages.count + number]) ?? []).compactMap { targets[number][$0] }
  }

  /// Sees that what is given for an input of a recipe in use is of its type.
  func check(_ binding: Expansion.Binding, into problems: inout Problems) {
    for given in outputs(ofLink: binding.link) where given.type != binding.input.type {
      problems.report(
        "\(binding.subject) takes \(binding.input.type?.rawValue ?? "something else"), but \(binding.given) gives "
          + given.type.rawValue,
        at: binding.location, notes: [.init("declared here", at: binding.input.name.location)])
    }
  }

  // MARK: Arities

  /// A port as an error says it.
  struct Subject {
    let port: Port
    let kind: String
    /// The number of the stage.
    let stage: Int
    var text: String { "'\(port.name)' of '\(kind)'" }
  }

  /// Where a stage stands that has inputs.
  private struct Place {
    let point: Point
    let scope: Int
    let reach: Set<Int>
  }

  private func list(
    _ node: Node, _ subject: Subject, _ place: Place, into problems: inout Problems
  ) -> [LabeledReference]? {
    var labeled: [(label: Name, node: Node)]
    switch node.content {
    case .sequence(let nodes): labeled = nodes.map { (Name($0.scalar?.text ?? "", at: $0.location), $0) }
    case .mapping(let entries): labeled = entries.map { ($0.key, $0.value) }
    case .scalar(let scalar):
      problems.report(
        "\(subject.text) must be a list of stages, not \(node.summary)", at: node.location,
        hint: "for just one, write [\(scalar.text)]", notes: node.notes)
      return nil
    }
    let absent = labeled.filter { scopes[place.scope].isAbsent($0.node) }
    labeled.removeAll { scopes[place.scope].isAbsent($0.node) }
    guard !labeled.isEmpty else {
      guard let first = absent.first?.node else {
        problems.report("\(subject.text) lists no stage", at: node.location, notes: node.notes)
        return nil
      }
      guard subject.port.arity.isRequired else { return [] }
      Scope.reportAbsent(first, for: "all that \(subject.text) lists", into: &problems)
      return nil
    }
    var labels: Set<String> = []
    var members: [LabeledReference] = []
    var isWhole = true
    for (label, node) in labeled {
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
  ) -> [LabeledReference]? {
    let along = span(of: node, in: place.scope).subtracting(place.reach)
    guard let points = sweeps.points(along: along) else {
      reportTooMany(node, along: along, into: &problems)
      return nil
    }
    let members = points.compactMap { point in
      let here = place.point.moved(to: point)
      return resolve(node, in: place.scope, at: here, for: subject, into: &problems).map {
        LabeledReference(label: label, axes: sweeps.axes(of: point), reference: $0)
      }
    }
    return members.count == points.count ? members : nil
  }

  private func mixture(
    _ node: Node, _ subject: Subject, _ place: Place, of outline: StageOutline, into problems: inout Problems
  ) -> Mixture<OutputReference>? {
    let normalize = outline.parameters.map { $0["normalize"]?.bool ?? false }
    let syntax = MixtureSyntax(node, subject: subject.text, normalize: normalize)
    for error in syntax.problems.errors { problems.report(error) }
    var segments: [Mixture<OutputReference>.Segment] = []
    var isWhole = syntax.problems.isEmpty
    for segment in syntax.segments {
      var weights: [Mixture<OutputReference>.Weight] = []
      for (name, weight) in segment.weights {
        if let member = resolve(name.node, in: place.scope, at: place.point, for: subject, into: &problems) {
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

  /// The output that a reference leads to at `point`.
  /// - Parameters:
  ///   - subject: the port whose types it must fit, if it is for one.
  ///   - link: what it is for otherwise.
  private func resolve(
    _ node: Node, in number: Int, at point: Point, for subject: Subject?, by link: Link? = nil,
    into problems: inout Problems
  ) -> OutputReference? {
    guard !problems.isFull else { return nil }
    let scope = scopes[number]
    guard let node = scope.parameters.applied(to: node, at: point, into: &problems) else { return nil }
    let place = link?.place ?? subject.map { "'\($0.port.name)'" } ?? ""
    guard let text = node.scalar?.value.string, !text.isEmpty else {
      problems.report(
        "\(subject?.text ?? link?.subject ?? "") must name one stage, not \(node.summary)", at: node.location,
        notes: node.notes)
      return nil
    }
    let location = node.location
    guard !scope.isAbsent(node) else {
      Scope.reportAbsent(node, for: subject?.text ?? link?.subject ?? "this", into: &problems)
      return nil
    }
    guard let reference = Reference(text) else {
      problems.report(
        "'\(text)' is no reference", at: location,
        hint: "a reference is 'stage', 'stage.port', 'stage[axis=value]' or 'stage[axis=value].port'", notes: node.notes
      )
      return nil
    }
    guard let member = scope.members[reference.name] else {
      reportUnknownStage(reference.name, text: text, node, in: place, scope: scope, into: &problems)
      return nil
    }
    guard let point = selected(by: reference, of: member, in: scope, at: point, node, into: &problems) else {
      return nil
    }
    guard let output = output(of: member, reference, at: point, node, into: &problems) else { return nil }
    if let subject, !subject.port.types.contains(output.type) {
      let fitting = fitting(subject, in: number)
      problems.report(
        "\(subject.text) takes \(subject.port.typeNames), but '\(text)' gives \(output.type.rawValue)", at: location,
        hint: fitting.isEmpty ? nil : "these fit: " + Suggestion.list(fitting), notes: node.notes)
      return nil
    }
    return output
  }

  /// `point`, moved to what a reference picks from the sweeps of what it names.
  private func selected(
    by reference: Reference, of member: Scope.Member, in scope: Scope, at point: Point, _ node: Node,
    into problems: inout Problems
  ) -> Point? {
    guard !reference.selection.isEmpty else { return point }
    let reached = self.names.number(of: member, reference).map { reach[$0] } ?? []
    var picked: [Int: [Point]] = [:]
    var axes: Set<String> = []
    for (written, value) in reference.selection {
      guard axes.insert(written).inserted else {
        problems.report("'\(written)' is picked twice", at: node.location, notes: node.notes)
        return nil
      }
      guard let sweep = reached.first(where: { name(of: written, along: $0, in: scope) != nil }),
        let axis = name(of: written, along: sweep, in: scope)
      else {
        let names = sweeps.names(along: reached).map {
          $0.hasPrefix(scope.prefix) ? String($0.dropFirst(scope.prefix.count)) : $0
        }
        let suggestion = Suggestion.nearest(to: written, in: names)
        let known = names.isEmpty ? "no sweep reaches it" : "it is swept along " + Suggestion.list(names)
        problems.report(
          "'\(reference.name)' has no axis '\(written)'", at: node.location, suggestion: suggestion,
          hint: suggestion == nil ? known : nil, notes: node.notes)
        return nil
      }
      let places = sweeps.places(along: sweep, where: axis, is: value)
      picked[sweep] = picked[sweep].map { $0.filter(places.contains) } ?? places
      if places.isEmpty {
        let column = sweeps.all[sweep].names.firstIndex(of: axis) ?? 0
        let values = sweeps.all[sweep].values.map { $0[column].spelling }
        problems.report(
          "'\(written)' of '\(reference.name)' is never '\(value)'", at: node.location,
          suggestion: Suggestion.nearest(to: value, in: values), hint: "it is " + Suggestion.list(values),
          notes: node.notes)
        return nil
      }
    }
    if picked.contains(where: { $0.value.isEmpty }) {
      let wanted = reference.selection.map { "\($0.axis)=\($0.value)" }.joined(separator: " and ")
      problems.report(
        "no place of '\(reference.name)' has \(wanted); the sweeps are zipped", at: node.location, notes: node.notes)
      return nil
    }
    guard let ambiguous = picked.first(where: { $0.value.count > 1 }) else {
      return picked.values.reduce(point) { $0.moved(to: $1[0]) }
    }
    let sweep = sweeps.all[ambiguous.key]
    guard sweep.names.count > 1 else {
      // Values that read alike; a value itself stands twice only after an error.
      let values = ambiguous.value.compactMap { $0.places[ambiguous.key].map { sweep.values[$0][0].spelling } }
      problems.report(
        "'\(reference.name)' picks \(ambiguous.value.count) places of the sweep of '\(sweep.names[0])'",
        at: node.location, hint: "write which: " + Suggestion.list(values), notes: node.notes)
      return nil
    }
    problems.report(
      "'\(reference.name)' picks \(ambiguous.value.count) places of a zipped sweep", at: node.location,
      hint: "pick by all of " + sweep.names.joined(separator: ", "), notes: node.notes)
    return nil
  }

  private func output(
    of member: Scope.Member, _ reference: Reference, at point: Point, _ node: Node, into problems: inout Problems
  ) -> OutputReference? {
    // What is wrong further on is reported where it stands.
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
      if let link = scopes[number].output(reference.port) { return target(of: link, at: point) }
      let file = scopes[number].file
      reportUnknownOutput(
        reference, has: file.document.outputs?.map(\.key.text) ?? [], otherwise: file.outputsHint, node,
        into: &problems)
      return nil
    case .input(let link, let type) where reference.port == nil:
      return target(of: link, at: point).flatMap { $0.type == type ? $0 : nil }
    case .input, .absent:
      problems.report(
        "'\(reference.name)' is an input and has no outputs", at: node.location,
        hint: "write just '\(reference.name)'", notes: node.notes)
      return nil
    case .broken: return nil
    }
  }

  private func target(of link: Int, at point: Point) -> OutputReference? {
    targets[link][point.along(reach[stages.count + link])]
  }

  private func reference(to output: OutputPort, of number: Int, at point: Point) -> OutputReference {
    let axes = sweeps.axes(of: point.along(reach[number]))
    return OutputReference(
      stage: PlannedStage.id(stages[number].stage.name, at: axes), port: output.name, type: output.type)
  }
}

extension Name {
  /// The name as a reference.
  fileprivate var node: Node { Node(.scalar(Scalar(text, isPlain: false)), at: location) }
}
