import Diffusion
import Kernels
import Networks
import Tensors
import TestSupport
import Testing

extension OracleFixture {
  static func diffusion() throws -> OracleFixture { try OracleFixture("diffusion.safetensors") }

  /// A tensor in double precision, in which everything but the noise drawn on the way was computed.
  func double(_ name: String) -> Tensor { self[name].converted(to: .float64) }

  /// The model called `name`, with parameters of its own.
  func model(_ name: String, _ type: ScalarType = .float64) -> SmallPredictor {
    SmallPredictor(
      parameters: SmallPredictor.names.map {
        SmallPredictor.fromCheckpoint(self["\(name)/\($0)"]).converted(to: type).placed(on: GPU.current).parameterCopy()
      })
  }

  /// Compares tensors in the order of a model's parameters with those under `prefix`.
  func expect(
    _ found: [Tensor?], under prefix: String, within tolerance: Double, location: SourceLocation = #_sourceLocation
  ) {
    #expect(found.count == SmallPredictor.names.count, sourceLocation: location)
    for (name, tensor) in zip(SmallPredictor.names, found) {
      expect(
        tensor.map { SmallPredictor.toCheckpoint($0) }, "\(prefix)/\(name)", within: tolerance, location: location)
    }
  }
}

/// What float32 keeps of the oracle's float64 results, 2⁻²⁴, with a margin.
let stored = 3e-7
/// What float32 arithmetic leaves over a few steps of the small model.
let single = 1e-5

/// Two convolutions with the time between them.
struct SmallPredictor: NoisePredictor {
  static let names = ["input.weight", "input.bias", "time.weight", "output.weight", "output.bias"]
  let parameters: [Tensor]

  static func fromCheckpoint(_ x: Tensor) -> Tensor { x.rank == 4 ? x.permuted([2, 3, 1, 0]) : x }
  static func toCheckpoint(_ x: Tensor) -> Tensor { x.rank == 4 ? x.permuted([3, 2, 0, 1]) : x }

  func predict(_ x: Tensor, timesteps: [Int]) -> NoisePrediction {
    NoisePrediction(noise: output(hidden(x, timesteps)))
  }

  func hidden(_ x: Tensor, _ timesteps: [Int]) -> Tensor {
    let time = Tensor.constant(timesteps.map { Double($0) / 1000 }, shape: [timesteps.count, 1, 1, 1], like: x)
    return (x.conv2d(parameters[0], parameters[1], padding: .all(1)) + time * parameters[2]).silu()
  }

  func output(_ hidden: Tensor) -> Tensor { hidden.conv2d(parameters[3], parameters[4], padding: .all(1)) }
}

/// A model whose output is ε and v side by side.
struct LearnedVariance: NoisePredictor {
  let model: SmallPredictor
  init(_ model: SmallPredictor) { self.model = model }

  func predict(_ x: Tensor, timesteps: [Int]) -> NoisePrediction {
    let both = model.predict(x, timesteps: timesteps).noise
    return NoisePrediction(noise: both.narrowed(-1, 0..<3), variance: both.narrowed(-1, 3..<6))
  }
}

/// A model that notes the times it is evaluated at, and what was moved to and from a graphics card by then.
final class RecordingPredictor: NoisePredictor {
  let model: any NoisePredictor
  private(set) var times: [Int] = []
  private(set) var transfers: [GPU.Transfers] = []

  init(_ model: any NoisePredictor) { self.model = model }

  func predict(_ x: Tensor, timesteps: [Int]) -> NoisePrediction {
    times.append(timesteps[0])
    if let gpu = x.gpu { transfers.append(gpu.transfers) }
    return model.predict(x, timesteps: timesteps)
  }
}
