import Foundation
import Synchronization

/// A kind of stage, declared in the manner of swift-argument-parser: its properties are what a recipe gives it and what
/// it makes, and everything that the recipe's language, `kinds`, the schema and the keys know of it follows from them.
///
///     struct Brighten: Stage {
///       static let name = "brighten"
///       static let summary = "Makes pictures brighter."
///       static let revision = 1
///
///       @Input(help: "The pictures.") var images: Each<Pictures>
///       @Parameter(0...10, help: "What their values are multiplied by.") var factor = 1.5
///       let brightened = Output<Pictures>()
///
///       func run(_ context: any StageContext) throws { … }
///     }
///
/// A property is called in recipes as in Swift, but in snake case. Each action, check and estimate has a value of its own,
/// whose parameters hold what the recipe says. The inputs hold something only in `run`.
public protocol Stage: SendableMetatype {
  /// The word in the recipe: `invert`.
  static var name: String { get }
  /// One sentence for `kinds`.
  static var summary: String { get }
  /// Raised whenever the same parameters and inputs would give other bytes; part of every key.
  static var revision: Int { get }
  /// How much memory an action takes, so that not too many run side by side.
  static var memory: MemoryNeed { get }
  /// Whether actions compute with networks, on a graphics card where there is one.
  static var usesDevice: Bool { get }
  /// What to lower where an action takes more memory than a graphics card has, for messages.
  static var memoryAdvice: String { get }
  /// Whether actions see what their items are called, so that the names belong into their keys.
  static var seesItemNames: Bool { get }
  /// Whether actions see the records of the actions that made what they take in, so that these belong into their keys.
  static var seesRecords: Bool { get }
  /// How several items are done at once; nil but for a ``BatchedStage``.
  static var batching: Batching? { get }
  /// What depends on the parameters besides the outputs; nil but for an ``AdaptiveStage``.
  static var adaptation: Adaptation? { get }

  init()

  /// What a stage with these parameters makes; the first is what a bare reference `stage` means. Nil, unless a kind says
  /// otherwise: all outputs that are declared.
  var made: [OutputPort]? { get }
  /// Rules that reach over several parameters or inputs: messages, each about the one that it names.
  func check(_ draft: StageDraft) -> [ValidationIssue]
  /// What can be told of a stage before it runs: how much work an action is, how many items there will be.
  func estimate(_ input: EstimateInput) -> StageEstimate
  /// Does the work of one action. Synchronous; calls `context.checkCancellation()` between steps.
  func run(_ context: any StageContext) throws
}

extension Stage {
  public static var memory: MemoryNeed { MemoryNeed(megabytes: 64, perInputByte: 2) }
  public static var usesDevice: Bool { false }
  public static var memoryAdvice: String { "load smaller pictures ('size')" }
  public static var seesItemNames: Bool { false }
  public static var seesRecords: Bool { false }
  public static var batching: Batching? { nil }
  public static var adaptation: Adaptation? { nil }
  public var made: [OutputPort]? { nil }
  public func check(_ draft: StageDraft) -> [ValidationIssue] { [] }
  public func estimate(_ input: EstimateInput) -> StageEstimate { input.estimate() }
}

/// A kind of stage of which more than the outputs depends on the parameters.
public protocol AdaptiveStage: Stage {
  /// The ports that a stage with these parameters goes over item by item: it has an action for each item of the first, and
  /// sees that of the same name at the others. Nil: those that are declared so.
  var itemwise: [String]? { get }
  /// How much memory an action takes.
  var memoryNeed: MemoryNeed { get }
  /// The program of the user's that an action starts, with its arguments; nil for none.
  var program: [String]? { get }
  /// Why that program cannot be started on this machine; nil where it can, or that cannot be told before.
  var programIssue: String? { get }
}

extension AdaptiveStage {
  public static var adaptation: Adaptation? { Adaptation(Self.self) }
}

/// A kind of stage that does several of its items at once, where that is faster. What it makes of each is the same, byte
/// for byte, as alone.
public protocol BatchedStage: Stage {
  /// How many items like the one with these bytes are worth doing at once; no more than memory for one action allows.
  static func batchSize(for item: Data) throws -> Int
  /// The same of a stage whose items are numbers, for which there are no bytes.
  var batchSize: Int { get }
  /// Does the work of several actions that differ in nothing but their items. Where one of them fails, all do: they
  /// are done again one by one then, so that the failure is that item's alone.
  static func run(_ batch: [StageAction<Self>]) throws
}

extension BatchedStage {
  public static var batching: Batching? { Batching(Self.self) }
  public var batchSize: Int { 1 }
  public func run(_ context: any StageContext) throws { try Self.run([StageAction(stage: self, context: context)]) }
}

