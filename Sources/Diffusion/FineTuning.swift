import Foundation
import Networks
import Tensors

/// A loss and the terms that it is the weighted sum of, for people to watch.
public struct LossValue {
  /// Of shape [].
  public let total: Tensor
  /// Each of shape [].
  public let terms: [(name: String, value: Tensor)]

  public init(total: Tensor, terms: [(name: String, value: Tensor)] = []) {
    self.total = total
    self.terms = terms
  }

  /// The loss, called so, and its terms as numbers. Waits for a graphics card: to be asked for when its gradient is on the way.
  func values() -> [(name: String, value: Double)] {
    Array(zip(["loss"] + terms.map(\.name), Tensor.items(of: [total] + terms.map(\.value)))).map { ($0, $1) }
  }

  /// What is wrong with the values of a loss from which no gradient can come; nil where nothing is.
  static func problem(_ values: [(name: String, value: Double)]) -> String? {
    guard values.contains(where: { !$0.value.isFinite }) else { return nil }
    let parts = values.dropFirst().map { "\($0.name) is \($0.value.isNaN ? .nan : $0.value)" }
    return "the loss is not finite" + (parts.isEmpty ? "" : " (\(parts.joined(separator: ", ")))")
  }
}

/// What fine-tuning minimizes: from generated images and the images they came from, [N, H, W, C] in [−1, 1].
///
/// `seen` is what the identity loss looks at: the generated images, but for ``FineTuning/Gradient/perStepOfficial``.
/// `draw` says what it draws at random, where it does: the number of the iteration or of the step, so that work which goes
/// on after an interruption draws the same.
public typealias Objective = (_ generated: Tensor, _ original: Tensor, _ seen: Tensor, _ draw: Int) -> LossValue

/// How the learning rate changes: lr = lr₀ · gamma^⌊iteration / step_size⌋, as PyTorch's StepLR.
public enum RateSchedule: Sendable, Hashable {
  /// A step_size of one epoch (official code: gamma 1.3).
  case perEpoch(Double)
  /// A step_size of so many iterations (paper: gamma 1.2 every 50).
  case perIterations(Double, every: Int)

  func factor(iteration: Int, iterationsPerEpoch: Int) -> Double {
    switch self {
    case .perEpoch(let factor): pow(factor, Double(iteration / iterationsPerEpoch))
    case .perIterations(let factor, let every): pow(factor, Double(iteration / every))
    }
  }
}

/// What stands between Adam and a model's parameters, where not all of these may change freely.
public protocol Adaptation {
  /// What Adam changes; always in the same order.
  var learned: [Tensor] { get }
  /// Turns the gradients of the model's parameters into those of `learned`, and drops them.
  func takeGradients()
  /// Makes the model's parameters what `learned` says.
  func apply()
}

/// Fine-tuning of a diffusion model so that what it generates follows the objective (paper Sec. 3.1, eq. 10).
public struct FineTuning {
  /// What an update follows: the slope of the objective, or a cheaper stand-in for it.
  public enum Gradient: Sendable, Hashable {
    /// Through all generation steps.
    case full
    /// Through the last steps alone; what comes before them counts as a constant (DRaFT-K of Clark et al. 2024,
    /// "Directly fine-tuning diffusion models on differentiable rewards", sec. 4). With more than one sample, which is
    /// for the last step alone, that step is taken from so many states made anew from the generated image and noise, and
    /// the objective is that of the images it leads to, together (their low-variance form, DRaFT-LV).
    case last(Int, samples: Int = 1)
    /// Through steps drawn for each iteration; the noise predicted in the others counts as a constant (Prabhudesai et
    /// al. 2023, "Aligning text-to-image diffusion models with reward backpropagation", which draws where to begin).
    case random(Int)
    /// An update at every generation step, on the image predicted there (the official `edit_one_image_eff`'s
    /// training). Cheaper, and further from the objective.
    case perStep
    /// The same as the official code has it, where the identity loss looks at the next state instead of the image, and
    /// has no gradient.
    case perStepOfficial

    /// Network evaluations for an image that is generated in so many steps: those without and those with a gradient.
    public func evaluations(steps: Int) -> (plain: Int, differentiated: Int) {
      switch self {
      case .full, .perStep, .perStepOfficial: (0, steps)
      case .last(_, let samples) where samples > 1: (steps, samples)
      case .last(let count, _), .random(let count): (steps - count, count)
      }
    }
  }

