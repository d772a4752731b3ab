import RecipeSyntax
import StageKit

extension ReferenceResolver {
  /// The output that a reference leads to at `point`.
  /// - Parameters:
  ///   - subject: the port whose types it must fit, if it is for one.
  ///   - link: what it is for otherwise.
  func resolve(
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
    let axis = linkAxis(of: member, reference, in: scope)
    let places = axis.map(reference.without) ?? reference
    guard let point = selected(by: places, of: member, in: scope, at: point, node, into: &problems) else {
      return nil
    }
    var link: Int?
    if let axis {
      guard let picked = picked(reference, along: axis, of: member, at: point, node, into: &problems) else {
        return nil
      }
      link = picked
    }
    guard let output = output(of: member, reference, link, at: point, node, into: &problems) else { return nil }
    if let subject, !subject.port.types.contains(output.type) {
      let fitting = fitting(subject, in: number)
      problems.report(
        "\(subject.text) takes \(subject.port.typeNames), but '\(text)' gives \(output.type.rawValue)", at: location,
        hint: fitting.isEmpty ? nil : "these fit: " + Suggestion.list(fitting), notes: node.notes)
      return nil
    }
    return output
  }

  /// The axis along which a reference picks a link of the chain that a stage makes: `epoch`. Nil where it picks none, or
  /// a sweep is called so.
  private func linkAxis(of member: Scope.Member, _ reference: Reference, in scope: Scope) -> String? {
    guard !reference.selection.isEmpty, case .stage(let number) = member, let axis = stages[number].linkName,
      reference.picked(along: axis) != nil,
      !reach[number].contains(where: { name(of: axis, along: $0, in: scope) != nil })
    else { return nil }
    return axis
  }

  /// The link of its chain that a reference picks from a stage.
  private func picked(
    _ reference: Reference, along axis: String, of member: Scope.Member, at point: Point, _ node: Node,
    into problems: inout Problems
  ) -> Int? {
    guard case .stage(let number) = member, let outline = stages[number][point], let kind = outline.kind,
      let chaining = kind.chaining, let links = outline.parameters?[chaining]?.int
    else { return nil }
    guard reference.selection.count(where: { $0.axis == axis }) == 1 else {
      problems.report("'\(axis)' is picked twice", at: node.location, notes: node.notes)
      return nil
    }
    let written = reference.picked(along: axis) ?? ""
    guard let link = Int(written), 1...links ~= link else {
      problems.report(
        "'\(axis)' of '\(reference.name)' is never '\(written)'", at: node.location,
        hint: "'\(chaining)' is \(links): pick one from 1 to that", notes: node.notes)
      return nil
    }
    return link
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

  /// - Parameter link: which link of the chain that a stage makes; nil for the last.
  private func output(
    of member: Scope.Member, _ reference: Reference, _ link: Int?, at point: Point, _ node: Node,
    into problems: inout Problems
  ) -> OutputReference? {
    // What is wrong further on is reported where it stands.
    switch member {
    case .stage(let number):
      guard let outputs = stages[number][point]?.outputs, let first = outputs.first else { return nil }
      guard let port = reference.port else { return self.reference(to: first, of: number, link, at: point) }
      if let named = outputs.first(where: { $0.name == port }) {
        return self.reference(to: named, of: number, link, at: point)
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

  private func reference(to output: OutputPort, of number: Int, _ link: Int?, at point: Point) -> OutputReference {
    let axes = sweeps.axes(of: point.along(reach[number])) + stages[number].axes(ofLink: link, at: point)
    return OutputReference(
      stage: PlannedStage.id(stages[number].stage.name, at: axes), port: output.name, type: output.type)
  }
}
