import ArtifactStore
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
  ///   - profile: the name of the recipe's profile that gives what these leave out.
  /// - Throws: everything that is wrong with the recipe, and with those that it uses.
  public static func plan(
    recipeAt path: String, kinds: [StageKind], overlays: [String] = [], profile: String? = nil
  ) throws(Diagnostics) -> Plan {
    try plan(recipeAt: path, kinds: kinds, setting: overlays.map(Overlay.written), profile: profile)
  }

  /// Sees that a recipe is in order by itself, as far as that can be seen without what others give: its inputs, with and
  /// without the optional ones, the parameters of a recipe with inputs that have no value, and, unless they are needed,
  /// the files that it names.
  /// - Returns: its plan, without what it lacks.
  /// - Throws: everything that is wrong with it.
  public static func check(
    recipeAt path: String, kinds: [StageKind], overlays: [String] = [], profile: String? = nil, needsFiles: Bool = true
  ) throws(Diagnostics) -> Plan {
    let overlays = overlays.map(Overlay.written)
    func plan(_ given: StandIns) throws(Diagnostics) -> (plan: Plan, hasOptionalInputs: Bool) {
      try self.plan(
        recipeAt: path, kinds: kinds, setting: overlays, profile: profile, standIns: given, needsFiles: needsFiles)
    }
    let (plain, hasOptionalInputs) = try plan(.required)
    return hasOptionalInputs ? try plan(.all).plan : plain
  }

  /// The same, with what the user or a record sets anew.
  public static func plan(
    recipeAt path: String, kinds: [StageKind], setting overlays: [Overlay], profile: String? = nil
  ) throws(Diagnostics) -> Plan {
    try plan(
      recipeAt: path, kinds: kinds, setting: overlays, profile: profile, standIns: .none, needsFiles: true
    ).plan
  }

  private static func plan(
    recipeAt path: String, kinds: [StageKind], setting overlays: [Overlay], profile: String?, standIns: StandIns,
    needsFiles: Bool
  ) throws(Diagnostics) -> (plan: Plan, hasOptionalInputs: Bool) {
    let source = try SourceText.read(path)
    let lock = try SourceLock(ofRecipe: path)
    var expansion = Expansion(of: source, lock: lock, overlays: overlays, profile: profile, standIns: standIns)
    guard let root = expansion.scopes.first else {
      throw Diagnostics(expansion.problems.errors, sources: expansion.sources)
    }
    if expansion.isBroken { try expansion.problems.throwIfAny(sources: expansion.sources) }
    let graph = Graph(&expansion, kinds: kinds + expansion.standIns, needsFiles: needsFiles)
    try expansion.problems.throwIfAny(sources: expansion.sources)
    let document = root.file.document
    let plan = Plan(
      recipe: document.name, description: document.description, file: root.file.path,
      source: Digest(of: source.text), texts: expansion.recipes, parameters: root.parameters.values,
      overlays: root.parameters.overlays, profile: profile, lock: lock,
      stages: graph.stages.filter { stage in !expansion.standIns.contains { $0.name == stage.kind.name } },
      outputs: graph.outputs)
    return (plan, expansion.hasOptionalInputs)
  }
}

/// The stages of a recipe, repeated along the sweeps and bound to each other. Whole only where no problem was reported.
private struct Graph {
  private(set) var stages: [PlannedStage] = []
  private(set) var outputs: [OutputReference] = []

  init(_ expansion: inout Expansion, kinds: [StageKind], needsFiles: Bool) {
    guard let repeated = Self.repeated(&expansion, kinds: kinds, needsFiles: needsFiles) else { return }
    var resolver = ReferenceResolver(repeated, in: expansion)
    let sorted = StageOrder(dependencies: resolver.dependencies.map { $0.map(\.number) })
    for circle in sorted.circles { Self.report(circle, of: resolver.dependencies, in: &expansion) }
    guard Self.settle(sorted.order, &resolver, repeated, &expansion) else { return }
    var drafts: [Draft] = []
    var known = KnownOutputs()
    let root = expansion.scopes.first
    var baseline = BaselineFile(ofRecipe: root?.file.path ?? "", parameters: root?.parameters.values ?? [:])
    for number in sorted.order where number < repeated.count && !expansion.problems.isFull {
      var found = Problems()
      let made = Self.planned(
        number, repeated[number], resolver, known, sweeps: expansion.sweeps, &baseline, into: &found)
      for draft in made { known.settle(draft.stage) }
      drafts += made
      expansion.report(found, in: repeated[number].stage.scope)
    }
    for binding in expansion.bindings where !expansion.problems.isFull {
      var found = Problems()
      resolver.check(binding, into: &found)
      expansion.report(found, in: binding.scope)
    }
    let listed = Self.outputs(resolver, &expansion)
    // To be done is what makes the outputs, every stage of the recipe itself and of those that are used for their own
    // sake, those of others that expect something, and all that these need.
    let scopes = Self.untouched(resolver, expansion).union([0])
    let wanted = drafts.filter { !$0.isPicked && (scopes.contains($0.scope) || !$0.stage.expectations.isEmpty) }
      .map(\.stage.id)
    stages = drafts.map(\.stage).needed(for: wanted + listed.map(\.stage))
    let ids = Set(stages.map(\.id))
    for draft in drafts where needsFiles && ids.contains(draft.stage.id) {
      var found = Problems()
      for file in draft.missingFiles { found.report(file) }
      expansion.report(found, in: draft.scope)
    }
    outputs = expansion.scopes[0].file.document.outputs == nil ? Self.ends(of: stages) : listed
  }

