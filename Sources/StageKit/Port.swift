import ArtifactStore
import Escaping
import JSONSyntax
import RecipeSyntax

/// An input of a stage kind: a parameter whose value is a reference to another stage's output.
public struct Port: Sendable {
  public enum Arity: Sendable, Equatable {
    /// Exactly one reference.
    case one
    /// One reference, or left out.
    case optional
    /// A sequence of references `[a, b]`, or a mapping `{label: a}`; labels default to the stages' names.
    case list
    /// Such a list, or left out.
    case optionalList
    /// `{name: weight, …}` or `[{from: t, mix: {name: weight, …}}, …]` (see ``Mixture``), or left out.
    case mixture
    /// One reference, or several that do their work together: `[a, b]`, or `{a: 2, b: 1}` with weights above 0, which are
    /// divided by their sum.
    case ensemble
    /// `{name: reference, …}` under names that the recipe chooses, or left out. In a stage a port of arity `one` stands
    /// for each of them (see ``Port/member(_:as:)``).
    case named

    /// Whether a stage has to give it.
    public var isRequired: Bool { self == .one || self == .list || self == .ensemble }
    /// Whether it collects stages, and every place of the sweeps that they are repeated along.
    public var isList: Bool { self == .list || self == .optionalList }
  }

  public let name: String
  /// The types it takes.
  public let types: [ArtifactType]
  public let arity: Arity
  /// In a kind that maps over items: which of what is bound to it an action sees.
  public let role: PortRole
  /// What for, where people are told when one thing serves two purposes.
  public let purpose: Purpose?
  public let help: String

  public enum Purpose: Sendable, Equatable {
    /// What a stage makes learns to please it.
    case guiding
    /// It says how good something is.
    case measuring
  }

  public init(
    _ name: String, _ types: [ArtifactType], arity: Arity = .one, role: PortRole = .whole, purpose: Purpose? = nil,
    help: String
  ) {
    self.name = name
    self.types = types
    self.arity = arity
    self.role = role
    self.purpose = purpose
    self.help = help
  }

  /// The port for the reference that a recipe calls so at this one, which is of arity `named`: `inputs.faces`.
  public func member(_ label: String, as role: PortRole = .whole) -> Port {
    Port(Self.name(ofMember: label, at: name), types, role: role, help: help)
  }

  package static func name(ofMember label: String, at port: String) -> String { "\(port).\(label)" }

  /// What a recipe calls a reference by whose name among the ports of a stage it stands at the port `group`; nil for
  /// another port's.
  package static func label(of name: String, at group: String) -> String? {
    let label = name.begins(with: group + ".") ? name.dropping(bytes: group.utf8.count + 1) : ""
    return Name.isIdentifier(label) ? label : nil
  }
}

/// An output of a stage kind.
public struct OutputPort: Sendable, Equatable {
  public let name: String
  public let type: ArtifactType
  /// The measures of which something can be expected; nil where they are not known before it is made.
  public let measures: [String]?

  /// - Parameter measures: for `metrics`, where they are known.
  public init(_ name: String, _ type: ArtifactType, measures: [String]? = nil) {
    self.name = name
    self.type = type
    self.measures = type == .metrics ? measures : []
  }
}

extension JSON {
  /// In `metrics`, in a number's place: there was nothing to measure, which is neither a mistake nor a failure.
  public static let nothingToMeasure: JSON = "nothing to measure"
}
