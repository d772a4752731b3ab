/// A small generator of random numbers whose sequence never changes with the language, the platform or the CPU.
///
/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). Every draw of this module goes through it, and only through the
/// methods below: the standard library's `random(in:using:)` may change its algorithm.
package struct SplitMix64: Sendable {
  private var state: UInt64

  /// Generators of different seeds, or of different streams of one seed, are independent.
  package init(seed: UInt64, stream: UInt64 = 0) {
    state = Self.mixed(seed &+ 0x9E37_79B9_7F4A_7C15) ^ Self.mixed(stream &* 0xD1B5_4A32_D192_ED03 &+ 1)
  }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return Self.mixed(state)
  }

  /// Uniform in [0, 1), with 24 bits.
  package mutating func unit() -> Float { Float(next() >> 40) * 0x1p-24 }

  /// Uniform in [`low`, `high`).
  package mutating func uniform(_ low: Float, _ high: Float) -> Float { low + (high - low) * unit() }

  /// Uniform in 0..<`count`.
  package mutating func below(_ count: Int) -> Int {
    precondition(count > 0, "cannot draw from nothing")
    return Int(next().multipliedFullWidth(by: UInt64(count)).high)
  }

  /// True with the given probability.
  package mutating func chance(_ probability: Float) -> Bool { unit() < probability }

  /// One of the values, each with the same probability.
  package mutating func pick<Values: Collection>(_ values: Values) -> Values.Element {
    values[values.index(values.startIndex, offsetBy: below(values.count))]
  }

  private static func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
