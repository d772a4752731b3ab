import Kernels

// Operations on each element by itself, and on pairs of elements of equal shapes (or shapes that broadcast).

// MARK: Functions of one number

/// y = f(x), with gx = gy·f'(x).
private func unary(_ name: String, _ function: Int, _ x: Tensor, parameter: Double = 0) -> Tensor {
  let type = x.type.rawValue
  let y = Tensor.computed(name, x.shape, from: x) { y in
    Parallel.forEachRange(x.count, grain: elementwiseGrain) {
      ck_unary(
        type, Int32(function), parameter, x.pointer(at: $0.lowerBound), y.pointer(at: $0.lowerBound), $0.count)
    }
  } card: {
    try $0.unary(function, parameter: parameter, x.buffer, into: $1, count: x.count)
  }
  let input = x.detached
  return y.recorded(name, [x]) { gy in
    let gx = Tensor.computed(name, input.shape, from: input, gy) { gx in
      Parallel.forEachRange(input.count, grain: elementwiseGrain) {
        ck_unary_gradient(
          type, Int32(function), parameter, input.pointer(at: $0.lowerBound), gy.pointer(at: $0.lowerBound),
          gx.pointer(at: $0.lowerBound), $0.count)
      }
    } card: {
      try $0.unaryGradient(function, parameter: parameter, input.buffer, gy.buffer, into: $1, count: input.count)
    }
    return [gx]
  }
}

extension Tensor {
  public func exp() -> Tensor { unary("exp", CK_EXP, self) }
  /// The natural logarithm.
  public func log() -> Tensor { unary("log", CK_LOG, self) }
  public func squareRoot() -> Tensor { unary("squareRoot", CK_SQRT, self) }
  public func square() -> Tensor { unary("square", CK_SQUARE, self) }
  /// |x|, with gradient 0 at 0.
  public func absolute() -> Tensor { unary("absolute", CK_ABS, self) }
  public func tanh() -> Tensor { unary("tanh", CK_TANH, self) }
  /// σ(x) = 1 / (1 + e^−x)
  public func sigmoid() -> Tensor { unary("sigmoid", CK_SIGMOID, self) }
  public func relu() -> Tensor { unary("relu", CK_RELU, self) }
  /// x where positive, else slope·x.
  public func leakyReLU(slope: Double) -> Tensor { unary("leakyReLU", CK_LEAKY_RELU, self, parameter: slope) }
  /// x·σ(x), "swish".
  public func silu() -> Tensor { unary("silu", CK_SILU, self) }
  /// x·σ(1.702 x), CLIP's approximation of GELU.
  public func quickGELU() -> Tensor { unary("quickGELU", CK_QUICK_GELU, self) }
  /// x·Φ(x), the exact form with the error function.
  public func gelu() -> Tensor { unary("gelu", CK_GELU, self) }

  /// scale·x + shift
  public func affine(scale: Double, shift: Double = 0) -> Tensor {
    let y = Tensor.computed("affine", shape, from: self) { y in
      Parallel.forEachRange(count, grain: elementwiseGrain) {
        ck_affine(
          type.rawValue, pointer(at: $0.lowerBound), scale, shift, y.pointer(at: $0.lowerBound), $0.count)
      }
    } card: {
      try $0.affine(buffer, scale: scale, shift: shift, into: $1, count: count)
    }
    return y.recorded("affine", [self]) { gy in [gy.affine(scale: scale)] }
  }

  /// min(max(x, low), high); the gradient passes where x is inside.
  public func clamped(to range: ClosedRange<Double>) -> Tensor {
    let type = type
    let (low, high) = (range.lowerBound, range.upperBound)
    let y = Tensor.computed("clamped", shape, from: self) { y in
      Parallel.forEachRange(count, grain: elementwiseGrain) {
        ck_clamp(type.rawValue, pointer(at: $0.lowerBound), low, high, y.pointer(at: $0.lowerBound), $0.count)
      }
    } card: {
      try $0.clamp(buffer, to: range, into: $1, count: count)
    }
    let input = detached
    return y.recorded("clamped", [self]) { gy in
      let gx = Tensor.computed("clamped", input.shape, from: input, gy) { gx in
        Parallel.forEachRange(input.count, grain: elementwiseGrain) {
          ck_clamp_gradient(
            type.rawValue, input.pointer(at: $0.lowerBound), low, high, gy.pointer(at: $0.lowerBound),
            gx.pointer(at: $0.lowerBound), $0.count)
        }
      } card: {
        try $0.clampGradient(input.buffer, to: range, gy.buffer, into: $1, count: input.count)
      }
      return [gx]
    }
  }

  public static prefix func - (x: Tensor) -> Tensor { x.affine(scale: -1) }
  public static func * (x: Tensor, scale: Double) -> Tensor { x.affine(scale: scale) }
  public static func * (scale: Double, x: Tensor) -> Tensor { x.affine(scale: scale) }
  public static func / (x: Tensor, divisor: Double) -> Tensor { x.affine(scale: 1 / divisor) }
  public static func + (x: Tensor, shift: Double) -> Tensor { x.affine(scale: 1, shift: shift) }
  public static func - (x: Tensor, shift: Double) -> Tensor { x.affine(scale: 1, shift: -shift) }
  public static func - (shift: Double, x: Tensor) -> Tensor { x.affine(scale: -1, shift: shift) }
}

