import Foundation
import Kernels

/// Adam (Kingma & Ba 2015, algorithm 1), as `torch.optim.Adam` with no weight decay.
public struct Adam {
  /// Decay rates of the two moments.
  public var beta1 = 0.9
  public var beta2 = 0.999
  public var eps = 1e-8
  /// Steps done.
  public private(set) var step = 0
  /// First and second moments, in the order of the parameters given to every step.
  public private(set) var moments: [(first: Tensor, second: Tensor)] = []

  public init() {}

  /// Goes on from saved state.
  public init(step: Int, moments: [(first: Tensor, second: Tensor)]) {
    self.step = step
    self.moments = moments
  }

  /// p ← p − rate·m̂/(√v̂ + eps) for each parameter with a gradient, in place; gradients are dropped afterwards.
  ///
  /// The parameters must be the same, in the same order, at every step.
  public mutating func update(_ parameters: [Tensor], rate: Double) {
    if moments.isEmpty {
      moments = parameters.map {
        (Tensor(repeating: 0, shape: $0.shape, like: $0), Tensor(repeating: 0, shape: $0.shape, like: $0))
      }
    }
    precondition(moments.count == parameters.count, "\(parameters.count) parameters, moments of \(moments.count)")
    step += 1
    let root2 = (1 - pow(beta2, Double(step))).squareRoot()
    // m̂/(√v̂ + eps) = (√c₂/c₁)·m/(√v + √c₂·eps) with the corrections c = 1 − βᵗ.
    let size = rate * root2 / (1 - pow(beta1, Double(step)))
    let eps = eps * root2
    for (parameter, moment) in zip(parameters, moments) {
      guard let gradient = parameter.gradient else { continue }
      if let gpu = parameter.gpu {
        gpu.attempt("Adam of \(parameter.shape)") {
          try gpu.adam(
            parameter.buffer, gradient.buffer, first: moment.first.buffer, second: moment.second.buffer, beta1: beta1,
            beta2: beta2, step: size, eps: eps, count: parameter.count)
        }
        parameter.storage.contentChanged()
        parameter.gradient = nil
        continue
      }
      Parallel.forEachRange(parameter.count, grain: elementwiseGrain) {
        let at = $0.lowerBound
        ck_adam(
          parameter.type.rawValue, parameter.pointer(at: at), gradient.pointer(at: at), moment.first.pointer(at: at),
          moment.second.pointer(at: at), beta1, beta2, size, eps, $0.count)
      }
      parameter.storage.contentChanged()
      parameter.gradient = nil
    }
  }
}

/// An exponential moving average of parameters: a ← decay·a + (1 − decay)·p.
public struct MovingAverage {
  public let decay: Double
  public let values: [Tensor]

  public init(of parameters: [Tensor], decay: Double) {
    self.decay = decay
    values = parameters.map { $0.parameterCopy().detached }
  }

  /// Goes on from saved values.
  public init(values: [Tensor], decay: Double) {
    self.values = values
    self.decay = decay
  }

  /// Takes in the parameters' present values; `decay` may be overridden for a warm-up.
  public func update(_ parameters: [Tensor], decay: Double? = nil) {
    let decay = decay ?? self.decay
    for (average, parameter) in zip(values, parameters) {
      if let gpu = average.gpu {
        gpu.attempt("average of \(average.shape)") {
          try gpu.affine(average.buffer, scale: decay, shift: 0, into: average.buffer, count: average.count)
          try gpu.accumulate(parameter.buffer, scale: 1 - decay, into: average.buffer, count: average.count)
        }
        continue
      }
      Parallel.forEachRange(average.count, grain: elementwiseGrain) {
        let target = average.pointer(at: $0.lowerBound)
        let type = average.type.rawValue
        ck_affine(type, target, decay, 0, target, $0.count)
        ck_accumulate(type, parameter.pointer(at: $0.lowerBound), 1 - decay, target, $0.count)
      }
      average.storage.contentChanged()
    }
  }
}
