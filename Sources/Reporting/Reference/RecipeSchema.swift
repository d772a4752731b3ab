import ArtifactStore
import JSONSyntax
import RecipeSyntax
import StageKit
import WeightsCatalog

/// What recipes look like, as JSON Schema (draft 2020-12) for editors, from the declarations of the kinds.
///
/// It knows names, types and ranges; what names refer to and which files there are is for `check` to say.
public struct RecipeSchema: Sendable {
  private let kinds: [StageKind]

  public init(_ kinds: [StageKind]) { self.kinds = kinds }

  public var json: JSON {
    let definitions = kinds.map { JSON.Member($0.name, Self.schema(of: $0)) } + [JSON.Member("use", Self.use)]
    let choices = definitions.map { definition -> JSON.Member in
      JSON.Member(definition.name, ["$ref": .string("#/$defs/\(definition.name)")])
    }
    let stage: JSON = [
      "type": "object",
      "properties": .object(choices + [JSON.Member("description", ["type": "string"]), Self.expectations]),
      "additionalProperties": .bool(false),
      "oneOf": .array(definitions.map { definition in ["required": [.string(definition.name)]] }),
    ]
    let help = RecipeReference.help
    return [
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "title": "diffusionclip recipe",
      "type": "object",
      "properties": [
        "recipe": ["description": help("recipe"), "type": "string"],
        "description": ["description": help("description"), "type": "string"],
        "inputs": ["description": help("inputs"), "type": "object", "additionalProperties": Self.input],
        "params": ["description": help("params"), "type": "object", "additionalProperties": Self.parameter],
        "profiles": [
          "description": help("profiles"), "type": "object",
          "additionalProperties": ["type": "object", "additionalProperties": Self.setting],
        ],
        "zip": ["description": help("zip"), "type": "array"],
        "stages": ["description": help("stages"), "type": "object", "additionalProperties": stage],
        "outputs": ["description": help("outputs"), "type": ["array", "object", "string"]],
      ],
      "required": ["recipe", "stages"],
      "additionalProperties": .bool(false),
      "$defs": .object(definitions),
    ]
  }

  // MARK: Parts of a recipe

  /// What a profile gives a parameter.
  private static let setting: JSON = ["type": ["string", "number", "boolean", "array"]]

  private static let artifactTypes = JSON.array(ArtifactType.allCases.map { .string($0.rawValue) })

  private static let expectations = JSON.Member(
    "expect",
    [
      "description": .string(RecipeReference.expect), "type": "object",
      "additionalProperties": ["type": "string"],
    ])

  private static let input: JSON = [
    "anyOf": [
      ["enum": artifactTypes],
      [
        "type": "object", "properties": ["type": ["enum": artifactTypes], "optional": ["type": "boolean"]],
        "required": ["type"], "additionalProperties": .bool(false),
      ],
    ]
  ]

  private static let parameter: JSON = [
    "anyOf": [
      ["type": ["string", "number", "boolean", "null", "array"]],
      [
        "type": "object", "properties": ["sweep": ["type": "array"]], "required": ["sweep"],
        "additionalProperties": .bool(false),
      ],
      [
        "type": "object", "properties": ["type": ["enum": ["text", "integer", "number", "boolean", "list"]]],
        "required": ["type"], "additionalProperties": .bool(false),
      ],
    ]
  ]

  /// Inputs and parameters of the other recipe stand beside what is declared.
  private static let use = JSON.object(
    (schema(of: KindReference.use).members ?? []).filter { $0.name != "additionalProperties" })

  // MARK: Kinds

  private static func schema(of kind: StageKind) -> JSON {
    let ports = kind.inputs.map { JSON.Member($0.name, schema(of: $0)) }
    let parameters = kind.parameters.map { JSON.Member($0.name, described($0)) }
    let required =
      kind.inputs.filter(\.arity.isRequired).map(\.name)
      + kind.parameters.filter { $0.presence == .required }.map(\.name)
    return [
      "description": .string(kind.summary), "type": "object", "properties": .object(ports + parameters),
      "required": .array(required.map(JSON.string)), "additionalProperties": .bool(false),
    ]
  }