// MARK: Pairs

func combine(_ operation: Int, _ a: Tensor, _ b: Tensor) -> Tensor {
  precondition(a.shape == b.shape && a.type == b.type, "shapes \(a.shape) and \(b.shape)")
  return Tensor.computed("a pair", a.shape, from: a, b) { y in
    Parallel.forEachRange(a.count, grain: elementwiseGrain) {
      ck_binary(
        a.type.rawValue, Int32(operation), a.pointer(at: $0.lowerBound), b.pointer(at: $0.lowerBound),
        y.pointer(at: $0.lowerBound), $0.count)
    }
  } card: {
    try $0.binary(operation, a.buffer, b.buffer, into: $1, count: a.count)
  }
}

/// Both operands expanded to their common shape, by the rules of NumPy.
private func broadcast(_ a: Tensor, _ b: Tensor) -> (Tensor, Tensor) {
  if a.shape == b.shape { return (a, b) }
  let rank = max(a.rank, b.rank)
  let left = Array(repeating: 1, count: rank - a.rank) + a.shape
  let right = Array(repeating: 1, count: rank - b.rank) + b.shape
  let shape = zip(left, right).map { pair in
    precondition(pair.0 == pair.1 || pair.0 == 1 || pair.1 == 1, "shapes \(a.shape) and \(b.shape) do not broadcast")
    return max(pair.0, pair.1)
  }
  return (a.expanded(to: shape), b.expanded(to: shape))
}

extension Tensor {
  public static func + (a: Tensor, b: Tensor) -> Tensor {
    let (a, b) = broadcast(a, b)
    return combine(CK_ADD, a, b).recorded("add", [a, b]) { [$0, $0] }
  }

  public static func - (a: Tensor, b: Tensor) -> Tensor {
    let (a, b) = broadcast(a, b)
    let needs = b.requiresGradient
    return combine(CK_SUBTRACT, a, b).recorded("subtract", [a, b]) { [$0, needs ? -$0 : nil] }
  }

  public static func * (a: Tensor, b: Tensor) -> Tensor {
    let (a, b) = broadcast(a, b)
    let (x, y) = (a.detached, b.detached)
    let (needsA, needsB) = (a.requiresGradient, b.requiresGradient)
    return combine(CK_MULTIPLY, a, b).recorded("multiply", [a, b]) { g in
      [needsA ? combine(CK_MULTIPLY, g, y) : nil, needsB ? combine(CK_MULTIPLY, g, x) : nil]
    }
  }

  public static func / (a: Tensor, b: Tensor) -> Tensor {
    let (a, b) = broadcast(a, b)
    let quotient = combine(CK_DIVIDE, a, b)
    let (y, q) = (b.detached, quotient.detached)
    let needs = b.requiresGradient
    return quotient.recorded("divide", [a, b]) { g in
      let ga = combine(CK_DIVIDE, g, y)
      return [ga, needs ? -combine(CK_MULTIPLY, ga, q) : nil]
    }
  }
}

let elementwiseCases: [GradientCase] = [
  GradientCase("exp", [[7]]) { $0[0].exp() },
  GradientCase("log", [[7]], in: 0.5...3) { $0[0].log() },
  GradientCase("squareRoot", [[7]], in: 0.5...3) { $0[0].squareRoot() },
  GradientCase("square", [[7]]) { $0[0].square() },
  GradientCase("absolute", [[7]], in: 0.1...2) { $0[0].absolute() },
  GradientCase("absolute", [[7]], in: -2...(-0.1)) { $0[0].absolute() },
  GradientCase("tanh", [[7]]) { $0[0].tanh() },
  GradientCase("sigmoid", [[7]]) { $0[0].sigmoid() },
  GradientCase("relu", [[7]], in: 0.1...2) { $0[0].relu() },
  GradientCase("relu", [[7]], in: -2...(-0.1)) { $0[0].relu() },
  GradientCase("leakyReLU", [[7]], in: -2...(-0.1)) { $0[0].leakyReLU(slope: 0.25) },
  GradientCase("silu", [[7]]) { $0[0].silu() },
  GradientCase("quickGELU", [[7]]) { $0[0].quickGELU() },
  GradientCase("gelu", [[7]]) { $0[0].gelu() },
  GradientCase("affine", [[7]]) { $0[0].affine(scale: -3, shift: 2) },
  GradientCase("clamped", [[7]], in: -0.9...0.9) { $0[0].clamped(to: -1...1) },
  GradientCase("clamped", [[7]], in: 1.1...2) { $0[0].clamped(to: -1...1) },
  GradientCase("add", [[3, 4], [4]]) { $0[0] + $0[1] },
  GradientCase("subtract", [[3, 1], [3, 4]]) { $0[0] - $0[1] },
  GradientCase("multiply", [[2, 3, 4], [2, 1, 4]]) { $0[0] * $0[1] },
  GradientCase("divide", [[3, 4], [3, 1]], in: 0.5...2) { $0[0] / $0[1] },
]
