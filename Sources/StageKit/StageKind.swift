import ArtifactStore
import Foundation
import JSONSyntax

/// One kind of stage, as everything but itself sees it: what decoding, validation, reference text, schema, keys and
/// execution need. It follows from the properties of a ``Stage``.
public struct StageKind: Sendable {
  /// The word in the recipe: `invert`.
  public let name: String
  /// One sentence for `kinds`.
  public let summary: String
  /// Raised whenever the same parameters and inputs would give other bytes; part of every key.
  public let revision: Int
  public var inputs: [Port] { declaration().inputs }
  public var parameters: [ParameterDeclaration] { declaration().parameters }
  /// What the kind makes; the first is what a bare reference `stage` means. May depend on the parameters
  /// (`load` makes what its one source parameter names).
  public let outputs: @Sendable (Parameters) -> [OutputPort]
  /// How a stage of this kind falls apart into actions, where its parameters say nothing else.
  public var mapping: Mapping { declaration().mapping }
  /// The parameter that says how many items there are, in a stage that is given it.
  public var numbering: String? { declaration().numbering }
  /// The parameter that says how many links of a chain a stage makes, such as epochs: to make more of them, it goes on
  /// from those that are there, to the same bytes as all of them at once.
  public var chaining: String? { declaration().chaining }
  /// Whether actions compute with networks, on a graphics card where there is one.
  public let usesDevice: Bool
  /// What to lower where an action takes more memory than a graphics card has.
  public let memoryAdvice: String
  /// Whether actions see what their items are called, so that the names belong into their keys.
  public let seesItemNames: Bool
  /// Whether actions see the records of the actions that made what they take in, so that these belong into their keys.
  public let seesRecords: Bool
  /// What one link of a chain is called where a reference picks it, `stage[epoch=3]`: as the parameter that counts them.
  public var linkName: String? { chaining.map { $0.hasSuffix("s") ? String($0.dropLast()) : $0 } }
  private let memory: MemoryNeed
  private let adaptation: Adaptation?
  /// Rules that reach over several parameters or ports: messages, each about the parameter it names.
  public let check: @Sendable (StageDraft) -> [ValidationIssue]
  /// Does the work of one action. Synchronous; calls `context.checkCancellation()` between steps.
  public let run: @Sendable (any StageContext) throws -> Void
  /// How several items are done at once, where that is faster.
  public let batching: Batching?
  /// What can be told of a stage before it runs: how much work an action is, how many items there will be.
  public let estimate: @Sendable (EstimateInput) -> StageEstimate
  private let declaration: @Sendable () -> StageDeclaration

  /// The kind that a type of stages declares.
  public init<Kind: Stage>(_ kind: Kind.Type) {
    let lazy = LazyLayout<Kind>()
    declaration = { lazy.layout.declaration }
    name = Kind.name
    summary = Kind.summary
    revision = Kind.revision
    outputs = { lazy.layout.stage(checking: $0).made ?? lazy.layout.declaration.outputs }
    usesDevice = Kind.usesDevice
    memoryAdvice = Kind.memoryAdvice
    seesItemNames = Kind.seesItemNames
    seesRecords = Kind.seesRecords
    memory = Kind.memory
    adaptation = Kind.adaptation
    check = { lazy.layout.stage(checking: $0.parameters).check($0) }
    estimate = { lazy.layout.stage(checking: $0.parameters).estimate($0) }
    run = { try lazy.layout.stage($0.parameters, $0).run($0) }
    batching = Kind.batching
  }

  /// Stands for what a recipe is given for an input of this type, where it is checked by itself: a stage that takes
  /// nothing, and is never run.
  public init(standingInFor type: ArtifactType) {
    let output = OutputPort(type.rawValue, type)
    declaration = { StageDeclaration(outputs: [output]) }
    name = "input \(type.rawValue)"
    summary = "What a recipe is given."
    revision = 1
    outputs = { _ in [output] }
    usesDevice = false
    memoryAdvice = ""
    seesItemNames = false
    seesRecords = false
    memory = MemoryNeed(megabytes: 0, perInputByte: 0)
    adaptation = nil
    check = { _ in [] }
    estimate = { _ in StageEstimate(work: nil, outputs: [:]) }
    run = { _ in throw InputError("an input of a recipe that is checked by itself cannot be computed") }
    batching = nil
  }
}

