import ArtifactStore
import OrderedCollections
import RecipeSyntax
import StageKit
import Synchronization

/// A recipe resolved against a catalog of kinds: parameters set, references bound, types checked. Nothing has been
/// hashed or run.
public struct Plan: Sendable {
  /// The recipe's name.
  public let recipe: String
  public let description: String?
  /// The absolute path of the recipe file.
  public let file: String
  /// The digest of the text that was read there; nil where that is not known.
  public let source: Digest?
  /// The recipe as it was read, and those that it uses; none where that is not known.
  package let texts: [SourceText]
  /// The recipe's parameters with their effective values, in the recipe's order; a swept one is a map `{sweep: […]}`.
  public let parameters: OrderedDictionary<String, Value>
  /// Those of the parameters that `--set` replaced.
  public let overlays: [String: Value]
  /// The name of the recipe's profile that gave values; nil for none.
  public let profile: String?
  /// What files of this machine have to be; nil where that is not known.
  public let lock: SourceLock?
  /// Every stage behind the stages that it depends on; independent stages in the recipe's order.
  public let stages: [PlannedStage]
  /// What the recipe is for: as `outputs` lists it, or else the first output of every stage that no other uses.
  public let outputs: [OutputReference]
  private let places: [String: Int]
  /// By id, for each stage that makes links of a chain, the stage before it in the plan that makes links of the same.
  private let chained: [String: String]

  public init(
    recipe: String, description: String? = nil, file: String, source: Digest? = nil, texts: [SourceText] = [],
    parameters: OrderedDictionary<String, Value> = [:], overlays: [String: Value] = [:], profile: String? = nil,
    lock: SourceLock? = nil, stages: [PlannedStage], outputs: [OutputReference]
  ) {
    self.recipe = recipe
    self.description = description
    self.file = file
    self.parameters = parameters
    self.overlays = overlays
    self.profile = profile
    self.lock = lock
    self.stages = stages
    self.outputs = outputs
    self.source = source
    self.texts = texts
    places = Dictionary(stages.enumerated().map { ($1.id, $0) }) { first, _ in first }
    var last: [PlannedStage.Chain: String] = [:]
    chained = stages.reduce(into: [:]) { chained, stage in
      guard let chain = stage.chain else { return }
      chained[stage.id] = last.updateValue(stage.id, forKey: chain)
    }
  }

  /// The stage before this one that makes links of the same chain: this one goes on from there. Nil where there is none.
  package func linked(before stage: PlannedStage) -> PlannedStage? { chained[stage.id].flatMap { self[$0] } }

  /// The ids of the stages that this one waits for, each once: those that it takes something from, and that from which it
  /// goes on.
  package func awaited(by stage: PlannedStage) -> [String] {
    (stage.references.map(\.stage) + [chained[stage.id]].compactMap(\.self)).uniqued
  }

  /// The stage with this id.
  public subscript(id: String) -> PlannedStage? { places[id].map { stages[$0] } }
}

/// One stage of a plan. Its actions, of which there may be thousands, share it.
public final class PlannedStage: Sendable {
  /// Unique in the plan: the name, followed by the axes where there are any.
  public let id: String
  /// As the recipe calls it; a stage of a recipe in use has the names that lead there in front: `zombies.latents`.
  public let name: String
  /// Where this stage stands in the recipe's sweeps; empty for a stage that no sweep reaches.
  public let axes: [Axis]
  public let kind: StageKind
  /// How this stage falls apart into actions: the kind's mapping, or `.whole` where the kind maps over files and the
  /// stage names neither a glob nor a list of them.
  public let mapping: Mapping
  public let description: String?
  /// Decoded, defaults filled in. A path parameter has its text (or list of texts) as written.
  public let parameters: Parameters
  /// What each given input port is bound to; an optional port left out is absent.
  public let inputs: [String: PlannedInput]
  /// What each given path parameter names.
  public let sources: [String: PlannedSource]
  public let expectations: [Expectation]
  public let outputs: [OutputPort]
  /// The inputs that it can have, those under names that the recipe chooses each as a port.
  public let ports: [Port]
  /// How much memory one of its actions takes.
  public let memory: MemoryNeed
  /// The place of the stage's name.
  public let location: SourceLocation
  /// The part of their preimages that the stage's actions have in common.
  let preimage: String
  /// What can be told of a stage without inputs, for so many actions: its files are looked at once.
  let estimated = Mutex<(actions: Int, estimate: StageEstimate)?>(nil)

  public init(
    name: String, axes: [Axis] = [], kind: StageKind, mapping: Mapping? = nil, description: String? = nil,
    parameters: Parameters, inputs: [String: PlannedInput] = [:], sources: [String: PlannedSource] = [:],
    expectations: [Expectation] = [], outputs: [OutputPort], location: SourceLocation
  ) {
    id = Self.id(name, at: axes)
    self.name = name
    self.axes = axes
    self.kind = kind
    self.description = description
    self.mapping = mapping ?? kind.mapping(parameters, over: sources)
    self.parameters = parameters
    self.inputs = inputs
    self.sources = sources
    self.expectations = expectations
    self.outputs = outputs
    self.location = location
    ports = kind.ports(parameters, given: inputs.keys)
    memory = kind.memory(parameters)
    preimage = ActionPreimage.common(kind, parameters)
  }

