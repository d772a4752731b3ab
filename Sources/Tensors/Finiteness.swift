import Kernels

extension Tensor {
  /// Whether no element is infinite or not a number.
  public var isFinite: Bool { Self.areFinite([self]) }

  /// Whether no element of any of these tensors is infinite or not a number. A graphics card is asked once.
  public static func areFinite(_ tensors: [Tensor]) -> Bool { areBelow(.infinity, tensors) }

  /// Whether |x| < `limit` for every element x of all of these tensors, which lie in one place; one that is not a number is not.
  static func areBelow(_ limit: Double, _ tensors: [Tensor]) -> Bool {
    guard let gpu = tensors.first?.gpu else {
      return tensors.allSatisfy { ck_all_below($0.type.rawValue, $0.pointer, limit, $0.count) != 0 }
    }
    var areBelow = false
    gpu.attempt("looking at \(tensors.count) tensors") {
      areBelow = try gpu.areAllBelow(limit, tensors.map { ($0.buffer, $0.count) })
    }
    return areBelow
  }

  /// The first element that is infinite or not a number, and its place along each axis; nil where there is none.
  public var firstNonFinite: (place: [Int], value: Double)? {
    guard !isFinite, let index = doubleValues.firstIndex(where: { !$0.isFinite }) else { return nil }
    var (place, rest) = ([Int](), index)
    for size in shape.reversed() {
      place.append(rest % size)
      rest /= size
    }
    return (place.reversed(), doubleValues[index])
  }
}

/// A training or an optimization cannot go on: what it would go on with is infinite or not a number.
public struct Divergence: Error, Sendable, Hashable, CustomStringConvertible {
  /// The iteration that failed, from 1.
  public let iteration: Int
  /// What was found: `the loss is nan (clip is nan, l1 is 0.2)`.
  public let finding: String
  /// Whether all that is learned is as it was after the iteration before.
  public let isIntact: Bool

  public init(iteration: Int, _ finding: String, isIntact: Bool) {
    self.iteration = iteration
    self.finding = finding
    self.isIntact = isIntact
  }

  public var description: String { "iteration \(iteration): \(finding)" }
}

extension Adam {
  /// Gradients below this have squares that the second moment holds in float32.
  static let gradientLimit = 9e18

  /// Drops all gradients where one is not below ``gradientLimit``.
  /// - Returns: what is wrong; nil where nothing is.
  public static func problem(ofGradientsOf parameters: [Tensor]) -> String? {
    let gradients = parameters.compactMap(\.gradient)
    guard !Tensor.areBelow(gradientLimit, gradients) else { return nil }
    let isLarge = Tensor.areFinite(gradients)
    for parameter in parameters { parameter.gradient = nil }
    return isLarge ? "the gradient is too large" : "the gradient is not finite"
  }
}
