import Foundation

/// A reproducible stream of random numbers: SplitMix64 (Steele et al. 2014) over a counter.
///
/// The n-th number depends on the seed and n alone, so that a stream can be taken up anywhere.
public struct RandomSource: Sendable, RandomNumberGenerator {
  public let seed: UInt64
  /// How many 64-bit numbers have been drawn.
  public var position: UInt64

  public init(seed: UInt64, position: UInt64 = 0) {
    self.seed = Self.mixed(seed)
    self.position = position
  }

  /// An independent stream for the thing called `name`, for instance an item.
  public init(seed: UInt64, name: String) {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    self.init(seed: Self.mixed(seed) ^ hash)
  }

  private static func mixed(_ x: UInt64) -> UInt64 {
    var z = x &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  public mutating func next() -> UInt64 {
    position &+= 1
    return Self.mixed(seed &+ position &* 0x9E37_79B9_7F4A_7C15)
  }

  /// Uniform in [0, 1), with 53 random bits.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Two independent standard normal numbers (Box & Muller 1958).
  public mutating func normalPair() -> (Double, Double) {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    let angle = 2 * Double.pi * uniform()
    return (radius * cos(angle), radius * sin(angle))
  }

  /// Independent standard normal numbers.
  public mutating func normal(_ shape: [Int]) -> Tensor {
    let count = shape.reduce(1, *)
    var values = [Float]()
    values.reserveCapacity(count + 1)
    while values.count < count {
      let (a, b) = normalPair()
      values.append(Float(a))
      values.append(Float(b))
    }
    return Tensor(Array(values.prefix(count)), shape: shape)
  }

  /// Uniform numbers from `range`.
  public mutating func uniform(_ shape: [Int], in range: ClosedRange<Double>) -> Tensor {
    let width = range.upperBound - range.lowerBound
    return Tensor((0..<shape.reduce(1, *)).map { _ in Float(range.lowerBound + width * uniform()) }, shape: shape)
  }
}
