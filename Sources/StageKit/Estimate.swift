/// What a diffusion network does in an action; that of other networks is small beside it and not counted.
public struct Work: Sendable, Hashable {
  /// Forward passes, each of one picture.
  public var evaluations: Int
  /// Floating-point operations, convolutions counted as direct ones; with gradients three times those of the forward
  /// passes, whatever is computed twice to save memory.
  public var flop: Double
  /// How many of the evaluations are differentiated.
  public var backwardPasses: Int

  public init(evaluations: Int, flop: Double, backwardPasses: Int = 0) {
    self.evaluations = evaluations
    self.flop = flop
    self.backwardPasses = backwardPasses
  }

  /// Of one evaluation, with what belongs to it; nil where there is none.
  public var flopPerEvaluation: Double? { evaluations > 0 ? flop / Double(evaluations) : nil }

  public static let none = Work(evaluations: 0, flop: 0)

  /// - Parameter each: FLOP of one of the evaluations.
  public static func forward(_ evaluations: Int, of each: Double) -> Work {
    Work(evaluations: evaluations, flop: Double(evaluations) * each)
  }

  /// Forward passes and their gradients.
  /// - Parameter each: FLOP of one forward pass.
  public static func learning(_ evaluations: Int, of each: Double) -> Work {
    Work(evaluations: evaluations, flop: 3 * Double(evaluations) * each, backwardPasses: evaluations)
  }

  /// So much of it.
  public func scaled(by share: Double) -> Work {
    Work(
      evaluations: Int((Double(evaluations) * share).rounded()), flop: flop * share,
      backwardPasses: Int((Double(backwardPasses) * share).rounded()))
  }

  public static func + (a: Work, b: Work) -> Work {
    Work(
      evaluations: a.evaluations + b.evaluations, flop: a.flop + b.flop,
      backwardPasses: a.backwardPasses + b.backwardPasses)
  }
}

/// What can be told of an output before it is made.
public struct OutputEstimate: Sendable, Hashable {
  /// How many items a set has; 1 for what is no set.
  public var items: Int
  /// Of each item.
  public var bytes: Int
  /// Of pictures that all have one, where it is known.
  public var size: PictureSize?
  /// FLOP of one evaluation of a diffusion model on one picture; nil for anything else, and where it cannot be told.
  public var flopPerEvaluation: Double?
  /// How many numbers a diffusion model has learned; nil for anything else, and where it cannot be told.
  public var weights: Int?
  /// Of each picture or latent, by item; nil where it is not known.
  public var sizes: [String: PictureSize]?
  /// Which pictures a diffusion model takes; nil for anything else, and where it is not known.
  public var taken: TakenSizes?
  /// Which texts a model takes; nil for anything else, and where it is not known.
  public var texts: TextRequirement?
  /// Of a table; nil for anything else, and where nothing is known of them.
  public var columns: TableColumns?

  public init(items: Int = 1, bytes: Int, size: PictureSize? = nil, flopPerEvaluation: Double? = nil) {
    self.items = items
    self.bytes = bytes
    self.size = size
    self.flopPerEvaluation = flopPerEvaluation
  }
}

/// What is known of a table's columns.
public struct TableColumns: Sendable, Hashable {
  /// All of them; nil where they are not all known.
  public let names: [String]?
  /// Those that are surely not made of numbers.
  public let texts: Set<String>

  public init(names: [String]?, texts: Set<String>) {
    self.names = names
    self.texts = texts
  }
}

/// What a model demands of texts.
public final class TextRequirement: Sendable {
  /// What is wrong with a text; nil where nothing is.
  public let problem: @Sendable (_ text: String) -> String?
  public init(problem: @escaping @Sendable (_ text: String) -> String?) { self.problem = problem }
}

extension TextRequirement: Hashable {
  public static func == (a: TextRequirement, b: TextRequirement) -> Bool { a === b }
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// What the links of a chain take in the store, in bytes.
public struct ChainBytes: Sendable, Hashable {
  /// How many links are kept, each of so many bytes.
  public let links: Int
  public let each: Int
  /// What the last one goes on from.
  public let state: Int

  public init(links: Int, each: Int, state: Int) {
    self.links = links
    self.each = each
    self.state = state
  }

  public var total: Int { links * each + state }
}

/// What can be told of a stage before it runs.
public struct StageEstimate: Sendable, Hashable {
  /// Of one of its actions; nil where it cannot be told.
  public var work: Work?
  /// By port.
  public var outputs: [String: OutputEstimate]
  /// What one of its actions takes at most, where nobody has measured it; nil where it cannot be told.
  public var longest: Double?
  /// What the links of a chain take in the store, all that the stage makes, in bytes; nil where it cannot be told.
  public var chainBytes: ChainBytes?
  /// What is sure to go wrong.
  public var issues: [ValidationIssue] = []

