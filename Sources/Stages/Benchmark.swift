import Diffusion
import Foundation
import Imaging
import Kernels
import Networks
import StageKit
import Tensors

/// Measures this machine: the peak of OpenBLAS's matrix product, and networks relative to it.
public struct Benchmark: Sendable {
  /// One case. GFLOP count convolutions as direct ones; a training step counts what it must do at least, recomputation
  /// left out.
  public struct Result: Sendable {
    public let name: String
    public let gflop: Double
    /// The median.
    public let seconds: Double
    public let peakMegabytes: Double
    public var gflops: Double { gflop / seconds }
  }

  /// The names of the cases, in order.
  public static let cases = ["portraits-64 forward", "portraits-64 finetune", "celeba-hq-256 forward"]

  private static let portraits = DDPMUNet.Configuration(
    resolution: 64, channels: 32, multipliers: [1, 2, 3, 4], blocks: 1, attentionResolutions: [8], groups: 8)

  /// A PNG of 8×8 pixels in a colour of its own, for measuring what is around the work.
  public static func picture(_ number: Int) throws -> Data {
    let color = (0..<3).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    return try Image(width: 8, height: 8, pixels: (0..<64).flatMap { _ in color }).pngData()
  }

  /// The median GFLOP/s of 2048³ single-precision products spread over the threads in use.
  public static func sgemmPeak() -> Double {
    let side = 2048
    var random = RandomSource(seed: 1)
    let a = random.normal([side, side])
    let b = random.normal([side, side])
    let seconds = median(repeats: 5) { _ = a.matmul(b) }
    return 2 * Double(side * side * side) / seconds / 1e9
  }

  /// Runs one of ``cases`` with random weights.
  public static func run(_ name: String) throws -> Result {
    switch name {
    case "portraits-64 forward": try forward(name, portraits, repeats: 15)
    case "portraits-64 finetune": try finetune(name, portraits, repeats: 5)
    default: try forward(name, .celebAHQ, repeats: 3)
    }
  }

  private static func picture(_ configuration: DDPMUNet.Configuration) -> Tensor {
    var random = RandomSource(seed: 2)
    return random.normal([1, configuration.resolution, configuration.resolution, 3])
  }

  private static func forward(_ name: String, _ configuration: DDPMUNet.Configuration, repeats: Int) throws -> Result {
    let network = try DDPMUNet(configuration, seed: 1)
    let x = picture(configuration)
    let evaluate = { Gradients.off { _ = network(x, timesteps: [500]) } }
    let work = Work.counted(evaluate)
    return Result(
      name: name, gflop: Double(work) / 1e9, seconds: median(repeats: repeats, evaluate),
      peakMegabytes: ProcessMemory.peakMegabytes
    )
  }

  /// One iteration with the exact gradient through six steps: 6 × 3 forward passes' worth.
  private static func finetune(_ name: String, _ configuration: DDPMUNet.Configuration, repeats: Int) throws -> Result {
    let network = try DDPMUNet(configuration, seed: 1)
    let x = picture(configuration)
    let steps = 6
    let work = Work.counted { Gradients.off { _ = network(x, timesteps: [500]) } }
    var tuning = FineTuning(
      network.predictor, parameters: network.parameters.tensors,
      trajectory: Trajectory(ddim: DDIM(schedule: noiseSchedule), returnStep: 500, steps: steps),
      settings: FineTuning.Settings(method: .full, learningRate: 1e-6, schedule: .perPass(1)),
      objective: { generated, original, _ in LossValue(total: (generated - original).absolute().mean(), terms: []) })
    let seconds = median(repeats: repeats) { _ = tuning.iterate(over: [FineTuning.Example(latent: x, image: x)]) }
    return Result(
      name: name, gflop: 3 * Double(steps * work) / 1e9, seconds: seconds, peakMegabytes: ProcessMemory.peakMegabytes)
  }

  /// The median time of `repeats` calls, after one that does not count.
  private static func median(repeats: Int, _ body: () -> Void) -> Double {
    body()
    let clock = ContinuousClock()
    let times = (0..<repeats).map { _ in clock.measure(body) / .seconds(1) }
    return times.sorted()[repeats / 2]
  }
}
