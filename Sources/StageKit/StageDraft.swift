import ArtifactStore

/// What a kind's own check sees before anything runs: decoded parameters, and what is known of the given ports.
public struct StageDraft: Sendable {
  public let parameters: Parameters
  /// Input ports that the recipe gives, with the type at each (for lists and mixtures, of each member).
  public let inputs: [String: [ArtifactType]]
  /// What is known of all that is bound to each given port, in the recipe's order.
  public let members: [String: [Member]]
  /// How many files each given path parameter names.
  public let fileCounts: [String: Int]
  /// The measures of which the stage expects something. An issue may be about one of them.
  public let expected: [String]
  /// The IDs of the stages before it, each with those that it takes something from.
  private let predecessors: [String: [String]]

  /// What is bound to a port, as far as it is known before anything runs.
  public struct Member: Sendable, Hashable {
    public let label: String
    public let axes: [Axis]
    /// The ID of the stage that it comes from; nil where it is not known.
    public let stage: String?
    /// The names of a set's items; nil where they are not known yet.
    public let items: [String]?
    /// What metrics measure; nil where it is not known yet.
    public let measures: [String]?

    public init(
      label: String, axes: [Axis] = [], stage: String? = nil, items: [String]?, measures: [String]? = nil
    ) {
      self.label = label
      self.axes = axes
      self.stage = stage
      self.items = items
      self.measures = measures
    }
  }

  public init(
    parameters: Parameters, inputs: [String: [ArtifactType]], members: [String: [Member]] = [:],
    fileCounts: [String: Int] = [:], expected: [String] = [], predecessors: [String: [String]] = [:]
  ) {
    self.parameters = parameters
    self.inputs = inputs
    self.members = members
    self.fileCounts = fileCounts
    self.expected = expected
    self.predecessors = predecessors
  }

  /// Whether something was made of something else, however many stages lie between; true where that is not known.
  public func member(_ member: Member, comesFrom origin: Member) -> Bool {
    guard let first = member.stage, let wanted = origin.stage else { return true }
    var seen: Set<String> = [first]
    var open = [first]
    while let stage = open.popLast() {
      if stage == wanted { return true }
      for predecessor in predecessors[stage] ?? [] where seen.insert(predecessor).inserted { open.append(predecessor) }
    }
    return false
  }

  /// What the stage that made something takes something from; none where that is not known.
  public func sources(of member: Member) -> [Member] {
    (member.stage.flatMap { predecessors[$0] } ?? []).map { Member(label: $0, stage: $0, items: nil) }
  }

  /// Whether the recipe gives an input.
  public func has(_ input: StageProperty) -> Bool { inputs[input.name] != nil }

  /// What is known of all that is bound to an input, in the recipe's order.
  public subscript<Bound>(input: Input<Bound>) -> [Member] { members[input.name] ?? [] }

  /// What the recipe calls the references at an input of arity `named`, with their types, in the order of the names.
  public func named<Content>(at input: Input<Named<Content>>) -> [(label: String, type: ArtifactType)] {
    inputs.compactMap { name, types in
      guard let label = Port.label(of: name, at: input.name), let type = types.first else { return nil }
      return (label, type)
    }.sorted { $0.label.utf8.lexicographicallyPrecedes($1.label.utf8) }
  }

  /// The types of all that is bound to an input.
  public func types<Bound>(at input: Input<Bound>) -> [ArtifactType] { inputs[input.name] ?? [] }
}

extension Parameter where Content: ParameterList {
  /// What is wrong with a list that is given and holds nothing.
  public var emptiness: [ValidationIssue] {
    wrappedValue.isGivenEmpty ? [ValidationIssue(about: self, "'\(name)' is empty: give it at least one value")] : []
  }
}

/// A parameter that may be left out and has no value then.
public protocol OptionalParameter: StageProperty {
  var isGiven: Bool { get }
}

extension Parameter: OptionalParameter where Content: ExpressibleByNilLiteral {
  public var isGiven: Bool { content != nil }
}

/// A list, or one that may be left out.
public protocol ParameterList: ParameterValue {
  var isGivenEmpty: Bool { get }
}

extension Array: ParameterList where Element: ParameterValue {
  public var isGivenEmpty: Bool { isEmpty }
}

extension Optional: ParameterList where Wrapped: ParameterList {
  public var isGivenEmpty: Bool { self?.isGivenEmpty ?? false }
}

/// Something wrong with a stage, about its parameter, its port or the measure of its expectation `subject` (or the whole
/// stage where nil).
public struct ValidationIssue: Sendable, Hashable {
  public let subject: String?
  /// What is wrong, then what to do.
  public let message: String

  public init(about subject: String? = nil, _ message: String) {
    self.subject = subject
    self.message = message
  }

  public init(about subject: StageProperty, _ message: String) { self.init(about: subject.name, message) }
}