  public init(work: Work?, outputs: [String: OutputEstimate]) {
    self.work = work
    self.outputs = outputs
  }

  /// The same, with the seconds that an action takes at most.
  public func taking(atMost seconds: Double) -> StageEstimate {
    var estimate = self
    estimate.longest = seconds
    return estimate
  }

  /// The same, with what the links of a chain take in the store.
  public func keeping(_ bytes: ChainBytes?) -> StageEstimate {
    var estimate = self
    estimate.chainBytes = bytes
    return estimate
  }

  /// The same, with what is sure to go wrong.
  public func reporting(_ issues: [ValidationIssue]) -> StageEstimate {
    var estimate = self
    estimate.issues += issues
    return estimate
  }
}

/// What a kind sees of a stage that is to be estimated.
public struct EstimateInput: Sendable {
  public let parameters: Parameters
  /// What is known of all that is bound to each port.
  public let inputs: [String: [OutputEstimate]]
  /// The paths of those files at each given path parameter that are on this machine.
  public let files: [String: [String]]
  /// Whether a path parameter names something that is not on this machine yet.
  public let awaitsDownloads: Bool
  /// The places in sweeps of what each list port collects.
  public let axes: [String: [Axis]]
  /// How many actions the stage has.
  public let actions: Int
  private let outputs: [OutputPort]

  public init(
    parameters: Parameters, inputs: [String: [OutputEstimate]], files: [String: [String]],
    awaitsDownloads: Bool = false, axes: [String: [Axis]] = [:], actions: Int, outputs: [OutputPort]
  ) {
    self.parameters = parameters
    self.inputs = inputs
    self.files = files
    self.axes = axes
    self.awaitsDownloads = awaitsDownloads
    self.actions = actions
    self.outputs = outputs
  }

  /// What is at a port, the first where there are several.
  subscript(port: String) -> OutputEstimate? { inputs[port]?.first }

  /// What is at an input, the first where there are several.
  public subscript<Bound>(input: Input<Bound>) -> OutputEstimate? { self[input.name] }

  /// What is at an input of arity `named` under a name.
  public subscript<Content>(input: Input<Named<Content>>, label: String) -> OutputEstimate? {
    self[Port.name(ofMember: label, at: input.name)]
  }

  /// All that is at an input.
  public func all<Bound>(at input: Input<Bound>) -> [OutputEstimate] { inputs[input.name] ?? [] }

  /// What holds where nothing else is said: a set has an item for each action, or as many as the largest set at the
  /// inputs, and items are as large as there.
  /// - Parameters:
  ///   - work: of one action; nil where it cannot be told.
  ///   - items: of sets.
  ///   - bytes: of an item of the first output.
  ///   - size: of the pictures of the first output, where all have one.
  ///   - flopPerEvaluation: of a diffusion model among the outputs.
  ///   - sizes: of the pictures or latents of the first output; those of the pictures or latents at the inputs unless
  ///     given.
  ///   - taken: by a diffusion model among the outputs.
  ///   - weights: of a diffusion model among the outputs.
  ///   - texts: of a model among the outputs.
  ///   - columns: of a table among the outputs.
  public func estimate(
    work: Work? = Work.none, items: Int? = nil, bytes: Int? = nil, size: PictureSize? = nil,
    flopPerEvaluation: Double? = nil, sizes: [String: PictureSize]? = nil, taken: TakenSizes? = nil,
    weights: Int? = nil, texts: TextRequirement? = nil, columns: TableColumns? = nil
  ) -> StageEstimate {
    let largest = inputs.values.joined().max { $0.items < $1.items }
    let made = outputs.enumerated().map { place, port in
      let count = port.type.isItemSet ? items ?? (actions > 1 ? actions : largest?.items ?? 1) : 1
      let ownBytes = place == 0 ? bytes ?? largest?.bytes : nil
      var output = OutputEstimate(
        items: count, bytes: ownBytes ?? 100_000, size: place == 0 ? size : nil,
        flopPerEvaluation: port.type == .diffusion ? flopPerEvaluation : nil)
      if place == 0, [.images, .masks, .latents].contains(port.type) {
        output.sizes = sizes ?? self["images"]?.sizes ?? self["latents"]?.sizes
        output.size = size ?? self["images"]?.size ?? self["latents"]?.size
      }
      if place == 0, port.type == .diffusion {
        output.taken = taken ?? self["model"]?.taken
        output.weights = weights ?? self["model"]?.weights
      }
      if place == 0 { output.texts = texts }
      if place == 0, port.type == .table { output.columns = columns }
      return (port.name, output)
    }
    return StageEstimate(work: work, outputs: Dictionary(made) { first, _ in first })
  }
}
