import Foundation
import RecipeSyntax
import StageKit

/// Makes plans: names -> values -> types -> plan graph.
public enum Planner {
  /// The plan of a recipe.
  /// - Parameters:
  ///   - path: the recipe file, as the user names it.
  ///   - kinds: what stages there are.
  ///   - overlays: what the user sets anew, each `name=value`.
  /// - Throws: everything that is wrong with the recipe.
  public static func plan(
    recipeAt path: String, kinds: [StageKind], overlays: [String] = []
  ) throws(Diagnostics) -> Plan {
    let source = try SourceText.read(path)
    let sources = [RecipeParameters.overlaySource(overlays), source]
    var problems = Problems()
    let root: Node
    do throws(Diagnostic) {
      root = try NodeReader.read(source, into: &problems)
    } catch {
      problems.report(error)
      throw Diagnostics(problems.errors, sources: sources)
    }
    let document = RecipeDocument(root, into: &problems)
    let file = URL(filePath: path).absoluteURL
    let folder = file.deletingLastPathComponent().resolvingSymlinksInPath().path
    let graph = Graph(
      document, kinds: kinds, parameters: RecipeParameters(document.parameters, overlays: overlays, into: &problems),
      finder: SourceFinder(in: folder), into: &problems)
    try problems.throwIfAny(sources: sources)
    return Plan(
      recipe: document.name, description: document.description, file: folder + "/" + file.lastPathComponent,
      parameters: graph.parameters.values, overlays: graph.parameters.overlays, stages: graph.stages,
      outputs: graph.outputs)
  }
}

/// The stages of a recipe, bound to each other. Whole only where no problem was reported.
private struct Graph {
  let parameters: RecipeParameters
  private(set) var stages: [PlannedStage] = []
  private(set) var outputs: [OutputReference] = []

  init(
    _ document: RecipeDocument, kinds: [StageKind], parameters: RecipeParameters, finder: SourceFinder,
    into problems: inout Problems
  ) {
    self.parameters = parameters
    let outlines = document.stages.map {
      StageOutline($0, kinds: kinds, parameters: parameters, finder: finder, into: &problems)
    }
    var resolver = ReferenceResolver(outlines)
    let bound = outlines.map { resolver.inputs(of: $0) }
    let listed = document.outputs.map { nodes in
      Self.listed(nodes.compactMap { parameters.applied(to: $0, into: &problems) }, by: &resolver, into: &problems)
    }
    resolver.problems.errors.forEach { problems.report($0) }
    for (outline, bound) in zip(outlines, bound) { Self.check(outline, inputs: bound.inputs, into: &problems) }

    let names = outlines.map(\.syntax.name.text)
    let indices = Dictionary(zip(names, names.indices)) { first, _ in first }
    let dependencies = bound.map {
      $0.dependencies.compactMap { need in indices[need.name].map { ($0, need.location) } }
    }
    let order = StageOrder.sorted(names: names, dependencies: dependencies, into: &problems)

    stages = order.compactMap { Self.stage(outlines[$0], inputs: bound[$0].inputs) }
    outputs = listed ?? Self.unused(outlines, needed: Set(bound.flatMap { $0.dependencies.map(\.name) }))
  }

  /// What `outputs` lists.
  private static func listed(
    _ nodes: [Node], by resolver: inout ReferenceResolver, into problems: inout Problems
  ) -> [OutputReference] {
    var outputs: [OutputReference] = []
    for node in nodes {
      guard let output = resolver.output(node) else { continue }
      guard !outputs.contains(output) else {
        problems.report("'outputs' lists this twice", at: node.location, hint: "list each output once")
        continue
      }
      outputs.append(output)
    }
    return outputs
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

  private static func stage(_ outline: StageOutline, inputs: [String: PlannedInput]) -> PlannedStage? {
    guard let kind = outline.kind, let parameters = outline.parameters, let outputs = outline.outputs else {
      return nil
    }
    return PlannedStage(
      name: outline.syntax.name.text, kind: kind, mapping: outline.mapping, description: outline.syntax.description,
      parameters: parameters, inputs: inputs, sources: outline.sources, expectations: outline.expectations,
      outputs: outputs, location: outline.syntax.name.location)
  }

  /// The first output of every stage that no other needs.
  private static func unused(_ outlines: [StageOutline], needed: Set<String>) -> [OutputReference] {
    outlines.filter { !needed.contains($0.syntax.name.text) }.compactMap { outline in
      outline.outputs?.first.map { OutputReference(stage: outline.syntax.name.text, port: $0.name, type: $0.type) }
    }
  }
}