  private static func schema(of port: Port) -> JSON {
    let types: JSON =
      switch port.arity {
      case .one, .optional: ["string", "null"]
      case .list, .ensemble: ["array", "object", "string"]
      case .optionalList, .mixture: ["array", "object", "string", "null"]
      case .named: ["object", "null"]
      }
    let help = "\(port.help) (\(port.types.map(\.rawValue).joined(separator: " or ")))"
    let members: [JSON.Member] =
      port.arity == .named ? [.init("additionalProperties", ["type": ["string", "null"]])] : []
    return .object([.init("description", .string(help)), .init("type", types)] + members)
  }

  private static func described(_ parameter: ParameterDeclaration) -> JSON {
    var members: [JSON.Member] = [.init("description", .string(parameter.help))]
    if case .defaulting(let value) = parameter.presence { members.append(.init("default", value.json)) }
    members += orExpression(schema(of: parameter.kind), orNull: parameter.presence != .required).members ?? []
    return .object(members)
  }

  private static func schema(of kind: ParameterDeclaration.Kind) -> JSON {
    switch kind {
    case .bool: return ["type": "boolean"]
    case .int(let range):
      return bounded(
        "integer", range.lowerBound > .min, range.upperBound < .max, .int(range.lowerBound), .int(range.upperBound))
    case .double(let range):
      let most = Double.greatestFiniteMagnitude
      return bounded(
        "number", range.lowerBound > -most, range.upperBound < most, .double(range.lowerBound),
        .double(range.upperBound))
    case .size(let range):
      let side = schema(of: .int(range))
      let pair: JSON = ["type": "array", "items": orExpression(side), "minItems": 2, "maxItems": 2]
      return ["anyOf": [side, pair]]
    case .string: return ["type": "string"]
    case .scalar, .word: return ["type": ["string", "number", "boolean"]]
    case .choice(let words): return ["enum": .array(words.map(JSON.string))]
    case .list(let element): return ["type": "array", "items": orExpression(schema(of: element))]
    case .map(let element): return ["type": "object", "additionalProperties": orExpression(schema(of: element))]
    case .path(.file): return ["anyOf": [["type": "string"], download, entry]]
    case .path(.fileOrFolder):
      return ["anyOf": [["type": "string"], download, entry, ["type": "array", "items": download]]]
    case .path(.files), .path(.namedFiles):
      let one: JSON = ["anyOf": [["type": "string"], download]]
      return ["anyOf": [one, ["type": "array", "items": one]]]
    }
  }

  private static let download: JSON = [
    "description": "A file to download, from one address after the other, its SHA-256, and how many bytes it has.",
    "type": "object",
    "properties": [
      "url": ["anyOf": [["type": "string"], ["type": "array", "items": ["type": "string"], "minItems": 1]]],
      "sha256": ["type": "string"], "size": orExpression(["type": "integer", "minimum": 1]),
    ], "required": ["url", "sha256"],
    "additionalProperties": .bool(false),
  ]

  private static let entry: JSON = [
    "description": "A published network; `diffusionclip weights list` lists them.", "type": "object",
    "properties": ["catalog": orExpression(["enum": .array(PublishedNetworks.entries.map { .string($0.name) })])],
    "required": ["catalog"], "additionalProperties": .bool(false),
  ]

  private static func bounded(_ type: JSON, _ isBelow: Bool, _ isAbove: Bool, _ low: JSON, _ high: JSON) -> JSON {
    let bounds = (isBelow ? [JSON.Member("minimum", low)] : []) + (isAbove ? [JSON.Member("maximum", high)] : [])
    return .object([.init("type", type)] + bounds)
  }

  /// The schema, or a text with a parameter in it.
  private static func orExpression(_ schema: JSON, orNull: Bool = false) -> JSON {
    let null: [JSON] = orNull ? [["type": "null"]] : []
    return ["anyOf": .array([schema, ["type": "string", "pattern": #"\$\{"#]] + null)]
  }
}
