import ArtifactStore
import Foundation
import JSONSyntax

/// One kind of stage: everything that decoding, validation, reference text, schema, keys and execution need.
///
/// Adding a kind is one value of this type and one line in the catalog.
public struct StageKind: Sendable {
  /// The word in the recipe: `invert`.
  public let name: String
  /// One sentence for `kinds`.
  public let summary: String
  /// Raised whenever the same parameters and inputs would give other bytes; part of every key.
  public let revision: Int
  public let inputs: [Port]
  public let parameters: [Parameter]
  /// What the kind makes; the first is what a bare reference `stage` means. May depend on the parameters
  /// (`load` makes what its one source parameter names).
  public let outputs: @Sendable (Parameters) -> [OutputPort]
  /// How a stage of this kind falls apart into actions.
  public let mapping: Mapping
  /// How much memory an action takes, so that not too many run side by side.
  public let memory: MemoryNeed
  /// Rules that reach over several parameters or ports: messages, each about the parameter it names.
  public let check: @Sendable (StageDraft) -> [ValidationIssue]
  /// Does the work of one action. Synchronous; calls `context.checkCancellation()` between steps.
  public let run: @Sendable (any StageContext) throws -> Void
  /// How several items are done at once, where that is faster.
  public let batching: Batching?
  /// What can be told of a stage before it runs: how much work an action is, how many items there will be.
  public let estimate: @Sendable (EstimateInput) -> StageEstimate

  public init(
    name: String, summary: String, revision: Int, inputs: [Port] = [], parameters: [Parameter] = [],
    outputs: @escaping @Sendable (Parameters) -> [OutputPort], mapping: Mapping = .whole,
    memory: MemoryNeed = MemoryNeed(megabytes: 64, perInputByte: 2),
    estimate: @escaping @Sendable (EstimateInput) -> StageEstimate = { $0.estimate() },
    check: @escaping @Sendable (StageDraft) -> [ValidationIssue] = { _ in [] },
    run: @escaping @Sendable (any StageContext) throws -> Void
  ) {
    (self.name, self.summary, self.revision, self.inputs) = (name, summary, revision, inputs)
    (self.parameters, self.outputs, self.mapping) = (parameters, outputs, mapping)
    (self.memory, self.estimate, self.check, self.run, batching) = (memory, estimate, check, run, nil)
  }

  /// A kind that maps over the items at the input `mapped` and does several of them at once.
  public init(
    name: String, summary: String, revision: Int, inputs: [Port] = [], parameters: [Parameter] = [],
    outputs: @escaping @Sendable (Parameters) -> [OutputPort], over mapped: String, memory: MemoryNeed,
    estimate: @escaping @Sendable (EstimateInput) -> StageEstimate = { $0.estimate() },
    check: @escaping @Sendable (StageDraft) -> [ValidationIssue] = { _ in [] }, batching: Batching
  ) {
    (self.name, self.summary, self.revision, self.inputs) = (name, summary, revision, inputs)
    (self.parameters, self.outputs, mapping) = (parameters, outputs, .items(of: mapped))
    (self.memory, self.estimate, self.check, self.batching) = (memory, estimate, check, batching)
    run = { try batching.run([$0]) }
  }
}

/// How a kind does several items of a stage at once. What it makes of each is the same, byte for byte, as alone.
public struct Batching: Sendable {
  /// How many items like the one with these bytes are worth doing at once; no more than memory for one action allows.
  public let size: @Sendable (Data) throws -> Int
  /// Does the work of several actions that differ in nothing but their items. Where one of them fails, all do: they
  /// are done again one by one then, so that the failure is that item's alone.
  public let run: @Sendable ([any StageContext]) throws -> Void

  public init(
    size: @escaping @Sendable (Data) throws -> Int, run: @escaping @Sendable ([any StageContext]) throws -> Void
  ) {
    (self.size, self.run) = (size, run)
  }
}

/// An upper estimate of the memory that an action takes: something in any case, and a multiple of its inputs' sizes.
public struct MemoryNeed: Sendable, Equatable {
  public let megabytes: Int
  public let perInputByte: Int

  public init(megabytes: Int, perInputByte: Int) { (self.megabytes, self.perInputByte) = (megabytes, perInputByte) }

  /// - Parameter size: of all inputs together, in bytes.
  public func bytes(forInputs size: Int) -> Int { megabytes << 20 + perInputByte * size }
}

/// How a stage falls apart into actions.
public enum Mapping: Sendable, Equatable {
  /// One action does it all.
  case whole
  /// One action for each item of the artifact at this input port.
  case items(of: String)
  /// One action for each file that this path parameter names, when it is given and is a glob or a list; the item is
  /// called like the file without its extension. Any other source of such a kind is one action.
  case files(of: String)
}

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

  public init(_ name: String, _ types: ArtifactType..., arity: Arity = .one, isAligned: Bool = false, help: String) {
    (self.name, self.types, self.arity, self.isAligned, self.help) = (name, types, arity, isAligned, help)
  }
}