  public struct Example {
    /// [1, H, W, C] at time t₀.
    public let latent: Tensor
    /// The image it was inverted from, [1, H, W, C].
    public let image: Tensor
    /// Where the image is to change, [1, H, W, 1] in [0, 1]; nil for everywhere.
    public let mask: Tensor?

    public init(latent: Tensor, image: Tensor, mask: Tensor? = nil) {
      self.latent = latent
      self.image = image
      self.mask = mask
    }

    /// Several as one, [N, H, W, C].
    init(together examples: [Example]) {
      guard examples.count > 1 else {
        self = examples[0]
        return
      }
      latent = Tensor.concatenated(examples.map(\.latent), axis: 0)
      image = Tensor.concatenated(examples.map(\.image), axis: 0)
      let masks = examples.compactMap(\.mask)
      mask = masks.count == examples.count ? Tensor.concatenated(masks, axis: 0) : nil
    }

    /// What an objective sees of generated images [N, H, W, C]: outside of the mask, the image itself.
    func seen(_ generated: Tensor) -> Tensor {
      mask.map { generated.blended(over: image, by: $0) } ?? generated
    }
  }

  public struct Settings: Sendable {
    public var gradient: Gradient
    /// Images per iteration.
    public var batchSize: Int
    public var learningRate: Double
    public var schedule: RateSchedule
    /// Of what a gradient draws: steps, or the noise of samples.
    public var seed: UInt64

    public init(
      gradient: Gradient, batchSize: Int = 1, learningRate: Double, schedule: RateSchedule, seed: UInt64 = 0
    ) {
      self.gradient = gradient
      self.batchSize = batchSize
      self.learningRate = learningRate
      self.schedule = schedule
      self.seed = seed
    }

    /// How many iterations it takes to see so many images once.
    public func iterations(perEpochOf images: Int) -> Int { (images + batchSize - 1) / batchSize }

    /// How many images are seen in iterations over sets of `count`, whose last batch may be smaller.
    public func images(in iterations: Int, of count: Int) -> Int {
      let (epochs, rest) = iterations.quotientAndRemainder(dividingBy: self.iterations(perEpochOf: count))
      return epochs * count + min(rest * batchSize, count)
    }
  }

  /// What one iteration, that is one batch of images, reports.
  public struct Report {
    public let iteration: Int
    public let rate: Double
    public let terms: [(name: String, value: Double)]
    /// What it learned on, and what the model made of that, [N, H, W, C] each.
    public let images: Tensor
    public let generated: Tensor
  }

  public let settings: Settings
  public let trajectory: Trajectory
  private let model: any NoisePredictor
  private let parameters: [Tensor]
  private let adaptation: (any Adaptation)?
  private let objective: Objective
  /// Iterations done so far.
  public private(set) var iteration: Int
  public private(set) var optimizer: Adam
  /// What was generated last.
  private var generated: Tensor?

  /// - Parameters:
  ///   - parameters: the model's, which change in place; always in the same order.
  ///   - adaptation: what Adam changes instead.
  ///   - iteration, optimizer: where an interrupted run stood; the parameters must be those of that moment.
  public init(
    _ model: any NoisePredictor, parameters: [Tensor], adaptation: (any Adaptation)? = nil,
    trajectory: Trajectory, settings: Settings, objective: @escaping Objective, iteration: Int = 0,
    optimizer: Adam = Adam()
  ) {
    self.model = model
    self.parameters = parameters
    self.adaptation = adaptation
    self.trajectory = trajectory
    self.settings = settings
    self.objective = objective
    self.iteration = iteration
    self.optimizer = optimizer
  }

  /// One iteration on the examples whose turn it is. `examples` are in the order of training.
  /// - Throws: ``Divergence`` at the first loss or gradient that is not finite, before anything changes by it.
  public mutating func iterate(over examples: [Example]) throws(Divergence) -> Report {
    let iterationsPerEpoch = settings.iterations(perEpochOf: examples.count)
    let first = iteration % iterationsPerEpoch * settings.batchSize
    let example = Example(together: Array(examples[first..<min(first + settings.batchSize, examples.count)]))
    let factor = settings.schedule.factor(iteration: iteration, iterationsPerEpoch: iterationsPerEpoch)
    let rate = settings.learningRate * factor
    let terms =
      switch settings.gradient {
      case .full: try update(on: example, differentiating: Set(trajectory.steps.indices), rate: rate)
      case .last(let count, samples: 1):
        try update(on: example, differentiating: Set(trajectory.steps.indices.suffix(count)), rate: rate)
      case .last(_, let samples): try resample(example, samples, rate: rate)
      case .random(let count): try update(on: example, differentiating: drawnSteps(count), rate: rate)
      case .perStep, .perStepOfficial: try updateAtEveryStep(on: example, rate: rate)
      }
    iteration += 1
    return Report(
      iteration: iteration, rate: rate, terms: terms, images: example.image, generated: generated ?? example.image)
  }

