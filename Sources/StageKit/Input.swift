import ArtifactStore

/// An input of a stage: a parameter whose value is a reference to another stage's output. What its property's type is
/// says which artifacts it takes, and how many:
///
/// - ``Each``: one artifact, over whose items the stage maps; ``Matching``: the item of the same name in another one;
///   ``Parts``: the items of another one that were made of it;
/// - ``Whole``: one artifact;
/// - an optional one of these: the same, or left out;
/// - an array of ``Labeled``: a list of artifacts, swept ones along their axes;
/// - ``Named``: artifacts under names that the recipe chooses;
/// - an optional ``Mixture``: several with weights;
/// - an ``Ensemble``: one, or several that do its work together.
@propertyWrapper
public final class Input<Bound: PortValue>: StageProperty {
  private let help: () -> String
  private let purpose: Port.Purpose?
  private var bound: Bound?

  /// - Parameter purpose: of a network, where people are told when it also serves another one.
  public init(for purpose: Port.Purpose? = nil, help: @autoclosure @escaping () -> String) {
    self.help = help
    self.purpose = purpose
    super.init()
  }

  /// What is bound to it, in `run`.
  public var wrappedValue: Bound {
    guard let bound else { preconditionFailure("the input '\(name)' is read before the stage runs") }
    return bound
  }

  public var projectedValue: Input { self }

  public override func declare(in declaration: inout StageDeclaration) {
    declaration.inputs.append(
      Port(name, Bound.types, arity: Bound.arity, role: Bound.role, purpose: purpose, help: help()))
    if Bound.role == .each { declaration.mapping = .items(of: name) }
  }

  public override func bind(_ parameters: Parameters, _ context: (any StageContext)?) throws {
    guard let context else { return }
    guard let bound = try Bound.bound(at: name, in: context) else { throw InputError("the input '\(name)' is missing") }
    self.bound = bound
  }
}

/// What the artifacts of one type hold, or those of several that an input takes alike.
public protocol ArtifactContent: SendableMetatype {
  static var types: [ArtifactType] { get }
}

/// What can be bound to an input.
public protocol PortValue {
  static var types: [ArtifactType] { get }
  static var arity: Port.Arity { get }
  /// What becomes of the arity where the input may be left out.
  static var optionalArity: Port.Arity { get }
  static var role: PortRole { get }
  /// Nil where there is nothing at the port.
  static func bound(at port: String, in context: any StageContext) throws -> Self?
}

/// Which part of what is bound to an input an action sees.
public enum PortRole: String, Sendable {
  case whole
  /// Its own item, in the set over which its stage maps.
  case each
  /// The item that is called like its own.
  case matching
  /// Those that are called like its own, or like it with a number: `ada`, `ada-1`, `ada-2`.
  case parts

  /// The items whose actions see the item called `name` of a set that is bound so; none where all actions see the set.
  package func owners(of name: String) -> [String] {
    switch self {
    case .whole: []
    case .each, .matching: [name]
    case .parts: [name] + [name.wholeOfPart].compactMap(\.self)
    }
  }

  /// Those of `names`, in a set that is bound so, that no action for one of `items` sees.
  package func strays(among names: [String], for items: [String]) -> [String] {
    let items = Set(items)
    return names.filter { items.isDisjoint(with: owners(of: $0)) }
  }
}

extension Optional: PortValue where Wrapped: PortValue {
  public static var types: [ArtifactType] { Wrapped.types }
  public static var arity: Port.Arity { Wrapped.optionalArity }
  public static var optionalArity: Port.Arity { arity }
  public static var role: PortRole { Wrapped.role }

  public static func bound(at port: String, in context: any StageContext) throws -> Wrapped?? {
    .some(try Wrapped.bound(at: port, in: context))
  }
}

/// One artifact.
public struct Whole<Content: ArtifactContent>: PortValue, MixtureMember {
  /// The input's name, or the label of a member, for messages.
  public let name: String
  public let artifact: Artifact

  public init(name: String, artifact: Artifact) {
    self.name = name
    self.artifact = artifact
  }

  public static var types: [ArtifactType] { Content.types }
  public static var arity: Port.Arity { .one }
  public static var optionalArity: Port.Arity { .optional }
  public static var role: PortRole { .whole }

  public static func bound(at port: String, in context: any StageContext) throws -> Whole? {
    context.input(port).map { Whole(name: port, artifact: $0) }
  }
}

/// One item of what is at an input.
public protocol BoundItem<Content> {
  associatedtype Content: ArtifactContent
  var item: Artifact.Item { get }
}

