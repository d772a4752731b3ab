import ArtifactStore
import Foundation
import OrderedCollections
import RecipeSyntax
import StageKit

/// A plan as a file, from which its actions are executed elsewhere, without the recipe (DESIGN §6).
public struct PlanFile: Sendable {
  public let plan: Plan
  /// The SHA-256 of the file: receipts of what is executed from it are kept under this.
  public let digest: Digest

  /// The form of these files.
  private static let version = 1

  /// Reads a file that ``data(of:)`` made.
  /// - Parameter source: the file's name, for errors.
  /// - Throws: `InputError` where it is none, or one of another version of the program.
  public init(_ data: Data, kinds: [StageKind], from source: String) throws {
    guard let json = try? JSON(parsing: data) else {
      throw InputError("\(source): expected a plan as `plan --out` writes it, found something else")
    }
    let reader = PlanReader(json: json, place: source)
    guard try reader.int("plan") == Self.version, try reader.int("numerics") == numericsRevision else {
      throw InputError("\(source): a plan of another version of diffusionclip: make it anew with `plan --out`")
    }
    plan = try reader.plan(kinds: kinds)
    digest = Digest(of: data)
  }

  /// The plan as a file; the same plan always gives the same bytes.
  public static func data(of plan: Plan) -> Data {
    let json: JSON = [
      "plan": .int(version), "numerics": .int(numericsRevision), "recipe": .string(plan.recipe),
      "description": .optional(plan.description), "file": .string(plan.file),
      "parameters": .array(plan.parameters.map { named($0.key, $0.value) }),
      "overlays": .array(plan.overlays.sorted { precedes($0.key, $1.key) }.map { named($0.key, $0.value) }),
      "stages": .array(plan.stages.map(\.json)),
      "outputs": .array(plan.outputs.map(\.json)),
    ]
    return json.prettyData
  }

  fileprivate static func named(_ name: String, _ value: Value) -> JSON {
    ["name": .string(name), "value": .string(value.canonical)]
  }
}

// MARK: - Writing

extension PlannedStage {
  fileprivate var json: JSON {
    func sorted<Member>(_ members: [String: Member]) -> [(key: String, value: Member)] {
      members.sorted { precedes($0.key, $1.key) }
    }
    return [
      "name": .string(name), "axes": .array(axes.map { PlanFile.named($0.name, $0.value) }),
      "kind": .string(kind.name), "revision": .int(kind.revision), "mapping": .string(mapping.text),
      "description": .optional(description),
      "parameters": .array(sorted(parameters.values).map { PlanFile.named($0.key, $0.value) }),
      "inputs": .object(sorted(inputs).map { .init($0.key, $0.value.json) }),
      "sources": .object(sorted(sources).map { .init($0.key, $0.value.json) }),
      "expectations": .array(
        expectations.map {
          ["measure": .string($0.measure), "text": .string($0.text), "location": $0.location.json]
        }),
      "location": location.json,
    ]
  }
}

extension Mapping {
  fileprivate var text: String {
    switch self {
    case .whole: "whole"
    case .items(let port): "items \(port)"
    case .files(let parameter): "files \(parameter)"
    }
  }

  fileprivate init?(_ text: String) {
    let words = text.split(separator: " ").map(String.init)
    switch (words.first, words.count) {
    case ("whole", 1): self = .whole
    case ("items", 2): self = .items(of: words[1])
    case ("files", 2): self = .files(of: words[1])
    default: return nil
    }
  }
}

extension SourceLocation {
  fileprivate var json: JSON { ["file": .string(file), "line": .int(line), "column": .int(column)] }
}

extension OutputReference {
  fileprivate var json: JSON {
    ["stage": .string(stage), "port": .string(port), "type": .string(type.rawValue)]
  }
}

