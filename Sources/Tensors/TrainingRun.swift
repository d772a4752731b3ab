import Foundation

/// Training from scratch: Adam with a warm-up and cosine decay of the rate, gradient clipping, and an exponential
/// moving average of the parameters, which is what is kept in the end.
///
/// Everything random in step k comes from a stream of its own, so that the state between steps is only tensors and the
/// number of the step, and a run that goes on from saved state ends with the same bytes as one that never stopped.
public struct TrainingRun {
  public struct Settings: Sendable, Hashable {
    public var steps: Int
    /// The highest learning rate.
    public var rate: Double
    /// Steps over which the rate rises from 0.
    public var warmup: Int
    /// The decay of the moving average, near the end; earlier it is at most (1 + k)/(10 + k).
    public var averageDecay: Double
    /// Gradients longer than this, all parameters together, are scaled down to it.
    public var clip: Double
    public var seed: UInt64

    public init(steps: Int, rate: Double, warmup: Int, averageDecay: Double, clip: Double = 1, seed: UInt64) {
      self.steps = steps
      self.rate = rate
      self.warmup = warmup
      self.averageDecay = averageDecay
      self.clip = clip
      self.seed = seed
    }
  }

  public let settings: Settings
  public let parameters: [Tensor]
  public private(set) var average: MovingAverage
  public private(set) var optimizer = Adam()
  /// Steps done.
  public private(set) var step = 0

  /// A run from the parameters' present values, which then change in place.
  public init(_ parameters: [Tensor], settings: Settings) {
    self.parameters = parameters
    self.settings = settings
    average = MovingAverage(of: parameters, decay: settings.averageDecay)
  }

  /// What `body` makes where the parameters are the average of those that they had.
  public func withAverage<Made>(_ body: () throws -> Made) rethrows -> Made {
    let present = parameters.map { $0.parameterCopy() }
    for (parameter, value) in zip(parameters, average.values) { parameter.assign(value) }
    defer { for (parameter, value) in zip(parameters, present) { parameter.assign(value) } }
    return try body()
  }

  public var isFinished: Bool { step >= settings.steps }

  /// The learning rate of the step to come.
  public var rate: Double {
    if step < settings.warmup { return settings.rate * Double(step + 1) / Double(settings.warmup) }
    let progress = Double(step - settings.warmup) / Double(max(1, settings.steps - settings.warmup))
    // Down to a hundredth.
    return settings.rate * (0.01 + 0.99 * 0.5 * (1 + cos(Double.pi * progress)))
  }

  /// One step: `loss` builds the loss, of shape [], drawing what it needs from the step's own stream. Returns its value.
  /// - Throws: ``Divergence`` at the first loss or gradient that is not finite, before anything changes by it.
  public mutating func advance(_ loss: (inout RandomSource) -> Tensor) throws(Divergence) -> Double {
    var random = RandomSource(seed: settings.seed, name: "step \(step)")
    let loss = loss(&random)
    loss.backward()
    let value = loss.item
    guard value.isFinite else {
      for parameter in parameters { parameter.gradient = nil }
      throw Divergence(iteration: step + 1, "the loss is not finite", isIntact: true)
    }
    clipGradients()
    if let problem = Adam.problem(ofGradientsOf: parameters) {
      throw Divergence(iteration: step + 1, problem, isIntact: true)
    }
    optimizer.update(parameters, rate: rate)
    guard Tensor.areFinite(parameters) else {
      throw Divergence(iteration: step + 1, "the weights are not finite", isIntact: false)
    }
    step += 1
    average.update(parameters, decay: min(settings.averageDecay, Double(1 + step) / Double(10 + step)))
    return value
  }

  private func clipGradients() {
    let norm = Tensor.squaredLength(of: parameters.compactMap(\.gradient)).squareRoot()
    guard norm > settings.clip else { return }
    for parameter in parameters { parameter.gradient = parameter.gradient.map { $0 * (settings.clip / norm) } }
  }

  // MARK: Saved state

  /// Every tensor that a later run needs to go on, by name: parameters, their average, and Adam's moments.
  public func state() -> [(name: String, tensor: Tensor)] {
    var state: [(String, Tensor)] = []
    for index in parameters.indices {
      state.append(("parameter.\(index)", parameters[index]))
      state.append(("average.\(index)", average.values[index]))
      if optimizer.step > 0 {
        state.append(("first.\(index)", optimizer.moments[index].first))
        state.append(("second.\(index)", optimizer.moments[index].second))
      }
    }
    return state
  }

  /// Goes on from what ``state()`` gave after `step` steps. Returns false, and changes nothing, if that does not fit.
  public mutating func restore(_ state: [String: Tensor], step: Int) -> Bool {
    func values(_ kind: String) -> [Tensor]? {
      let found = parameters.indices.compactMap { state["\(kind).\($0)"] }
      guard found.map(\.shape) == parameters.map(\.shape) else { return nil }
      return found
    }
    guard step > 0, let saved = values("parameter"), let averages = values("average"), let first = values("first"),
      let second = values("second")
    else { return false }
    for (parameter, value) in zip(parameters, saved) { parameter.assign(value) }
    average = MovingAverage(values: averages, decay: settings.averageDecay)
    optimizer = Adam(step: step, moments: zip(first, second).map { ($0, $1) })
    self.step = step
    return true
  }
}