  /// A stage at one place of the sweeps.
  private struct Draft {
    let stage: PlannedStage
    let scope: Int
    /// What is to be said of files that are not there.
    let missingFiles: [Diagnostic]
    /// Whether it is there for references alone that pick a link of a chain.
    let isPicked: Bool
  }

  /// The recipes in use of which nothing is taken: then it is for their own sake that they are used.
  private static func untouched(_ resolver: ReferenceResolver, _ expansion: Expansion) -> Set<Int> {
    Set(
      expansion.scopes.indices.filter { number in
        let scope = expansion.scopes[number]
        return scope.users.count == 1
          && scope.outputs.allSatisfy { resolver.dependents[expansion.stages.count + $0].isEmpty }
      })
  }

  /// The first output of every stage that no other needs.
  private static func ends(of stages: [PlannedStage]) -> [OutputReference] {
    let taken = Set(stages.flatMap(\.references).map(\.stage))
    return stages.filter { !taken.contains($0.id) }.compactMap { stage in
      stage.outputs.first.map { OutputReference(stage: stage.id, port: $0.name, type: $0.type) }
    }
  }

  /// The stages with their own sweeps; nil after reporting that these, or those of links, make too much of them, or too
  /// much else.
  private static func repeated(
    _ expansion: inout Expansion, kinds: [StageKind], needsFiles: Bool
  ) -> [RepeatedStage]? {
    var size = 0
    var repeated: [RepeatedStage] = []
    for stage in expansion.stages where !expansion.problems.isFull {
      var found = Problems()
      let scope = expansion.scopes[stage.scope]
      var made = RepeatedStage(stage, scope: scope)
      size += made.size * (expansion.sweeps.count(along: made.sweeps) ?? 0)
      guard size <= Expansion.limit else {
        expansion.reportTooLarge(at: stage.syntax.name.location, in: stage.scope)
        return nil
      }
      made.decode(kinds: kinds, scope: scope, sweeps: expansion.sweeps, needsFiles: needsFiles, into: &found)
      expansion.report(found, in: stage.scope)
      repeated.append(made)
    }
    for link in expansion.links {
      size += expansion.sweeps.count(along: expansion.scopes[link.scope].parameters.sweeps(in: link.node)) ?? 0
      guard size <= Expansion.limit else {
        expansion.reportTooLarge(at: link.node.location, in: link.scope)
        return nil
      }
    }
    return expansion.problems.isFull ? nil : repeated
  }

  /// Settles stages and links in their order; false after reporting that their sweeps make too much of them.
  private static func settle(
    _ order: [Int], _ resolver: inout ReferenceResolver, _ repeated: [RepeatedStage], _ expansion: inout Expansion
  ) -> Bool {
    var size = 0
    for number in order {
      let scope: Int
      let location: SourceLocation
      var found = Problems()
      if number < repeated.count {
        scope = repeated[number].stage.scope
        location = repeated[number].stage.syntax.name.location
        resolver.settle(stage: number)
        size += resolver.size(ofStage: number) ?? 0
      } else {
        let link = expansion.links[number - repeated.count]
        scope = link.scope
        location = link.node.location
        resolver.settle(link: number - repeated.count)
        size += expansion.sweeps.count(along: resolver.reach[number]) ?? 0
      }
      guard size <= Expansion.limit else {
        expansion.reportTooLarge(at: location, in: scope)
        return false
      }
      guard !expansion.problems.isFull else { return false }
      if number >= repeated.count { resolver.follow(link: number - repeated.count, into: &found) }
      expansion.report(found, in: scope)
    }
    return true
  }

  /// Reports a circle where it is closed, or rather in the outermost recipe that it goes through.
  private static func report(
    _ circle: [Int], of dependencies: [[ReferenceResolver.Dependency]], in expansion: inout Expansion
  ) {
    let steps = zip(circle, circle.dropFirst()).map { number, next in
      let stage = number < expansion.stages.count ? expansion.stages[number] : nil
      let link = stage == nil ? expansion.links[number - expansion.stages.count] : nil
      return (
        name: stage?.name ?? link?.name ?? "", scope: stage?.scope ?? link?.scope ?? 0,
        location: dependencies[number].first { $0.number == next }?.location
      )
    }
    let depths = steps.map { expansion.scopes[$0.scope].users.count }
    guard let place = steps.indices.reversed().min(by: { depths[$0] < depths[$1] }),
      let location = steps[place].location
    else { return }
    let names = steps.map(\.name) + [steps[0].name]
    var found = Problems()
    found.report(
      "stages need each other in a circle: " + names.shortened.joined(separator: " -> "), at: location,
      hint: "let one of them take its input from elsewhere")
    expansion.report(found, in: steps[place].scope)
  }