extension PlannedInput {
  fileprivate var json: JSON {
    switch self {
    case .one(let reference): ["one": reference.json]
    case .list(let members):
      [
        "list": .array(
          members.map { member in
            [
              "label": .string(member.label), "axes": .array(member.axes.map { PlanFile.named($0.name, $0.value) }),
              "reference": member.reference.json,
            ]
          })
      ]
    case .mixture(let mixture):
      [
        "mixture": .array(
          mixture.segments.map { segment in
            [
              "from": .int(segment.from),
              "weights": .array(
                segment.weights.map { weight in
                  [
                    "label": .string(weight.label), "reference": weight.member.json,
                    "weight": .string(Value.double(weight.weight).canonical),
                  ]
                }),
            ]
          })
      ]
    }
  }
}

extension PlannedSource {
  fileprivate var json: JSON {
    [
      "form": .string(form.rawValue),
      "files": .array(
        files.map { file in
          switch file.place {
          case .path(let path): ["name": .string(file.name), "path": .string(path)]
          case .url(let url, let digest):
            ["name": .string(file.name), "url": .string(url), "sha256": .string(digest.hex)]
          }
        }),
    ]
  }
}

// MARK: - Reading

/// A part of a plan's file, and where it is.
private struct PlanReader {
  let json: JSON
  let place: String

  func fail(_ member: String) -> InputError {
    InputError("\(place): '\(member)' is missing or wrong; the plan is damaged: make it anew with `plan --out`")
  }

  func int(_ member: String) throws -> Int { try wanted(json[member]?.int, member) }
  func string(_ member: String) throws -> String { try wanted(json[member]?.string, member) }

  func parts(_ member: String) throws -> [PlanReader] {
    let elements = try wanted(json[member]?.array, member)
    return elements.enumerated().map { PlanReader(json: $1, place: "\(place): \(member) \($0 + 1)") }
  }

