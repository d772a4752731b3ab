import ArtifactStore
import JSONSyntax

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

    /// Whether a stage has to give it.
    public var isRequired: Bool { self == .one || self == .list }
    /// Whether it collects stages, and every place of the sweeps that they are repeated along.
    public var isList: Bool { self == .list || self == .optionalList }
  }

  public let name: String
  /// The types it takes.
  public let types: [ArtifactType]
  public let arity: Arity
  /// In a kind that maps over items: an action sees only the item with its own name.
  public let isAligned: Bool
  public let help: String

  public init(_ name: String, _ types: [ArtifactType], arity: Arity = .one, isAligned: Bool = false, help: String) {
    (self.name, self.types, self.arity, self.isAligned, self.help) = (name, types, arity, isAligned, help)
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
    (self.name, self.type) = (name, type)
    self.measures = type == .metrics ? measures : []
  }
}

extension JSON {
  /// In `metrics`, in a number's place: there was nothing to measure, which is neither a mistake nor a failure.
  public static let nothingToMeasure: JSON = "nothing to measure"
}
