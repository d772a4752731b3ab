/// What computes, as the user says it.
public enum DeviceChoice: Sendable, Hashable, CustomStringConvertible {
  /// The processor.
  case cpu
  /// A graphics card that has the memory which a stage is taken to need, else the processor.
  case auto
  /// Graphics cards: all that there are, or the one of this number.
  case gpu(Int?)

  /// Nil where the text is no choice.
  public init?(_ text: String) {
    switch text {
    case "cpu": self = .cpu
    case "auto": self = .auto
    case "gpu": self = .gpu(nil)
    default:
      guard text.begins(with: "gpu:"), let number = Int(text.dropping(bytes: 4)), number >= 0, "gpu:\(number)" == text
      else { return nil }
      self = .gpu(number)
    }
  }

  public var description: String {
    switch self {
    case .cpu: "cpu"
    case .auto: "auto"
    case .gpu(let number): number.map { "gpu:\($0)" } ?? "gpu"
    }
  }
}

/// A graphics card that stages can compute on.
public struct Device: Sendable {
  /// Its place in the list of those that the machine has: that of `gpu:0`.
  public let number: Int
  /// Its name with the runtime and the driver, for people and for provenance.
  public let name: String
  /// In bytes.
  public let memory: Int
  /// Runs work on it; `whenShort` lets go of what is kept there for later, where memory becomes short.
  /// - Throws: what the work throws; ``DeviceFailure`` where the card failed, whatever the work made of that.
  public let use: @Sendable (_ whenShort: @escaping @Sendable () -> Void, _ work: () throws -> Void) throws -> Void

  public init(
    number: Int, name: String, memory: Int,
    use: @escaping @Sendable (_ whenShort: @escaping @Sendable () -> Void, _ work: () throws -> Void) throws -> Void
  ) {
    self.number = number
    self.name = name
    self.memory = memory
    self.use = use
  }
}

/// A graphics card did not do what it was asked for.
public struct DeviceFailure: Error, Sendable, CustomStringConvertible {
  public let description: String
  /// Whether it has too little memory.
  public let isOutOfMemory: Bool

  public init(_ description: String, isOutOfMemory: Bool) {
    self.description = description
    self.isOutOfMemory = isOutOfMemory
  }
}
