import Checkpoints
import Diffusion
import Foundation
import Imaging
import Kernels
import Networks
import StageKit
import Tensors

/// Measures this machine, its processor or a graphics card: the peak of its matrix product, and networks relative to it.
public struct Benchmark: Sendable {
  /// One case. GFLOP count convolutions as direct ones; a training step counts what it must do at least, recomputation
  /// left out.
  public struct Result: Sendable {
    public let name: String
    public let gflop: Double
    /// The median.
    public let seconds: Double
    public let peakMegabytes: Double
    /// What the measured runs took from the system for tensors: nothing, once the first run has taken what it needs.
    public let takenMegabytes: Double
    /// The kind of stage that it stands for, and GFLOP of one evaluation of its network.
    public let use: Use?
    /// What one measured run asked of a graphics card; nil on the processor.
    public let card: CardUse?
    public var gflops: Double { gflop / seconds }
  }

  /// What one measured run asks of a graphics card.
  public struct CardUse: Sendable {
    /// The most of its memory that tensors had at a time.
    public let megabytes: Double
    /// How often something was brought to it, and back.
    public let transfersToDevice: Int
    public let transfersToHost: Int
    /// How many kernels were queued.
    public let launches: Int
  }

  /// What a case tells about stages.
  public struct Use: Sendable {
    public let kind: StageKind
    public let evaluationGflop: Double
  }

  public let name: String
  /// The kind of stage that it stands for.
  var kind: StageKind?
  /// How often it is run before it is measured.
  var warmups = 1
  /// How often it is measured.
  let repeats: Int
  /// How often its network is evaluated.
  var evaluations = 1
  /// Prepares the case: how many GFLOP it counts as, and what makes ready for one measurement of what it returns.
  let prepare: @Sendable () throws -> (gflop: Double, makeReady: () -> () throws -> Void)

  /// All cases, in order, with random weights.
  public static let cases: [Benchmark] =
    [
      .forward("portraits-64", portraits, repeats: 25), .finetune("portraits-64", portraits, repeats: 5),
      .inversion("portraits-64", portraits, steps: 40, repeats: 3),
      .sampling("portraits-64", portraits, steps: 40, repeats: 3),
      .forward("celeba-hq-256", celebAHQ, repeats: 5), .finetune("celeba-hq-256", celebAHQ, repeats: 1),
      .finetune("celeba-hq-256", celebAHQ, memory: 0, repeats: 1),
      .inversion("celeba-hq-256", celebAHQ, steps: 40, repeats: 1),
      .sampling("celeba-hq-256", celebAHQ, steps: 6, repeats: 1),
      .forward("afhq-dog-256", afhqDog, repeats: 5), .finetune("afhq-dog-256", afhqDog, repeats: 1),
      .forward("imagenet-512", imageNet512, repeats: 1),
      .clip("clip-vit-b-16 forward", backward: false), .clip("clip-vit-b-16 backward", backward: true),
    ] + convolutions.flatMap { [.convolution($0, backward: false), .convolution($0, backward: true)] }

  /// Makes a diffusion model with random weights.
  private typealias Model = @Sendable () throws -> any DiffusionModel

  private static let portraits: Model = {
    try DDPMUNet(
      DDPMUNet.Configuration(
        resolution: 64, channels: 32, multipliers: [1, 2, 3, 4], blocks: 1, attentionResolutions: [8], groups: 8),
      seed: 1)
  }
  private static let celebAHQ: Model = { try DDPMUNet(.celebAHQ, seed: 1) }
  private static let afhqDog: Model = { try GuidedUNet(.afhq, seed: 1) }
  private static let imageNet512: Model = { try GuidedUNet(.imageNet512, seed: 1) }

  /// The convolutions of the CelebA-HQ U-Net.
  private static let convolutions: [Layer] = [
    Layer(256, 3, 128), Layer(256, 128, 128), Layer(256, 256, 128), Layer(256, 128, 3),
    Layer(256, 128, 128, stride: 2), Layer(128, 128, 128), Layer(128, 384, 128), Layer(128, 128, 128, stride: 2),
    Layer(64, 128, 256), Layer(64, 256, 256), Layer(64, 512, 256), Layer(32, 256, 256), Layer(32, 768, 256),
    Layer(16, 512, 512), Layer(16, 1024, 512), Layer(8, 512, 512), Layer(8, 1024, 512),
  ]