extension StageKind {
  /// The ports that a stage goes over item by item, where its parameters say which (see ``AdaptiveStage/itemwise``).
  public func itemwise(_ parameters: Parameters) -> [String]? { adaptation?.itemwise(parameters) }

  /// How much memory an action of a stage takes, so that not too many run side by side.
  public func memory(_ parameters: Parameters) -> MemoryNeed { adaptation?.memory(parameters) ?? memory }

  /// The program of the user's that an action of a stage starts, with its arguments, if it does.
  public func program(_ parameters: Parameters) -> [String]? { adaptation?.program(parameters) }

  /// Why that program cannot be started on this machine; nil where it can, or that cannot be told before.
  public func programIssue(_ parameters: Parameters) -> String? { adaptation?.programIssue(parameters) }

  /// The ports of a stage: in the place of one of arity `named`, one for each of its references.
  /// - Parameter given: the names of the ports at which the stage has something.
  public func ports(_ parameters: Parameters, given: some Sequence<String>) -> [Port] {
    let inputs = inputs
    guard inputs.contains(where: { $0.arity == .named }) else { return inputs }
    let aligned = itemwise(parameters)?.dropFirst() ?? []
    return inputs.flatMap { port -> [Port] in
      guard port.arity == .named else { return [port] }
      let labels = given.compactMap { Port.label(of: $0, at: port.name) }
      return labels.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { label in
        port.member(label, as: aligned.contains(Port.name(ofMember: label, at: port.name)) ? .matching : .whole)
      }
    }
  }
}

/// What depends on a stage's parameters besides its outputs: see ``AdaptiveStage``.
public struct Adaptation: Sendable {
  let itemwise: @Sendable (Parameters) -> [String]?
  let memory: @Sendable (Parameters) -> MemoryNeed
  let program: @Sendable (Parameters) -> [String]?
  let programIssue: @Sendable (Parameters) -> String?

  init<Kind: AdaptiveStage>(_ kind: Kind.Type) {
    let lazy = LazyLayout<Kind>()
    itemwise = { lazy.layout.stage(checking: $0).itemwise }
    memory = { lazy.layout.stage(checking: $0).memoryNeed }
    program = { lazy.layout.stage(checking: $0).program }
    programIssue = { lazy.layout.stage(checking: $0).programIssue }
  }
}

/// How a kind does several items of a stage at once. What it makes of each is the same, byte for byte, as alone.
public struct Batching: Sendable {
  /// How many items like the one with these bytes are worth doing at once; no more than memory for one action allows.
  public let size: @Sendable (Data) throws -> Int
  /// The same of a stage whose items are numbers.
  public let numberedSize: @Sendable (Parameters) -> Int
  /// Does the work of several actions that differ in nothing but their items. Where one of them fails, all do: they
  /// are done again one by one then, so that the failure is that item's alone.
  public let run: @Sendable ([any StageContext]) throws -> Void

  init<Kind: BatchedStage>(_ kind: Kind.Type) {
    let lazy = LazyLayout<Kind>()
    size = { try Kind.batchSize(for: $0) }
    numberedSize = { lazy.layout.stage(checking: $0).batchSize }
    run = { try Kind.run($0.map { StageAction(stage: try lazy.layout.stage($0.parameters, $0), context: $0) }) }
  }
}

/// An upper estimate of the memory that an action takes: something in any case, and a multiple of its inputs' sizes.
public struct MemoryNeed: Sendable, Equatable {
  public let megabytes: Int
  public let perInputByte: Int

  public init(megabytes: Int, perInputByte: Int) {
    self.megabytes = megabytes
    self.perInputByte = perInputByte
  }

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
  /// One action for each number from 1 to the value of this parameter; the items are called by their numbers.
  case numbers(to: String)

  /// The names of items that are numbers, up to `count`: `0001`, `0002`, … What a number is called never depends on how
  /// many there are.
  public static func names(to count: Int) -> [String] {
    (1...max(1, count)).map { number in
      let digits = String(number)
      return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }
  }
}