  func members(_ member: String) throws -> [(name: String, part: PlanReader)] {
    try wanted(json[member]?.members, member).map {
      ($0.name, PlanReader(json: $0.value, place: "\(place): \($0.name)"))
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
    for part in try parts("stages") {
      let stage = try part.stage(kinds: kinds)
      // Each stands behind those that it depends on.
      for reference in stage.inputs.values.flatMap(\.references) {
        let output = known[reference.stage]?.outputs.first { $0.name == reference.port }
        guard output?.type == reference.type else { throw part.fail("inputs") }
      }
      guard known.updateValue(stage, forKey: stage.id) == nil else { throw part.fail("name") }
      stages.append(stage)
    }
    let outputs = try parts("outputs").map { try $0.reference() }
    guard outputs.allSatisfy({ known[$0.stage] != nil }) else { throw fail("outputs") }
    return Plan(
      recipe: try string("recipe"), description: json["description"]?.string, file: try string("file"),
      parameters: try values("parameters"),
      overlays: Dictionary(uniqueKeysWithValues: try values("overlays").map { ($0.key, $0.value) }), stages: stages,
      outputs: outputs)
  }

  /// A stage that its kind could have been given in a recipe.
  func stage(kinds: [StageKind]) throws -> PlannedStage {
    let name = try string("kind")
    guard let kind = kinds.first(where: { $0.name == name }), try int("revision") == kind.revision else {
      throw InputError("\(place): the kind '\(name)' is of another version of diffusionclip: make the plan anew")
    }
    let values = Dictionary(uniqueKeysWithValues: try values("parameters").map { ($0.key, $0.value) })
    let declared = Dictionary(uniqueKeysWithValues: kind.parameters.map { ($0.name, $0) })
    guard values.allSatisfy({ declared[$0.key]?.kind.holds($0.value) ?? false }),
      kind.parameters.allSatisfy({ $0.presence == .optional || values[$0.name] != nil })
    else { throw fail("parameters") }
    let parameters = Parameters(values)
    let inputs = Dictionary(uniqueKeysWithValues: try members("inputs").map { ($0.name, try $0.part.input()) })
    let ports = Dictionary(uniqueKeysWithValues: kind.inputs.map { ($0.name, $0) })
    guard inputs.allSatisfy({ ports[$0.key]?.takes($0.value) ?? false }),
      kind.inputs.allSatisfy({ !$0.arity.isRequired || inputs[$0.name] != nil }),
      kind.check(StageDraft(parameters: parameters, inputs: inputs.mapValues { $0.references.map(\.type) })).isEmpty
    else { throw fail("inputs") }
    let sources = Dictionary(uniqueKeysWithValues: try members("sources").map { ($0.name, try $0.part.source()) })
    let mapping = try wanted(Mapping(try string("mapping")), "mapping")
    guard mapping == kind.mapping || mapping == .whole, kind.pathParameters(in: parameters) == Set(sources.keys) else {
      throw fail("sources")
    }
    return PlannedStage(
      name: try string("name"), axes: try axes(), kind: kind, mapping: mapping,
      description: json["description"]?.string, parameters: parameters, inputs: inputs, sources: sources,
      expectations: try parts("expectations").map { try $0.expectation() }, outputs: kind.outputs(parameters),
      location: try part("location").location())
  }

  private func axes() throws -> [Axis] { try values("axes").map { Axis(name: $0.key, value: $0.value) } }

  private func type() throws -> ArtifactType { try wanted(ArtifactType(rawValue: try string("type")), "type") }

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
          LabelledReference(
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

  private func source() throws -> PlannedSource {
    let form = try wanted(PlannedSource.Form(rawValue: try string("form")), "form")
    return PlannedSource(
      form: form,
      files: try parts("files").map { file in
        guard file.json["url"] != nil else {
          return SourcePath(name: try file.string("name"), path: try file.string("path"))
        }
        let digest = try file.wanted(Digest(hex: try file.string("sha256")), "sha256")
        return SourcePath(name: try file.string("name"), place: .url(try file.string("url"), sha256: digest))
      })
  }

  private func expectation() throws -> Expectation {
    let text = try string("text")
    return Expectation(
      measure: try string("measure"), comparison: try wanted(Expectation.Comparison(text), "text"), text: text,
      location: try part("location").location())
  }
}

// MARK: - What a kind could have been given

extension Parameter.Kind {
  /// Whether a parameter of this kind can have this value.
  fileprivate func holds(_ value: Value) -> Bool {
    switch self {
    case .bool: value.bool != nil
    case .int(let range): value.int.map(range.contains) ?? false
    case .double(let range): if case .double(let number) = value { range.contains(number) } else { false }
    case .string: value.string != nil
    case .choice(let choices): value.string.map(choices.contains) ?? false
    case .list(let element): value.list?.allSatisfy(element.holds) ?? false
    case .map(let element): value.entries?.allSatisfy { element.holds($0.value) } ?? false
    case .record(let fields):
      value.entries.map { entries in
        entries.allSatisfy { entry in fields.first { $0.name == entry.key }?.kind.holds(entry.value) ?? false }
          && fields.allSatisfy { field in
            field.presence == .optional || entries.contains { $0.key == field.name }
          }
      } ?? false
    case .path: value.string != nil || value.list != nil || value.entries != nil
    }
  }
}

extension StageKit.Port {
  /// Whether the port can be bound to this.
  fileprivate func takes(_ input: PlannedInput) -> Bool {
    let isOfItsArity =
      switch input {
      case .one: arity == .one || arity == .optional
      case .list(let members): arity.isList && !members.isEmpty
      case .mixture(let mixture): arity == .mixture && mixture.segments.allSatisfy { !$0.weights.isEmpty }
      }
    return isOfItsArity && input.references.allSatisfy { types.contains($0.type) }
  }
}

extension StageKind {
  /// The paths that are given, by the names that lead to them.
  fileprivate func pathParameters(in values: Parameters) -> Set<String> {
    func paths(_ kind: Parameter.Kind, _ value: Value, _ name: String) -> [String] {
      switch kind {
      case .path: [name]
      case .list(let element):
        (value.list ?? []).enumerated().flatMap { paths(element, $1, "\(name).\($0)") }
      case .map(let element): (value.entries ?? []).flatMap { paths(element, $0.value, "\(name).\($0.key)") }
      case .record(let fields):
        (value.entries ?? []).flatMap { entry in
          fields.filter { $0.name == entry.key }.flatMap { paths($0.kind, entry.value, "\(name).\(entry.key)") }
        }
      default: []
      }
    }
    return Set(
      parameters.flatMap { parameter in
        values[parameter.name].map { paths(parameter.kind, $0, parameter.name) } ?? []
      })
  }
}