/// An action's own item of the artifact over whose items the stage maps.
public struct Each<Content: ArtifactContent>: PortValue, BoundItem, Sendable {
  public let item: Artifact.Item

  public static var types: [ArtifactType] { Content.types }
  public static var arity: Port.Arity { .one }
  public static var optionalArity: Port.Arity { .optional }
  public static var role: PortRole { .each }

  public static func bound(at port: String, in context: any StageContext) throws -> Each? {
    try context.ownItem(at: port).map(Each.init)
  }
}

/// The item of another artifact that is called like the action's own.
public struct Matching<Content: ArtifactContent>: PortValue, BoundItem, Sendable {
  public let item: Artifact.Item

  public static var types: [ArtifactType] { Content.types }
  public static var arity: Port.Arity { .one }
  public static var optionalArity: Port.Arity { .optional }
  public static var role: PortRole { .matching }

  public static func bound(at port: String, in context: any StageContext) throws -> Matching? {
    try context.ownItem(at: port).map(Matching.init)
  }
}

/// The items of another artifact that were made of the action's own: those called like it, or like it with a number, as
/// `align` calls several faces of one picture.
public struct Parts<Content: ArtifactContent>: PortValue, Sendable {
  /// The input's name, for messages.
  public let name: String
  /// In the artifact's order; none where nothing was made of the action's own.
  public let items: [Artifact.Item]

  public static var types: [ArtifactType] { Content.types }
  public static var arity: Port.Arity { .one }
  public static var optionalArity: Port.Arity { .optional }
  public static var role: PortRole { .parts }

  public static func bound(at port: String, in context: any StageContext) throws -> Parts? {
    context.input(port).map { Parts(name: port, items: $0.items) }
  }

  /// The item of a name.
  public subscript(name: String) -> Artifact.Item? { items.first { $0.name == name } }
}

extension StageContext {
  /// The only item of what is at a port, of which the action sees no other; nil where nothing is there.
  fileprivate func ownItem(at port: String) throws -> Artifact.Item? {
    guard let artifact = input(port) else { return nil }
    guard let own = artifact.items.first else { throw InputError("'\(port)' has no item '\(item ?? "")'") }
    return own
  }
}

/// One of the artifacts at an input that takes a list.
public struct Labeled<Content: ArtifactContent>: Sendable {
  public let label: String
  /// Where it stands in the sweeps that the input collects; empty for one that no sweep reaches.
  public let axes: [Axis]
  public let artifact: Artifact
}

extension Array: PortValue where Element: ListMember {
  public static var types: [ArtifactType] { Element.types }
  public static var arity: Port.Arity { .list }
  public static var optionalArity: Port.Arity { .optionalList }
  public static var role: PortRole { .whole }

  public static func bound(at port: String, in context: any StageContext) throws -> [Element]? {
    let members = context.inputs(port)
    return members.isEmpty ? nil : members.map(Element.init)
  }
}

/// What an array holds that is bound to an input.
public protocol ListMember {
  static var types: [ArtifactType] { get }
  init(_ member: LabeledArtifact)
}

extension Labeled: ListMember {
  public static var types: [ArtifactType] { Content.types }
  public init(_ member: LabeledArtifact) {
    self.init(label: member.label, axes: member.axes, artifact: member.artifact)
  }
}

/// Artifacts under names that the recipe chooses, in the order of the names' bytes. Which of them the stage goes over item
/// by item is for ``AdaptiveStage/itemwise`` to say.
public struct Named<Content: ArtifactContent>: PortValue {
  public let members: [Labeled<Content>]

  public static var types: [ArtifactType] { Content.types }
  public static var arity: Port.Arity { .named }
  public static var optionalArity: Port.Arity { .named }
  public static var role: PortRole { .whole }

  public static func bound(at port: String, in context: any StageContext) throws -> Named? {
    Named(members: context.inputs(port).map(Labeled.init))
  }
}

/// What a mixture mixes.
public protocol MixtureMember: Sendable, Hashable {
  static var types: [ArtifactType] { get }
  init(name: String, artifact: Artifact)
}

extension Mixture: PortValue where Member: MixtureMember {
  public static var types: [ArtifactType] { Member.types }
  public static var arity: Port.Arity { .mixture }
  public static var optionalArity: Port.Arity { .mixture }
  public static var role: PortRole { .whole }

  public static func bound(at port: String, in context: any StageContext) throws -> Mixture? {
    context.mixture(port).map { mixture in
      Mixture(
        segments: mixture.segments.map { segment in
          Segment(
            from: segment.from,
            weights: segment.weights.map {
              Weight(label: $0.label, member: Member(name: $0.label, artifact: $0.member), weight: $0.weight)
            })
        })
    }
  }
}
