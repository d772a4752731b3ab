import Foundation
import OrderedCollections
import RecipeSyntax
import StageKit

/// Makes plans: names -> values -> sweeps -> types -> plan graph.
public enum Planner {
  /// The plan of a recipe.
  /// - Parameters:
  ///   - path: the recipe file, as the user names it.
  ///   - kinds: what stages there are.
  ///   - overlays: what the user sets anew, each `name=value`.
  /// - Throws: everything that is wrong with the recipe, and with those that it uses.
  public static func plan(
    recipeAt path: String, kinds: [StageKind], overlays: [String] = []
  ) throws(Diagnostics) -> Plan {
    var expansion = Expansion(of: try SourceText.read(path), overlays: overlays)
    guard let root = expansion.scopes.first else {
      throw Diagnostics(expansion.problems.errors, sources: expansion.sources)
    }
    let graph = Graph(&expansion, kinds: kinds)
    try expansion.problems.throwIfAny(sources: expansion.sources)
    let document = root.file.document
    return Plan(
      recipe: document.name, description: document.description, file: root.file.path,
      parameters: root.parameters.values, overlays: root.parameters.overlays, stages: graph.stages,
      outputs: graph.outputs)
  }
}

/// The stages of a recipe, repeated along the sweeps and bound to each other. Whole only where no problem was reported.
private struct Graph {
  private(set) var stages: [PlannedStage] = []
  private(set) var outputs: [OutputReference] = []

  init(_ expansion: inout Expansion, kinds: [StageKind]) {
    let repeated = expansion.stages.map { stage -> RepeatedStage in
      var found = Problems()
      defer { expansion.report(found, in: stage.scope) }
      return RepeatedStage(
        stage, kinds: kinds, scope: expansion.scopes[stage.scope], sweeps: expansion.sweeps, into: &found)
    }
    var resolver = ReferenceResolver(repeated, in: expansion)
    let dependencies = repeated.map { resolver.dependencies(of: $0) }
    var circles = Problems()
    let order = StageOrder.sorted(
      names: repeated.map(\.stage.name), dependencies: dependencies, into: &circles)
    circles.errors.forEach { expansion.report($0) }
    for number in order { resolver.settle(number) }
    for number in order {
      let stage = repeated[number]
      var found = Problems()
      stages += Self.planned(number, stage, resolver, sweeps: expansion.sweeps, into: &found)
      expansion.report(found, in: stage.stage.scope)
      guard stages.count <= Expansion.limit else {
        expansion.report(
          Diagnostic("the sweeps make more than \(Expansion.limit) stages", at: stage.stage.syntax.name.location))
        return
      }
    }
    for binding in expansion.bindings {
      var found = Problems()
      resolver.check(binding, into: &found)
      expansion.report(found, in: binding.link.scope)
    }
    outputs = Self.outputs(resolver, repeated, needed: Set(dependencies.joined().map(\.stage)), &expansion)
  }

  /// The stage at every place that it is repeated at.
  private static func planned(
    _ number: Int, _ repeated: RepeatedStage, _ resolver: ReferenceResolver, sweeps: Sweeps,
    into problems: inout Problems
  ) -> [PlannedStage] {
    guard let points = sweeps.points(along: resolver.reach[number]) else {
      repeated.reportTooMany(into: &problems)
      return []
    }
    return points.compactMap { point in
      guard let outline = repeated[point] else { return nil }
      let inputs = resolver.inputs(of: outline, number, at: point, into: &problems)
      check(outline, inputs: inputs, into: &problems)
      guard let kind = outline.kind, let parameters = outline.parameters, let outputs = outline.outputs else {
        return nil
      }
      return PlannedStage(
        name: repeated.stage.name, axes: sweeps.axes(of: point), kind: kind, mapping: outline.mapping,
        description: outline.syntax.description, parameters: parameters, inputs: inputs, sources: outline.sources,
        expectations: outline.expectations, outputs: outputs, location: outline.syntax.name.location)
    }
  }

  /// Applies the rules of the kind that reach over several parameters or ports, once each of these is right.
  private static func check(_ outline: StageOutline, inputs: [String: PlannedInput], into problems: inout Problems) {
    guard !outline.isBroken, inputs.count == outline.inputs.count, let kind = outline.kind,
      let parameters = outline.parameters
    else { return }
    let draft = StageDraft(parameters: parameters, inputs: inputs.mapValues { $0.references.map(\.type) })
    let complaints = kind.check(draft)
    for complaint in complaints {
      let place = complaint.subject.flatMap { outline.places[$0] } ?? outline.kindName.location
      problems.report("'\(kind.name)' of stage '\(outline.syntax.name.text)': \(complaint.message)", at: place)
    }
    if complaints.isEmpty, outline.outputs?.isEmpty ?? false {
      problems.report("stage '\(outline.syntax.name.text)' makes nothing", at: outline.kindName.location)
    }
  }

  /// What the recipe lists as outputs, at every place of the sweeps; else the first output of every stage that no
  /// other needs. What recipes in use list is checked as well.
  private static func outputs(
    _ resolver: ReferenceResolver, _ repeated: [RepeatedStage], needed: Set<Int>, _ expansion: inout Expansion
  ) -> [OutputReference] {
    var outputs: OrderedSet<OutputReference> = []
    for (number, scope) in expansion.scopes.enumerated() {
      var found = Problems()
      var listed: OrderedSet<OutputReference> = []
      for entry in scope.file.document.outputs ?? [] {
        let made = resolver.outputs(Scope.Link(node: entry.value, scope: number), into: &found)
        if !made.isEmpty, listed.isSuperset(of: made) {
          found.report("'outputs' lists this twice", at: entry.value.location, hint: "list each output once")
        }
        listed.formUnion(made)
      }
      expansion.report(found, in: number)
      if number == 0 { outputs = listed }
    }
    guard expansion.scopes[0].file.document.outputs == nil else { return outputs.elements }
    return repeated.indices.filter { !needed.contains($0) }.flatMap { resolver.firstOutputs(of: $0) }
  }
}

/// A stage as it is written, decoded at every place of the sweeps that its own parameters are in.
struct RepeatedStage {
  let stage: ScopedStage
  /// The sweeps that its parameters are in.
  let sweeps: Set<Int>
  private(set) var outlines: [(point: Point, outline: StageOutline)] = []
  private var places: [Point: Int] = [:]

  init(_ stage: ScopedStage, kinds: [StageKind], scope: Scope, sweeps: Sweeps, into problems: inout Problems) {
    self.stage = stage
    self.sweeps = (stage.syntax.contents + stage.syntax.expectations).reduce(into: []) {
      $0.formUnion(scope.parameters.sweeps(in: $1.value))
    }
    guard let points = sweeps.points(along: self.sweeps) else {
      reportTooMany(into: &problems)
      return
    }
    for point in points {
      places[point] = outlines.count
      outlines.append(
        (point, StageOutline(stage.syntax, kinds: kinds, scope: scope, at: point, into: &problems)))
    }
  }

  /// The outline at a place of the grid, wherever that is along other sweeps.
  subscript(point: Point) -> StageOutline? { places[point.along(sweeps)].map { outlines[$0].outline } }

  func reportTooMany(into problems: inout Problems) {
    problems.report(
      "stage '\(stage.syntax.name.text)' would be repeated more than \(Sweeps.limit) times",
      at: stage.syntax.name.location, hint: "sweep fewer values, or zip the sweeps")
  }
}