  /// A 3×3 convolution that keeps the size, or halves it at stride 2.
  struct Layer: Sendable {
    let size: Int, channels: Int, outputs: Int, stride: Int
    init(_ size: Int, _ channels: Int, _ outputs: Int, stride: Int = 1) {
      self.size = size
      self.channels = channels
      self.outputs = outputs
      self.stride = stride
    }
    var name: String { "conv \(channels)-\(outputs) at \(size)\(stride == 1 ? "" : " stride \(stride)")" }
  }

  /// A PNG of 8×8 pixels in a color of its own, for measuring what is around the work.
  public static func picture(_ number: Int) throws -> Data {
    let color = (0..<3).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    return try Image(width: 8, height: 8, pixels: (0..<64).flatMap { _ in color }).pngData()
  }

  /// A diffusion model with random weights, as small as one can be.
  public static func model() throws -> Data {
    let configuration = DDPMUNet.Configuration(
      resolution: 8, channels: 4, multipliers: [1], blocks: 1, attentionResolutions: [], groups: 2)
    return try Safetensors.data(of: DDPMUNet(configuration, seed: 1).checkpoint())
  }

  /// The median GFLOP/s of 2048³ single-precision products spread over the threads in use.
  public static func sgemmPeak() -> Double {
    let side = 2048
    var random = RandomSource(seed: 1)
    let a = random.normal([side, side])
    let b = random.normal([side, side])
    return BLAS.peak(side: side, a: a.pointer, b: b.pointer, into: Tensor.zeros([side, side]).pointer)
  }

  /// Runs it on the processor, or on a graphics card, whose work is waited for before and after each measured run.
  /// - Throws: `DeviceFailure` where something fails on the card; no figure comes from what was not computed.
  public func run(on device: Device? = nil) throws -> Result {
    guard let device else { return try measured() }
    do { return try device.made(measured) } catch let failure as DeviceFailure {
      let advice = failure.isOutOfMemory ? "; --case picks cases that need less" : ""
      throw DeviceFailure("\(name): \(failure)\(advice)", isOutOfMemory: failure.isOutOfMemory)
    }
  }

  private func measured() throws -> Result {
    let gpu = GPU.current
    // What an earlier case used shall not count.
    MemoryPool.shared.trim()
    ProcessMemory.resetPeak()
    let (gflop, makeReady) = try prepare()
    for _ in 0..<warmups { try makeReady()() }
    gpu?.begin()
    let clock = ContinuousClock()
    let taken = MemoryPool.shared.bytesFromSystem
    var card: CardUse?
    let times = try (0..<repeats).map { _ in
      let body = makeReady()
      try gpu?.finish()
      let before = gpu.map { ($0.transfers, $0.launches) }
      let time = try clock.measure {
        try body()
        try gpu?.finish()
      }
      if let gpu, let (transfers, launches) = before {
        card = CardUse(
          megabytes: Double(gpu.memoryInUse.highest) / 1_048_576,
          transfersToDevice: gpu.transfers.toDevice - transfers.toDevice,
          transfersToHost: gpu.transfers.toHost - transfers.toHost, launches: gpu.launches - launches)
      }
      return time / .seconds(1)
    }
    return Result(
      name: name, gflop: gflop, seconds: times.sorted()[repeats / 2], peakMegabytes: ProcessMemory.peakMegabytes,
      takenMegabytes: Double(MemoryPool.shared.bytesFromSystem - taken) / 1_048_576,
      use: kind.map { Use(kind: $0, evaluationGflop: gflop / Double(evaluations)) }, card: card)
  }

  // MARK: Kinds of cases

  private static func noise(_ shape: [Int]) -> Tensor {
    var random = RandomSource(seed: 2)
    return random.normal(shape)
  }

  private static func picture(_ network: any DiffusionModel) -> Tensor {
    noise([1, network.resolution, network.resolution, network.pictureChannels])
  }

  /// One network evaluation.
  private static func evaluate(_ network: any DiffusionModel, _ x: Tensor) {
    Gradients.off { _ = network.predict(x, timesteps: [500]) }
  }

  /// GFLOP of what `body` does.
  private static func counted(_ body: () -> Void) -> Double { FLOPs.counted(body) / 1e9 }

  private static func forward(_ name: String, _ model: @escaping Model, repeats: Int) -> Benchmark {
    Benchmark(name: "\(name) forward", repeats: repeats) {
      let network = try model()
      let x = picture(network)
      let body = { evaluate(network, x) }
      return (counted(body), { body })
    }
  }

