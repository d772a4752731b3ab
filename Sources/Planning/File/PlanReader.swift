import ArtifactStore
import JSONSyntax
import OrderedCollections
import RecipeSyntax
import StageKit

/// A part of a plan's file, and where it is.
struct PlanReader {
  let json: JSON
  let place: String

  func fail(_ member: String) -> InputError {
    InputError("\(place): '\(member)' is missing or wrong; the plan is damaged: make it again with `plan --out`")
  }

  func int(_ member: String) throws -> Int { try wanted(json[member]?.int, member) }
  func string(_ member: String) throws -> String { try wanted(json[member]?.string, member) }

  func parts(_ member: String) throws -> [PlanReader] {
    let elements = try wanted(json[member]?.array, member)
    return elements.enumerated().map { PlanReader(json: $1, place: "\(place): \(member) \($0 + 1)") }
  }

  /// What `read` makes of the members of an object, each name once.
  func members<Read>(_ member: String, _ read: (PlanReader) throws -> Read) throws -> [String: Read] {
    try wanted(json[member]?.members, member).reduce(into: [:]) { members, entry in
      let part = PlanReader(json: entry.value, place: "\(place): \(entry.name)")
      guard members.updateValue(try read(part), forKey: entry.name) == nil else { throw fail(member) }
    }
  }

  func part(_ member: String) throws -> PlanReader {
    PlanReader(json: try wanted(json[member], member), place: "\(place): \(member)")
  }

  func wanted<Found>(_ found: Found?, _ member: String) throws -> Found {
    guard let found else { throw fail(member) }
    return found
  }

  /// Entries `{"name", "value"}`, each once.
  func values(_ member: String) throws -> OrderedDictionary<String, Value> {
    try parts(member).reduce(into: [:]) { values, part in
      let value = try part.wanted(Value(canonical: part.string("value")), "value")
      guard values.updateValue(value, forKey: try part.string("name")) == nil else { throw part.fail("name") }
    }
  }

  // MARK: Parts of a plan

  func plan(kinds: [StageKind]) throws -> Plan {
    var stages: [PlannedStage] = []
    var known: [String: PlannedStage] = [:]
    var items = KnownOutputs()
    for part in try parts("stages") {
      let stage = try part.stage(kinds: kinds, items)
      // Each stands behind those that it depends on.
      for reference in stage.references {
        let output = known[reference.stage]?.outputs.first { $0.name == reference.port }
        guard output?.type == reference.type else { throw part.fail("inputs") }
      }
      guard known.updateValue(stage, forKey: stage.id) == nil else { throw part.fail("name") }
      items.settle(stage)
      stages.append(stage)
    }
    let outputs = try parts("outputs").map { try $0.reference() }
    guard outputs.allSatisfy({ known[$0.stage] != nil }) else { throw fail("outputs") }
    return Plan(
      recipe: try string("recipe"), description: json["description"]?.string, file: try string("file"),
      source: json["source"]?.string.flatMap { Digest(hex: $0) }, parameters: try values("parameters"),
      overlays: Dictionary(uniqueKeysWithValues: try values("overlays").map { ($0.key, $0.value) }),
      profile: json["profile"]?.string, stages: stages, outputs: outputs)
  }

