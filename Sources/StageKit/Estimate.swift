/// What a diffusion network does in an action; that of other networks is small beside it and not counted.
public struct Work: Sendable, Hashable {
  /// Forward passes, each of one picture.
  public var evaluations: Int
  /// Floating-point operations, convolutions counted as direct ones; with gradients three times those of the forward
  /// passes, whatever is computed twice to save memory.
  public var flop: Double

  public init(evaluations: Int, flop: Double) { (self.evaluations, self.flop) = (evaluations, flop) }

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
    Work(evaluations: evaluations, flop: 3 * Double(evaluations) * each)
  }
}

/// What can be told of an output before it is made.
public struct OutputEstimate: Sendable, Hashable {
  /// How many items a set has; 1 for what is no set.
  public var items: Int
  /// Of each item.
  public var bytes: Int
  /// Pixels on a side of square pictures, where it is known.
  public var side: Int?
  /// FLOP of one evaluation of a diffusion model on one picture; nil for anything else, and where it cannot be told.
  public var flopPerEvaluation: Double?

  public init(items: Int = 1, bytes: Int, side: Int? = nil, flopPerEvaluation: Double? = nil) {
    (self.items, self.bytes, self.side, self.flopPerEvaluation) = (items, bytes, side, flopPerEvaluation)
  }
}

/// What can be told of a stage before it runs.
public struct StageEstimate: Sendable, Hashable {
  /// Of one of its actions; nil where it cannot be told.
  public var work: Work?
  /// By port.
  public var outputs: [String: OutputEstimate]

  public init(work: Work?, outputs: [String: OutputEstimate]) { (self.work, self.outputs) = (work, outputs) }
}

/// What a kind sees of a stage that is to be estimated.
public struct Foresight: Sendable {
  public let parameters: Parameters
  /// What is known of all that is bound to each port.
  public let inputs: [String: [OutputEstimate]]
  /// The paths of those files at each given path parameter that are on this machine.
  public let files: [String: [String]]
  /// How many actions the stage has.
  public let actions: Int
  private let outputs: [OutputPort]

  public init(
    parameters: Parameters, inputs: [String: [OutputEstimate]], files: [String: [String]], actions: Int,
    outputs: [OutputPort]
  ) {
    (self.parameters, self.inputs, self.files) = (parameters, inputs, files)
    (self.actions, self.outputs) = (actions, outputs)
  }

  /// What is at a port, the first where there are several.
  public subscript(port: String) -> OutputEstimate? { inputs[port]?.first }

  /// What holds where nothing else is said: a set has an item for each action, or as many as the largest set at the
  /// inputs, and items are as large as there.
  /// - Parameters:
  ///   - work: of one action; nil where it cannot be told.
  ///   - items: of sets.
  ///   - bytes: of an item of the first output.
  ///   - side: of the pictures of the first output.
  ///   - flopPerEvaluation: of a diffusion model among the outputs.
  public func estimate(
    work: Work? = Work.none, items: Int? = nil, bytes: Int? = nil, side: Int? = nil,
    flopPerEvaluation: Double? = nil
  ) -> StageEstimate {
    let largest = inputs.values.joined().max { $0.items < $1.items }
    let made = outputs.enumerated().map { place, port in
      let count = port.type.isItemSet ? items ?? (actions > 1 ? actions : largest?.items ?? 1) : 1
      let size = place == 0 ? bytes ?? largest?.bytes : nil
      return (
        port.name,
        OutputEstimate(
          items: count, bytes: size ?? 100_000, side: place == 0 ? side : nil,
          flopPerEvaluation: port.type == .diffusion ? flopPerEvaluation : nil)
      )
    }
    return StageEstimate(work: work, outputs: Dictionary(made) { first, _ in first })
  }
}
