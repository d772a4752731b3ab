/// What a diffusion process cannot do.
public enum DiffusionError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The variance was to be the model's, which predicts none.
  case noLearnedVariance
  /// A trajectory of two states needs times that all differ.
  case repeatedTimes(steps: Int, returnStep: Int)

  public var description: String {
    switch self {
    case .noLearnedVariance:
      "the model has learned no variance: choose `variance: small` or `large`, or leave it out"
    case .repeatedTimes(let steps, let returnStep):
      "\(steps) steps from time \(returnStep) meet a time twice: take at most \(returnStep) steps"
    }
  }
}