  /// A stage that its kind could have been given in a recipe.
  func stage(kinds: [StageKind], _ items: KnownOutputs) throws -> PlannedStage {
    let name = try string("kind")
    guard let kind = kinds.first(where: { $0.name == name }), try int("revision") == kind.revision else {
      throw InputError("\(place): the kind '\(name)' is of another version of diffusionclip: make the plan again")
    }
    let values = Dictionary(uniqueKeysWithValues: try values("parameters").map { ($0.key, $0.value) })
    let declared = Dictionary(uniqueKeysWithValues: kind.parameters.map { ($0.name, $0) })
    guard values.allSatisfy({ declared[$0.key]?.kind.holds($0.value) ?? false }),
      kind.parameters.allSatisfy({ $0.presence == .optional || values[$0.name] != nil })
    else { throw fail("parameters") }
    let parameters = Parameters(values)
    let inputs = try members("inputs") { try $0.input() }
    let ports = Dictionary(uniqueKeysWithValues: kind.ports(parameters, given: inputs.keys).map { ($0.name, $0) })
    let sources = try members("sources") { try $0.source() }
    let expectations = try parts("expectations").map { try $0.expectation() }
    let draft = StageDraft(parameters, inputs: inputs, items, sources: sources, expectations: expectations)
    guard inputs.allSatisfy({ ports[$0.key]?.takes($0.value) ?? false }),
      ports.values.allSatisfy({ !$0.arity.isRequired || inputs[$0.name] != nil }), kind.check(draft).isEmpty
    else { throw fail("inputs") }
    let mapping = kind.mapping(parameters, over: sources)
    guard try string("mapping") == mapping.text, kind.pathParameters(in: parameters) == Set(sources.keys) else {
      throw fail("sources")
    }
    return PlannedStage(
      name: try string("name"), axes: try axes(), kind: kind, mapping: mapping,
      description: json["description"]?.string, parameters: parameters, inputs: inputs, sources: sources,
      expectations: expectations, outputs: kind.outputs(parameters),
      location: try part("location").location())
  }

  private func axes() throws -> [Axis] { try values("axes").map { Axis(name: $0.key, value: $0.value) } }

  private func type() throws -> ArtifactType { try wanted(ArtifactType(named: try string("type")), "type") }

  private func location() throws -> SourceLocation {
    SourceLocation(file: try string("file"), line: try int("line"), column: try int("column"))
  }

  func reference() throws -> OutputReference {
    OutputReference(stage: try string("stage"), port: try string("port"), type: try type())
  }

  private func input() throws -> PlannedInput {
    if json["one"] != nil { return .one(try part("one").reference()) }
    if json["list"] != nil {
      return .list(
        try parts("list").map { member in
          LabeledReference(
            label: try member.string("label"), axes: try member.axes(),
            reference: try member.part("reference").reference())
        })
    }
    return .mixture(
      Mixture(
        segments: try parts("mixture").map { segment in
          .init(
            from: try segment.int("from"),
            weights: try segment.parts("weights").map { weight in
              .init(
                label: try weight.string("label"), member: try weight.part("reference").reference(),
                weight: try weight.wanted(Value(canonical: try weight.string("weight"))?.double, "weight"))
            })
        }))
  }

  private func digest() throws -> Digest { try wanted(Digest(hex: try string("sha256")), "sha256") }

  private func source() throws -> PlannedSource {
    let form = try wanted(PlannedSource.Form(rawValue: try string("form")), "form")
    return PlannedSource(
      form: form,
      files: try parts("files").map { file in
        guard file.json["url"] != nil else {
          let pinned = file.json["sha256"] == nil ? nil : try file.digest()
          return SourcePath(name: try file.string("name"), place: .path(try file.string("path"), pinned: pinned))
        }
        let digest = try file.digest()
        let size = file.json["size"] == nil ? nil : try file.int("size")
        if let size { _ = try file.wanted(PlannedSource.sizes ~= size ? size : nil, "size") }
        let mirrors = try file.json["mirrors"].map { listed in
          try file.wanted(listed.array, "mirrors").map { try file.wanted($0.string, "mirrors") }
        }
        return SourcePath(
          name: try file.string("name"),
          place: .url(try file.string("url"), mirrors: mirrors ?? [], sha256: digest, size: size))
      })
  }

  private func expectation() throws -> Expectation {
    let text = try string("text")
    let baseline = json["baseline"]?.double
    return Expectation(
      measure: try string("measure"), comparison: try wanted(Expectation.Comparison(text, baseline: baseline), "text"),
      text: text, location: try part("location").location(), baseline: baseline,
      baselineParameters: json["baseline_params"]?.string)
  }
}
