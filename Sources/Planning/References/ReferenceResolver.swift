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
  let links: [Link]
  let sweeps: Sweeps
  /// The stages and links that each stage or link needs anywhere, and where it says so.
  let dependencies: [[Dependency]]
  /// For each stage or link those that need it.
  let dependents: [[Int]]
  /// By the number of a stage that makes a chain: which of its links references pick.
  let picks: [Int: Set<Int>]
  /// The sweeps along which each stage or link is repeated: those of its parameters and of what it depends on. Empty
  /// for what is not settled.
  private(set) var reach: [Set<Int>]
  /// What each link leads to, at every place along its reach where nothing is wrong.
  private(set) var targets: [[Point: OutputReference]]

  typealias Dependency = (number: Int, location: SourceLocation)

  init(_ stages: [RepeatedStage], in expansion: Expansion) {
    self.stages = stages
    scopes = expansion.scopes
    links = expansion.links
    sweeps = expansion.sweeps
    reach = Array(repeating: [], count: stages.count + links.count)
    targets = Array(repeating: [:], count: links.count)
    let names = Names(scopes: scopes, stages: stages.count, sweeps: sweeps)
    self.names = names
    var picks: [Int: Set<Int>] = [:]
    func note(_ leads: [(reference: Reference, number: Int)]) -> [(reference: Reference, number: Int)] {
      for (reference, number) in leads where number < stages.count && !reference.selection.isEmpty {
        guard let axis = stages[number].linkName, let link = reference.picked(along: axis).flatMap({ Int($0) }) else {
          continue
        }
        picks[number, default: []].insert(link)
      }
      return leads
    }
    dependencies =
      stages.map { stage in
        var met: Set<Int> = []
        return stage.outlines.flatMap(\.outline.inputs).flatMap { input in
          Self.references(in: input.value, input.port).flatMap { node in
            note(names.leads(of: node, in: stage.stage.scope)).filter { met.insert($0.number).inserted }
              .map { ($0.number, node.location) }
          }
        }
      }
      + links.map { link in note(names.leads(of: link.node, in: link.scope)).map { ($0.number, link.node.location) } }
    self.picks = picks
    var dependents = dependencies.map { _ in [Int]() }
    for (number, needed) in dependencies.enumerated() {
      for dependency in needed { dependents[dependency.number].append(number) }
    }
    self.dependents = dependents
  }

  // MARK: Where references lead

  let names: Names

  /// What names in recipes stand for.
  struct Names {
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
  func span(of node: Node, in scope: Int) -> Set<Int> {
    names.leads(of: node, in: scope).reduce(into: scopes[scope].parameters.sweeps(in: node)) { span, lead in
      span.formUnion(
        reach[lead.number].filter { sweep in
          !lead.reference.selection.contains { name(of: $0.axis, along: sweep, in: scopes[scope]) != nil }
        })
    }
  }

  /// The name in `sweep` of what a recipe calls `axis`: its own axes by their names alone, wherever it is used.
  func name(of axis: String, along sweep: Int, in scope: Scope) -> String? {
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
    case .list, .optionalList, .named: node.sequence ?? (node.mapping ?? []).map(\.value)
    case .ensemble: node.scalar != nil ? [node] : node.sequence ?? (node.mapping ?? []).map(\.key.node)
    case .mixture: MixtureSyntax(node, subject: "", normalize: nil).segments.flatMap { $0.weights.map(\.name.node) }
    }
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
}