  /// The stage at every place that it is repeated at.
  private static func planned(
    _ number: Int, _ repeated: RepeatedStage, _ resolver: ReferenceResolver, _ known: KnownOutputs, sweeps: Sweeps,
    _ baseline: inout BaselineFile, into problems: inout Problems
  ) -> [Draft] {
    guard let points = sweeps.points(along: resolver.reach[number]) else {
      repeated.reportTooMany(into: &problems)
      return []
    }
    var drafts: [Draft] = []
    for point in points {
      guard let outline = repeated[point] else { continue }
      let inputs = resolver.inputs(of: outline, number, at: point, into: &problems)
      check(outline, inputs: inputs, known, into: &problems)
      guard let kind = outline.kind, let parameters = outline.parameters, let outputs = outline.outputs else {
        continue
      }
      let axes = sweeps.axes(of: point)
      let expectations = baseline.applied(
        to: outline.expectations, of: PlannedStage.id(repeated.stage.name, at: axes), outputs, into: &problems)
      func add(axes: [Axis], _ parameters: Parameters, _ expectations: [Expectation], isPicked: Bool) {
        let stage = PlannedStage(
          name: repeated.stage.name, axes: axes, kind: kind, mapping: outline.mapping,
          description: outline.syntax.description, parameters: parameters, inputs: inputs, sources: outline.sources,
          expectations: expectations, outputs: outputs, location: outline.syntax.name.location)
        drafts.append(
          Draft(
            stage: stage, scope: repeated.stage.scope, missingFiles: outline.missingFiles, isPicked: isPicked))
      }
      for link in resolver.picks[number] ?? [] {
        let picked = repeated.axes(ofLink: link, at: point)
        guard !picked.isEmpty, let chaining = kind.chaining else { continue }
        let fewer = Parameters(parameters.values.merging([chaining: .int(link)]) { $1 })
        add(axes: axes + picked, fewer, [], isPicked: true)
      }
      add(axes: axes, parameters, expectations, isPicked: false)
    }
    guard drafts.first?.stage.links != nil else { return drafts }
    // The links of a chain are made one after the other.
    return drafts.enumerated().sorted { ($0.1.stage.links ?? 0, $0.0) < ($1.1.stage.links ?? 0, $1.0) }.map(\.1)
  }

  /// Applies the rules of the kind that reach over several parameters or ports, once each of these is right.
  private static func check(
    _ outline: StageOutline, inputs: [String: PlannedInput], _ known: KnownOutputs, into problems: inout Problems
  ) {
    guard !outline.isBroken, inputs.count == outline.inputs.count, let kind = outline.kind,
      let parameters = outline.parameters
    else { return }
    let draft = StageDraft(
      parameters, inputs: inputs, known, sources: outline.sources, expectations: outline.expectations)
    let issues =
      kind.check(draft)
      + known.issues(
        about: kind.ports(parameters, given: inputs.keys), outline.mapping, inputs)
    for issue in issues {
      let place = issue.subject.flatMap { outline.place(of: $0) } ?? outline.kindName.location
      problems.report("'\(kind.name)' of stage '\(outline.syntax.name.text)': \(issue.message)", at: place)
    }
    if issues.isEmpty, outline.outputs?.isEmpty ?? false {
      problems.report("stage '\(outline.syntax.name.text)' makes nothing", at: outline.kindName.location)
    }
  }

  /// What the recipe lists as outputs, at every place of the sweeps. That recipes list each once is seen to.
  private static func outputs(_ resolver: ReferenceResolver, _ expansion: inout Expansion) -> [OutputReference] {
    var outputs: OrderedSet<OutputReference> = []
    for (number, scope) in expansion.scopes.enumerated() {
      var found = Problems()
      var listed: OrderedSet<OutputReference> = []
      for link in scope.outputs {
        let made = resolver.outputs(ofLink: link)
        if !made.isEmpty, listed.isSuperset(of: made) {
          found.report(
            "'outputs' lists this twice", at: expansion.links[link].node.location, hint: "list each output once")
        }
        listed.formUnion(made)
      }
      expansion.report(found, in: number)
      if number == 0 { outputs = listed }
    }
    return outputs.elements
  }
}

extension [String] {
  /// At most ten, those in the middle left out.
  fileprivate var shortened: [String] { count <= 10 ? self : prefix(5) + ["…"] + suffix(4) }
}
