/// A parameter of a stage kind.
public struct ParameterDeclaration: Sendable {
  public indirect enum Kind: Sendable {
    case bool
    case int(ClosedRange<Int>)
    case double(ClosedRange<Double>)
    /// Width and height of a picture, each a whole number in the range: `[96, 64]`, or one number for both.
    case size(ClosedRange<Int>)
    case string
    /// A text, a number, or true or false, whichever the recipe says.
    case scalar
    /// A text, also one that is written like a number: as it is written.
    case word
    case choice([String])
    case list(Kind)
    /// Names to values of one kind: `{l1: 0.3}`.
    case map(Kind)
    /// A file, folder or glob from outside, relative to the recipe file. Its content, never its path, is in the key.
    case path(PathKind)
  }

  public enum PathKind: Sendable, Equatable {
    /// One file.
    case file
    /// One file, or a folder all of whose files count.
    case fileOrFolder
    /// One file, a glob, or a sequence of those; at least one file must match. Sorted by name.
    case files
    /// The same, but each goes by its whole name, as in a folder that they were put in together.
    case namedFiles

    /// Whether globs and sequences of paths are taken.
    package var takesPatterns: Bool { self == .files || self == .namedFiles }
  }

  public enum Presence: Sendable, Equatable {
    case required
    /// May be left out, and has no value then.
    case optional
    /// May be left out, and has this value then.
    case defaulting(Value)
  }

  public let name: String
  public let kind: Kind
  public let presence: Presence
  public let help: String
  /// Whether results depend on it, so that it belongs into the key. Threads and progress do not.
  public let isSemantic: Bool
  /// How the names of files end that a path can mean, in small letters: for help with folders, not a rule.
  public let endings: [String]

  public init(
    _ name: String, _ kind: Kind, _ presence: Presence, isSemantic: Bool = true, endings: [String] = [], help: String
  ) {
    self.name = name
    self.kind = kind
    self.presence = presence
    self.isSemantic = isSemantic
    self.endings = endings
    self.help = help
  }
}

/// Decoded parameters by name; one that is optional and left out is absent, defaults are filled in.
public struct Parameters: Sendable, Hashable {
  public let values: [String: Value]

  public init(_ values: [String: Value]) { self.values = values }

  public subscript(_ name: String) -> Value? { values[name] }

}