  /// The names of its items, where they follow from what the recipe says; nil where inputs have to tell.
  public var ownItems: [String]? {
    switch mapping {
    case .whole, .items: nil
    case .files(let parameter): sources[parameter]?.files.map(\.name)
    case .numbers(let parameter): parameters[parameter]?.int.map(Mapping.names)
    }
  }

  /// What all stages have in common that make links of one chain, however many.
  struct Chain: Hashable {
    let preimage: String
    let inputs: [String: PlannedInput]
    let sources: [String: PlannedSource]
  }

  /// The chain that it makes links of; nil for a stage of another kind.
  var chain: Chain? {
    links == nil ? nil : Chain(preimage: preimage(ofLinks: nil), inputs: inputs, sources: sources)
  }

  /// What the preimages of its actions would have in common if it made so many links of its chain; without a number, what
  /// does not depend on that.
  func preimage(ofLinks links: Int?) -> String {
    var values = parameters.values
    if let chaining = kind.chaining { values[chaining] = links.map(Value.int) }
    return ActionPreimage.common(kind, Parameters(values))
  }

  /// How many links of a chain it makes; nil for a stage of another kind.
  package var links: Int? { kind.chaining.flatMap { parameters[$0]?.int } }

  /// The ids of the stages that it takes something from, each once, in the order of the inputs.
  public var predecessors: [String] {
    ports.compactMap { inputs[$0.name] }.flatMap { $0.references.map(\.stage) }.uniqued
  }

  /// Every reference at its inputs.
  public var references: [OutputReference] { inputs.values.flatMap(\.references) }

  static func id(_ name: String, at axes: [Axis]) -> String {
    axes.isEmpty ? name : name + "[" + axes.map(\.description).joined(separator: ",") + "]"
  }
}

extension [PlannedStage] {
  /// Those with these ids and all that they need, of stages that stand behind what they depend on.
  public func needed(for ids: some Sequence<String>) -> [PlannedStage] {
    var needed = Set(ids)
    for stage in reversed() where needed.contains(stage.id) { needed.formUnion(stage.references.map(\.stage)) }
    return filter { needed.contains($0.id) }
  }
}

/// One output of a planned stage.
public struct OutputReference: Sendable, Hashable {
  /// The id of the stage.
  public let stage: String
  public let port: String
  public let type: ArtifactType

  public init(stage: String, port: String, type: ArtifactType) {
    self.stage = stage
    self.port = port
    self.type = type
  }
}

/// What an input port is bound to. The case follows from the port's arity.
public enum PlannedInput: Sendable, Hashable {
  case one(OutputReference)
  case list([LabeledReference])
  case mixture(Mixture<OutputReference>)

  /// Every reference, in the recipe's order.
  public var references: [OutputReference] {
    switch self {
    case .one(let reference): [reference]
    case .list(let members): members.map(\.reference)
    case .mixture(let mixture): mixture.segments.flatMap { $0.weights.map(\.member) }
    }
  }
}

/// A reference at a list port.
public struct LabeledReference: Sendable, Hashable {
  public let label: String
  /// Where it stands in the sweeps that the port collects.
  public let axes: [Axis]
  public let reference: OutputReference
  public init(label: String, axes: [Axis] = [], reference: OutputReference) {
    self.label = label
    self.axes = axes
    self.reference = reference
  }
}

/// What a path parameter names outside the store.
public struct PlannedSource: Sendable, Hashable {
  public enum Form: String, Sendable, Hashable {
    /// One file, named by its path.
    case file
    /// A folder: its files, without hidden ones and subfolders.
    case folder
    /// A glob, or a sequence of paths and globs.
    case several
  }

  /// How many bytes a file to download may be said to have.
  static let sizes = 1...1 << 50

  public let form: Form
  /// At least one, sorted by the UTF-8 of the names; no name comes twice.
  public let files: [SourcePath]
  /// Of several: the paths of those that the recipe's lock pins in the same folders, and that are not there.
  package let lost: [String]

  public init(form: Form, files: [SourcePath], lost: [String] = []) {
    self.form = form
    self.files = files
    self.lost = lost
  }
}

/// A file outside the store that has not been read.
public struct SourcePath: Sendable, Hashable {
  public enum Place: Sendable, Hashable {
    /// The absolute path of a file that exists, and what its SHA-256 has to be where the recipe's lock says so.
    case path(String, pinned: Digest? = nil)
    /// A file to download, where else it is to be had, what its SHA-256 has to be, and how many bytes it has where the
    /// recipe says so.
    case url(String, mirrors: [String] = [], sha256: Digest, size: Int? = nil)
  }

  /// The item's name: the file's name without its extension; of a file in a folder, the name with the extension.
  public let name: String
  public let place: Place

  /// The path of a file of this machine; nil for one to download.
  public var path: String? { if case .path(let path, _) = place { path } else { nil } }

  public init(name: String, place: Place) {
    self.name = name
    self.place = place
  }
  public init(name: String, path: String) { self.init(name: name, place: .path(path)) }
}