  /// What Adam changes.
  public var learned: [Tensor] { adaptation?.learned ?? parameters }

  /// - Parameters:
  ///   - loss: that whose gradients there are.
  ///   - isFirst: whether it is the first update of the iteration.
  /// - Returns: the values of the loss.
  private mutating func update(
    by loss: LossValue, rate: Double, isFirst: Bool = true
  ) throws(Divergence) -> [(name: String, value: Double)] {
    let values = loss.values()
    if let problem = LossValue.problem(values) {
      for parameter in parameters { parameter.gradient = nil }
      throw divergence(problem, isIntact: isFirst)
    }
    adaptation?.takeGradients()
    if let problem = Adam.problem(ofGradientsOf: learned) { throw divergence(problem, isIntact: isFirst) }
    optimizer.update(learned, rate: rate)
    guard Tensor.areFinite(learned) else { throw divergence("the weights are not finite", isIntact: false) }
    adaptation?.apply()
    return values
  }

  private func divergence(_ problem: String, isIntact: Bool) -> Divergence {
    Divergence(iteration: iteration + 1, problem, isIntact: isIntact)
  }

  /// What is drawn in this iteration.
  private var random: RandomSource { RandomSource(seed: settings.seed, name: "gradient \(iteration)") }

  private func drawnSteps(_ count: Int) -> Set<Int> {
    var random = random
    return Set(trajectory.steps.indices.shuffled(using: &random).prefix(count))
  }

  private mutating func update(
    on example: Example, differentiating chosen: Set<Int>, rate: Double
  ) throws(Divergence) -> [(name: String, value: Double)] {
    let states = trajectory.states(from: example.latent, with: model)
    let generated = states[states.count - 1].parameterCopy()
    self.generated = states[states.count - 1]
    let seen = example.seen(generated)
    let loss = objective(seen, example.image, seen, iteration)
    loss.total.backward()
    if let gradient = generated.gradient {
      trajectory.backward(gradient, through: states, with: model, differentiating: chosen)
    }
    return try update(by: loss, rate: rate)
  }

  /// The last step, from `samples` states for each image that were made from the image which it leads to, and noise.
  private mutating func resample(
    _ example: Example, _ samples: Int, rate: Double
  ) throws(Divergence) -> [(name: String, value: Double)] {
    let states = trajectory.states(from: example.latent, with: model)
    let step = trajectory.steps[trajectory.steps.count - 1]
    self.generated = states[states.count - 1]
    let generated = Tensor.concatenated(Array(repeating: states[states.count - 1], count: samples), axis: 0)
    let all = Example(together: Array(repeating: example, count: samples))
    var random = random
    let noise = random.normal(generated.shape).converted(to: generated.type).placed(on: generated.gpu)
    let start = DDPM(schedule: trajectory.ddim.schedule).perturb(generated, noise: noise, at: step.t)
    let images = all.seen(trajectory.next(start, step, model))
    let loss = objective(images, all.image, images, iteration)
    loss.total.backward()
    return try update(by: loss, rate: rate)
  }

  private mutating func updateAtEveryStep(
    on example: Example, rate: Double
  ) throws(Divergence) -> [(name: String, value: Double)] {
    var x = example.latent.detached
    var sums: [(name: String, value: Double)] = []
    let ddim = trajectory.ddim
    let share = 1 / Double(trajectory.steps.count)
    for step in trajectory.steps {
      let epsilon = model.predictNoise(x, at: step.t)
      let next = ddim.step(x, predictedNoise: epsilon.detached, by: step)
      let predicted = ddim.predictedX0(x, predictedNoise: epsilon, at: step.t)
      let seen = example.seen(predicted)
      let loss = objective(
        seen, example.image, settings.gradient == .perStep ? seen : example.seen(next), iteration)
      loss.total.backward()
      let values = try update(by: loss, rate: rate, isFirst: sums.isEmpty)
      if sums.isEmpty { sums = values.map { ($0.name, 0) } }
      for (index, term) in values.enumerated() { sums[index].value += term.value * share }
      x = next
    }
    generated = x
    return sums
  }
}
