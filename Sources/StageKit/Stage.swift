import Foundation

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

  init()

  /// What a stage with these parameters makes; the first is what a bare reference `stage` means. All outputs that are
  /// declared unless a kind says otherwise.
  var made: [OutputPort] { get }
  /// Rules that reach over several parameters or inputs: messages, each about the one that it names.
  func check(_ draft: StageDraft) -> [ValidationIssue]
  /// What can be told of a stage before it runs: how much work an action is, how many items there will be.
  func estimate(_ input: EstimateInput) -> StageEstimate
  /// Does the work of one action. Synchronous; calls `context.checkCancellation()` between steps.
  func run(_ context: any StageContext) throws
}

extension Stage {
  public static var memory: MemoryNeed { MemoryNeed(megabytes: 64, perInputByte: 2) }
  public var made: [OutputPort] { StageDeclaration(of: self).outputs }
  public func check(_ draft: StageDraft) -> [ValidationIssue] { [] }
  public func estimate(_ input: EstimateInput) -> StageEstimate { input.estimate() }
}

/// A kind of stage that does several of its items at once, where that is faster. What it makes of each is the same, byte
/// for byte, as alone.
public protocol BatchedStage: Stage {
  /// How many items like the one with these bytes are worth doing at once; no more than memory for one action allows.
  static func batchSize(for item: Data) throws -> Int
  /// Does the work of several actions that differ in nothing but their items. Where one of them fails, all do: they
  /// are done again one by one then, so that the failure is that item's alone.
  static func run(_ batch: [StageAction<Self>]) throws
}

extension BatchedStage {
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
public protocol StagePart { init() }

extension Stage {
  /// A stage of this kind with these parameters, and with the inputs of `context`, where it runs.
  init(_ parameters: Parameters, _ context: (any StageContext)? = nil) throws {
    self.init()
    for property in StageDeclaration.properties(of: self) { try property.bind(parameters, context) }
  }

  /// The same for a check or an estimate, in which there is nothing that can fail.
  init(checking parameters: Parameters) {
    do { try self.init(parameters) } catch { preconditionFailure("parameters alone cannot be read wrongly: \(error)") }
  }
}

/// A property of a stage that declares an input, parameters or an output.
public protocol StageProperty: AnyObject {
  /// Takes its name from that of the Swift property, in snake case.
  func take(name: String)
  func declare(in declaration: inout StageDeclaration)
  /// Takes the values that a recipe gives, and, where the stage runs, what `context` has for it.
  func bind(_ parameters: Parameters, _ context: (any StageContext)?) throws
}

/// What the properties of a stage declare.
public struct StageDeclaration {
  public var inputs: [Port] = []
  public var parameters: [ParameterDeclaration] = []
  public var outputs: [OutputPort] = []
  /// How a stage falls apart into actions.
  public var mapping = Mapping.whole

  init(of stage: some Stage) { for property in Self.properties(of: stage) { property.declare(in: &self) } }

  /// In their order, those of its parts among them; each with its name.
  static func properties(of part: Any) -> [any StageProperty] {
    Mirror(reflecting: part).children.flatMap { label, value -> [any StageProperty] in
      guard let property = value as? any StageProperty else {
        return value is any StagePart ? properties(of: value) : []
      }
      property.take(name: (label ?? "").snakeCased)
      return [property]
    }
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
