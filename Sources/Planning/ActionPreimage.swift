import ArtifactStore
import Escaping
import StageKit

/// The revision of the numerics under all kinds. Raised when a change in tensors, networks or diffusion changes the
/// bytes of results across kinds; part of every key.
public let numericsRevision = 4

/// The artifacts bound to one input port of an action. At a port of another role than `whole` they hold
/// just what the action sees.
public enum BoundInput: Sendable, Hashable {
  case one(Artifact)
  case list([LabeledArtifact])
  case mixture(Mixture<Artifact>)

  /// Every artifact at the port.
  public var artifacts: [Artifact] {
    switch self {
    case .one(let artifact): [artifact]
    case .list(let members): members.map(\.artifact)
    case .mixture(let mixture): mixture.segments.flatMap { $0.weights.map(\.member) }
    }
  }
}

/// The canonical description of all that one action's result depends on; its digest is the action's key.
///
/// The text is a line per fact, `subject: fact`, so that two preimages can be compared fact by fact. Names of stages,
/// paths, times and the order of keys in the recipe are not in it.
public struct ActionPreimage: Sendable, Hashable {
  public let text: String
  /// The inputs in the order that the key stands for; hand these to the action. The members of a mixture are ordered by
  /// content, because sums in floating point depend on the order and neither names nor the recipe's order shall matter.
  public let inputs: [String: BoundInput]

  /// The preimage, as text, of the action of `stage` that makes so many links of the same chain; without a number, what
  /// all of them have in common, which stands for the chain.
  package func text(of stage: PlannedStage, links: Int?) -> String {
    stage.preimage(ofLinks: links) + String(decoding: text.utf8.dropFirst(stage.preimage.utf8.count), as: UTF8.self)
  }

  /// The sets of several items among the inputs.
  public var sets: [Artifact] { inputs.values.flatMap(\.artifacts).filter { $0.items.count > 1 }.uniqued }

  /// The action's name in the store.
  public var key: Digest { Digest(of: text) }

  /// - Parameters:
  ///   - item: the item that the action makes; nil for a stage that is one action.
  ///   - inputs: what is bound to each given port; at a port of another role than `whole`, what that action sees.
  ///   - sources: the files of each given path parameter; just the action's own where the kind maps over them.
  ///   - makers: the keys of the actions that made what is at each port, in a kind that sees their records.
  public init(
    stage: PlannedStage, item: String?, inputs: [String: BoundInput], sources: [String: [SourceFile]],
    makers: [String: [Digest]] = [:]
  ) {
    self.inputs = inputs.mapValues(\.ordered)
    var facts = Facts(text: stage.preimage)
    for (name, files) in sources.sorted(by: { precedes($0.key, $1.key) }) {
      guard let kind = stage.kind.pathKind(at: name) else { continue }
      let isNamed: Bool =
        switch kind {
        case .file: false
        case .fileOrFolder: stage.sources[name]?.form == .folder
        case .files: stage.mapping != .files(of: name)
        case .namedFiles: true
        }
      facts.add("source \(name)", files, isNamed: isNamed)
    }
    // An item that is a number is made of nothing else.
    let isNumber = if case .numbers = stage.mapping { true } else { false }
    if let item, isNumber || stage.kind.seesItemNames { facts.add("item", item) }
    for (name, input) in self.inputs.sorted(by: { precedes($0.key, $1.key) }) {
      let isMatching = stage.ports.contains { $0.name == name && $0.role == .matching }
      facts.add("input \(name)", input, isItem: item != nil && (isMatching || stage.mapping == .items(of: name)))
      for (place, key) in (makers[name] ?? []).enumerated() { facts.add("made \(name) \(place)", key.hex) }
    }
    text = facts.text
  }

  /// What the preimages of a stage's actions begin with.
  static func common(_ kind: StageKind, _ parameters: Parameters) -> String {
    var facts = Facts(text: "diffusionclip action 1\n")
    facts.add("kind", kind.name)
    facts.add("kind revision", "\(kind.revision)")
    facts.add("numerics revision", "\(numericsRevision)")
    for parameter in kind.parameters.sorted(by: { precedes($0.name, $1.name) }) where parameter.isSemantic {
      if case .path = parameter.kind { continue }
      guard let value = parameters[parameter.name] else { continue }
      facts.add("parameter \(parameter.name)", parameter.kind.semantic(value).canonical)
    }
    return facts.text
  }
}