/// One action of a stage: what it was given, and the world as it sees it.
public struct StageAction<Kind: Stage> {
  public let stage: Kind
  public let context: any StageContext

  public init(stage: Kind, context: any StageContext) {
    self.stage = stage
    self.context = context
  }
}

/// Properties that several kinds declare alike. A kind holds them as a constant: `let noise = NoiseOptions()`.
open class StagePart { public init() {} }

/// A property of a stage that declares an input, parameters or an output.
///
/// The properties of a stage register themselves while it is made, in their order. That is faster than to look for them
/// in it: there may be thousands of stages, each with a check and an estimate.
open class StageProperty {
  /// In recipes: that of the Swift property in snake case, unless another one is given.
  public final private(set) var name: String
  private let isNamed: Bool

  public init(name: String? = nil) {
    self.name = name ?? ""
    isNamed = name != nil
    PropertyList.beingMade?.properties.append(self)
  }

  /// Adds what it declares.
  open func declare(in declaration: inout StageDeclaration) {}

  /// Takes the values that a recipe gives, and, where the stage runs, what `context` has for it.
  open func bind(_ parameters: Parameters, _ context: (any StageContext)?) throws {}

  fileprivate final func take(name: String) { if !isNamed { self.name = name } }
}

/// What the properties of a stage declare.
public struct StageDeclaration: Sendable {
  public var inputs: [Port] = []
  public var parameters: [ParameterDeclaration] = []
  public var outputs: [OutputPort] = []
  /// How a stage falls apart into actions.
  public var mapping = Mapping.whole
  /// The parameter that says how many items there are, in a stage that is given it.
  public var numbering: String?
  /// The parameter that says how many links of a chain there are.
  public var chaining: String?
}

/// What is the same for all stages of a kind: the names of its properties, and what they declare.
struct StageLayout<Kind: Stage>: Sendable {
  let declaration: StageDeclaration
  private let names: [String]

  init(of kind: Kind.Type) {
    let (stage, properties) = PropertyList.made { Kind() }
    let labeled = Self.labeled(in: stage)
    precondition(
      labeled.count == properties.count && zip(labeled, properties).allSatisfy { $0.property === $1 },
      "the kind '\(Kind.name)' holds other properties than it makes")
    names = labeled.map(\.label.snakeCased)
    var declaration = StageDeclaration()
    for (name, property) in zip(names, properties) {
      property.take(name: name)
      property.declare(in: &declaration)
    }
    self.declaration = declaration
  }

  /// A stage with these parameters, and with the inputs of `context`, where it runs.
  func stage(_ parameters: Parameters, _ context: (any StageContext)?) throws -> Kind {
    let (stage, properties) = PropertyList.made { Kind() }
    for (name, property) in zip(names, properties) {
      property.take(name: name)
      try property.bind(parameters, context)
    }
    return stage
  }

  /// The same for a check or an estimate, in which there is nothing that can fail.
  func stage(checking parameters: Parameters) -> Kind {
    do { return try stage(parameters, nil) } catch {
      preconditionFailure("parameters that were decoded are of their kinds: \(error)")
    }
  }

  private static func labeled(in part: Any) -> [(label: String, property: StageProperty)] {
    Mirror(reflecting: part).children.flatMap { child -> [(label: String, property: StageProperty)] in
      switch child.value {
      case let property as StageProperty: [(child.label ?? "", property)]
      case let part as StagePart: labeled(in: part)
      default: []
      }
    }
  }
}

/// The layout of a kind, worked out when it is asked for first: a command uses few of the kinds.
final class LazyLayout<Kind: Stage>: Sendable {
  private let made = Mutex<StageLayout<Kind>?>(nil)

  var layout: StageLayout<Kind> {
    made.withLock { made in
      let layout = made ?? StageLayout(of: Kind.self)
      made = layout
      return layout
    }
  }
}

/// The properties that come about while a stage is made; used by the thread that makes it, alone.
private final class PropertyList: @unchecked Sendable {
  var properties: [StageProperty] = []

  @TaskLocal static var beingMade: PropertyList?

  /// What `make` makes, and the properties that came about.
  static func made<Kind>(_ make: () -> Kind) -> (stage: Kind, properties: [StageProperty]) {
    let list = PropertyList()
    return $beingMade.withValue(list) { (make(), list.properties) }
  }
}

extension String {
  /// `learning_rate` for `learningRate`, and for `_learningRate`, as the storage of a property wrapper is called.
  fileprivate var snakeCased: String {
    var text = ""
    for scalar in unicodeScalars.drop(while: { $0 == "_" }) {
      if scalar.properties.isUppercase { text += "_" }
      text += scalar.properties.lowercaseMapping
    }
    return text
  }
}