  /// One iteration with the exact gradient through six steps: 6 × 3 forward passes' worth.
  ///
  /// - Parameter memory: the stage's parameter, in MB.
  private static func finetune(
    _ name: String, _ model: @escaping Model, memory: Int? = nil, repeats: Int
  ) -> Benchmark {
    // The optimizer's moments are there from the second iteration on.
    let steps = 6
    return Benchmark(
      name: "\(name)\(memory.map { " memory-\($0)" } ?? "") finetune",
      kind: memory == nil ? StageKind(Finetune.self) : nil,
      warmups: 2,
      repeats: repeats, evaluations: 3 * steps
    ) {
      let network = try model()
      let x = picture(network)
      func limited(_ body: () throws -> Void) rethrows {
        guard let memory else { return try body() }
        try Recomputation.limited(to: memory << 20, body)
      }
      let forward = counted { limited { evaluate(network, x) } }
      var tuning = FineTuning(
        network, parameters: network.parameters.tensors,
        trajectory: Trajectory(
          ddim: DDIM(schedule: noiseSchedule), steps: Step.sequence(returnStep: 500, steps: steps)),
        settings: FineTuning.Settings(gradient: .full, learningRate: 1e-6, schedule: .perEpoch(1)),
        objective: { generated, original, _, _ in LossValue(total: (generated - original).absolute().mean())
        })
      let body = { try limited { _ = try tuning.iterate(over: [FineTuning.Example(latent: x, image: x)]) } }
      return (3 * Double(steps) * forward, { body })
    }
  }

  /// A picture to its latent at t₀ = 500.
  private static func inversion(
    _ name: String, _ model: @escaping Model, steps: Int, repeats: Int
  ) -> Benchmark {
    Benchmark(
      name: "\(name) inversion, \(steps) steps", kind: StageKind(Invert.self), repeats: repeats, evaluations: steps - 1
    ) {
      let network = try model()
      let x = picture(network)
      let forward = counted { evaluate(network, x) }
      let body = {
        _ = DDIM(schedule: noiseSchedule).invert(
          x, with: network, through: Step.sequence(returnStep: 500, steps: steps), afterEach: { _ in })
      }
      return (Double(steps - 1) * forward, { body })
    }
  }

  /// A latent at t₀ = 500 to its picture.
  private static func sampling(
    _ name: String, _ model: @escaping Model, steps: Int, repeats: Int
  ) -> Benchmark {
    Benchmark(
      name: "\(name) sampling, \(steps) steps", kind: StageKind(Sample.self), repeats: repeats, evaluations: steps
    ) {
      let network = try model()
      let x = picture(network)
      let forward = counted { evaluate(network, x) }
      let body = {
        _ = try DDIM(schedule: noiseSchedule).generate(
          x, with: network, through: Step.sequence(returnStep: 500, steps: steps))
      }
      return (Double(steps) * forward, { body })
    }
  }

  /// The image encoder of CLIP ViT-B/16 on a picture of 224²; backward is the gradient of the picture alone, as in
  /// fine-tuning, which counts as one forward pass.
  private static func clip(_ name: String, backward: Bool) -> Benchmark {
    Benchmark(name: name, repeats: 9) {
      let network = try CLIP(
        CLIP.Configuration(
          embedDim: 512, imageResolution: 224, visionLayers: 12, visionWidth: 768, visionPatchSize: 16,
          contextLength: 77, vocabularySize: 8, textLayers: 1, textWidth: 64), seed: 1)
      network.parameters.setRequiresGradient(false)
      let x = noise([1, 224, 224, 3])
      let forward = { _ = network.encodeImage(x) }
      return (
        counted(forward),
        backward
          ? {
            let y = network.encodeImage(x.parameterCopy())
            return { y.backward(y.detached) }
          } : { forward }
      )
    }
  }

  /// One convolution; backward are both its gradients.
  private static func convolution(_ layer: Layer, backward: Bool) -> Benchmark {
    Benchmark(name: "\(layer.name) \(backward ? "backward" : "forward")", repeats: 9) {
      let x = noise([1, layer.size, layer.size, layer.channels])
      let weight = noise([3, 3, layer.channels, layer.outputs])
      let padding = layer.stride == 1 ? Padding.all(1) : Padding(top: 0, left: 0, bottom: 1, right: 1)
      func result(_ x: Tensor, _ weight: Tensor) -> Tensor {
        x.conv2d(weight, stride: layer.stride, padding: padding)
      }
      let forward = { _ = result(x, weight) }
      return (
        counted(forward) * (backward ? 2 : 1),
        backward
          ? {
            weight.setRequiresGradient(true)
            let y = result(x.parameterCopy(), weight)
            return { y.backward(y.detached) }
          } : { forward }
      )
    }
  }
}