extension JSON {
  /// In `metrics`, in a number's place: there was nothing to measure, which is neither a mistake nor a failure.
  public static let nothingToMeasure: JSON = "nothing to measure"
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

/// A parameter of a stage kind.
public struct Parameter: Sendable {
  public indirect enum Kind: Sendable {
    case bool
    case int(ClosedRange<Int>)
    case double(ClosedRange<Double>)
    case string
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
    (self.name, self.kind, self.presence) = (name, kind, presence)
    (self.isSemantic, self.endings, self.help) = (isSemantic, endings, help)
  }
}

/// Decoded parameters by name; one that is optional and left out is absent, defaults are filled in.
public struct Parameters: Sendable, Hashable {
  public let values: [String: Value]

  public init(_ values: [String: Value]) { self.values = values }

  public subscript(_ name: String) -> Value? { values[name] }

  // The declaration guarantees presence and type; asking for anything else is a mistake in the stage kind.
  public func int(_ name: String) -> Int { values[name]!.int! }
  public func double(_ name: String) -> Double { values[name]!.double! }
  public func string(_ name: String) -> String { values[name]!.string! }
  public func bool(_ name: String) -> Bool { values[name]!.bool! }
}

/// What a kind's own check sees before anything runs: decoded parameters, and what is known of the given ports.
public struct StageDraft: Sendable {
  public let parameters: Parameters
  /// Input ports that the recipe gives, with the type at each (for lists and mixtures, of each member).
  public let inputs: [String: [ArtifactType]]
  /// What is known of all that is bound to each given port, in the recipe's order.
  public let members: [String: [Member]]
  /// How many files each given path parameter names.
  public let fileCounts: [String: Int]
  /// The measures of which the stage expects something. A complaint may be about one of them.
  public let expected: [String]

  /// What is bound to a port, as far as it is known before anything runs.
  public struct Member: Sendable, Hashable {
    public let label: String
    public let axes: [Axis]
    /// The names of a set's items; nil where they are not known yet.
    public let items: [String]?
    /// What metrics measure; nil where it is not known yet.
    public let measures: [String]?

    public init(label: String, axes: [Axis] = [], items: [String]?, measures: [String]? = nil) {
      self.label = label
      self.axes = axes
      self.items = items
      self.measures = measures
    }
  }

  public init(
    parameters: Parameters, inputs: [String: [ArtifactType]], members: [String: [Member]] = [:],
    fileCounts: [String: Int] = [:], expected: [String] = []
  ) {
    self.parameters = parameters
    self.inputs = inputs
    self.members = members
    self.fileCounts = fileCounts
    self.expected = expected
  }

  /// Complaints about those of these list parameters that are given and hold nothing.
  public func complaints(aboutEmpty names: [String]) -> [ValidationIssue] {
    names.filter { parameters[$0]?.list?.isEmpty ?? false }.map { name in
      ValidationIssue(about: name, "'\(name)' is empty: give it at least one value")
    }
  }
}

/// Something wrong with a stage, about its parameter, its port or the measure of its expectation `subject` (or the whole
/// stage where nil).
public struct ValidationIssue: Sendable, Hashable {
  public let subject: String?
  /// What is wrong, then what to do.
  public let message: String

  public init(about subject: String? = nil, _ message: String) { (self.subject, self.message) = (subject, message) }
}

/// Weights with which several models' noise predictions are mixed (paper eq. 14), by time.
///
/// `segments` are in the order written. At time t the first segment with t ≥ `from` holds.
/// A constant mixture is one segment from 0.
public struct Mixture<Member: Sendable & Hashable>: Sendable, Hashable {
  public struct Segment: Sendable, Hashable {
    public let from: Int
    public let weights: [Weight]
    public init(from: Int, weights: [Weight]) { (self.from, self.weights) = (from, weights) }
  }
  public struct Weight: Sendable, Hashable {
    public let label: String
    public let member: Member
    public let weight: Double
    public init(label: String, member: Member, weight: Double) {
      (self.label, self.member, self.weight) = (label, member, weight)
    }
  }

  public let segments: [Segment]
  public init(segments: [Segment]) { self.segments = segments }

  /// The same weights over other members.
  public func map<Other>(_ transform: (Member) throws -> Other) rethrows -> Mixture<Other> {
    .init(
      segments: try segments.map { segment in
        .init(
          from: segment.from,
          weights: try segment.weights.map {
            .init(label: $0.label, member: try transform($0.member), weight: $0.weight)
          })
      })
  }
}