/// Lines of a preimage in the making.
private struct Facts {
  var text: String

  mutating func add(_ subject: String, _ fact: String) {
    text += subject
    text += ": "
    text += Self.line(fact)
    text += "\n"
  }

  /// The text on one line.
  private static func line(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "\n") }
    return isPlain ? text : text.replacingScalar("\\", with: "\\\\").replacingScalar("\n", with: "\\n")
  }

  /// There may be a hundred thousand files: no text is made that is not kept.
  mutating func add(_ subject: String, _ files: [SourceFile], isNamed: Bool) {
    for (index, file) in files.enumerated() {
      text += subject
      text += " "
      text += String(index)
      text += ": "
      if isNamed {
        text += Self.line(counted(file.name))
        text += " "
      }
      text += file.digest.hex
      text += "\n"
    }
  }

  mutating func add(_ subject: String, _ input: BoundInput, isItem: Bool) {
    switch input {
    case .one(let artifact):
      add(subject, content(artifact, isItem: isItem))
    case .list(let members):
      add(subject, "list of \(members.count)")
      for (index, member) in members.enumerated() {
        let axes = member.axes.map { " at " + counted($0.name) + "=" + $0.value.canonical }.joined()
        add("\(subject) \(index)", counted(member.label) + axes + " " + content(member.artifact, isItem: isItem))
      }
    case .mixture(let mixture):
      for (index, segment) in mixture.segments.enumerated() {
        add("\(subject) \(index)", "from \(segment.from), \(segment.weights.count) weights")
        for (place, weight) in segment.weights.enumerated() {
          let value = Value.double(weight.weight).canonical
          add("\(subject) \(index) \(place)", value + " " + content(weight.member, isItem: isItem))
        }
      }
    }
  }

  /// An item is known by its bytes alone, a whole set by its names too.
  private func content(_ artifact: Artifact, isItem: Bool) -> String {
    if isItem, artifact.items.count == 1 {
      return "\(artifact.type.rawValue) item \(artifact.items[0].object.hex)"
    }
    return "\(artifact.type.rawValue) \(artifact.digest.hex)"
  }

  /// Spelled so that no name can pass for what follows it.
  private func counted(_ name: String) -> String { "\(name.utf8.count):\(name)" }
}

extension BoundInput {
  fileprivate var ordered: BoundInput {
    guard case .mixture(let mixture) = self else { return self }
    return .mixture(
      Mixture(
        segments: mixture.segments.map { segment in
          let keyed = segment.weights.map { (key: ($0.member.digest, $0.weight), weight: $0) }
          return .init(from: segment.from, weights: keyed.sorted { $0.key < $1.key }.map(\.weight))
        }))
  }
}

extension StageKind {
  /// The kind of the path parameter called `name`: a parameter's name, or, inside a composite one, names joined by
  /// dots (`weights.clip`).
  fileprivate func pathKind(at name: String) -> ParameterDeclaration.PathKind? {
    var components = name.split(separator: ".").map(String.init)[...]
    guard let first = components.popFirst(), let parameter = parameters.first(where: { $0.name == first }),
      parameter.isSemantic
    else { return nil }
    var kind = parameter.kind
    while true {
      switch kind {
      case .path(let path): return components.isEmpty ? path : nil
      case .list(let element), .map(let element):
        guard components.popFirst() != nil else { return nil }
        kind = element
      case .bool, .int, .double, .size, .string, .scalar, .word, .choice: return nil
      }
    }
  }
}

extension ParameterDeclaration.Kind {
  /// The part of a value that results depend on: no paths, whose content counts.
  fileprivate func semantic(_ value: Value) -> Value {
    switch (self, value) {
    case (.path, _): .null
    case (.list(let element), .list(let values)): .list(values.map(element.semantic))
    case (.map(let element), .map(let entries)):
      .map(entries.map { .init(key: $0.key, value: element.semantic($0.value)) })
    default: value
    }
  }
}
