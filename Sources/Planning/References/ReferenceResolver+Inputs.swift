import RecipeSyntax
import StageKit

extension ReferenceResolver {
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
        case .mixture:
          mixture(
            value, subject, place, normalize: outline.parameters.map { $0["normalize"]?.bool ?? false },
            into: &problems
          ).map(PlannedInput.mixture)
        case .ensemble: ensemble(value, subject, place, into: &problems)
        // There is a port for each of these.
        case .named: nil
        }
    }
    return inputs
  }

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

  /// - Parameter normalize: whether weights are divided by their sum; nil where that is not known.
  private func mixture(
    _ node: Node, _ subject: Subject, _ place: Place, normalize: Bool?, into problems: inout Problems
  ) -> Mixture<OutputReference>? {
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
}

// MARK: Ensembles

extension ReferenceResolver {
  /// One reference, or several with weights that add up to 1.
  private func ensemble(
    _ node: Node, _ subject: Subject, _ place: Place, into problems: inout Problems
  ) -> PlannedInput? {
    func member(_ node: Node) -> OutputReference? {
      resolve(node, in: place.scope, at: place.point, for: subject, into: &problems)
    }
    switch node.content {
    case .scalar: return member(node).map(PlannedInput.one)
    case .sequence(let nodes):
      guard !nodes.isEmpty else {
        problems.report("\(subject.text) lists no stage", at: node.location, notes: node.notes)
        return nil
      }
      let members = nodes.compactMap(member)
      guard members.count == nodes.count else { return nil }
      if let twice = zip(members.indices, members).first(where: { members[..<$0].contains($1) }) {
        problems.report(
          "\(subject.text) lists '\(nodes[twice.0].scalar?.text ?? "")' twice", at: nodes[twice.0].location,
          hint: "give it a weight: {a: 2, b: 1}")
        return nil
      }
      let weights = zip(nodes, members).map { node, member in
        Mixture.Weight(label: node.scalar?.text ?? "", member: member, weight: 1 / Double(members.count))
      }
      return weights.count == 1
        ? .one(weights[0].member) : .mixture(Mixture(segments: [.init(from: 0, weights: weights)]))
    case .mapping(let entries):
      var isWhole = true
      for entry in entries where entry.value.scalar?.value.double.map({ $0 <= 0 }) ?? false {
        problems.report(
          "the weight of '\(entry.key.text)' in \(subject.text) must be above 0, not \(entry.value.summary)",
          at: entry.value.location, notes: entry.value.notes)
        isWhole = false
      }
      guard isWhole, let mixture = mixture(node, subject, place, normalize: true, into: &problems) else { return nil }
      let weights = mixture.segments[0].weights
      return weights.count == 1 ? .one(weights[0].member) : .mixture(mixture)
    }
  }
}

extension Name {
  /// The name as a reference.
  var node: Node { Node(.scalar(Scalar(text, isPlain: false)), at: location) }
}
