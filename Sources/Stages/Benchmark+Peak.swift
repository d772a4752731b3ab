import Kernels
import StageKit
import Tensors

extension Device {
  /// What `work` makes on it.
  func made<Made>(_ work: () throws -> Made) throws -> Made {
    var made: [Made] = []
    try use({}, { made.append(try work()) })
    return made[0]
  }
}

extension Benchmark {
  /// The median GFLOP/s of products of two large square float32 matrices on a graphics card.
  /// - Throws: `DeviceFailure`.
  public static func productPeak(on device: Device) throws -> Double {
    try device.made {
      // A processor that plays a card would take minutes for the size that a card needs to be busy.
      let gpu = GPU.current
      let side = gpu?.description.isProcessor ?? true ? 256 : 4096
      var random = RandomSource(seed: 1)
      let a = random.normal([side, side])
      let b = random.normal([side, side])
      try gpu?.finish()
      let clock = ContinuousClock()
      let times = try (0..<9).map { _ in
        try clock.measure {
          _ = Gradients.off { a.matmul(b) }
          try gpu?.finish()
        }
      }
      // The first ones warm up.
      return 2 * Double(side * side * side) / (times.dropFirst(2).sorted()[3] / .seconds(1)) / 1e9
    }
  }
}
