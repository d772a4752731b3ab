import Foundation
import Tensors
import Testing

/// Golden values are from the definition of SplitMix64 and FNV-1a, computed with Python's integers.
@Suite struct RandomTests {
  @Test func goldenValues() {
    var source = RandomSource(seed: 7)
    #expect(
      (0..<4).map { _ in source.next() } == [
        0xa653_05fd_338e_c8fe, 0x8ca3_cbb6_ca63_129b, 0x9aaf_21d8_296e_1e3d, 0x591a_5ca9_608c_c826,
      ])
    var named = RandomSource(seed: 7, name: "conv_in.weight")
    #expect(
      (0..<4).map { _ in named.next() } == [
        0xbb3c_cc28_a21a_7c8d, 0xf2b1_df59_30d7_f54f, 0x057f_9a62_1cb5_9be4, 0xf519_4982_1d4f_3ed4,
      ])
    var uniform = RandomSource(seed: 7)
    #expect(uniform.uniform() == 0.6497043364684557)
    var normal = RandomSource(seed: 7)
    let (a, b) = normal.normalPair()
    #expect(abs(a - -1.379289688561523) < 1e-15 && abs(b - -0.4421712466189861) < 1e-15)
  }

  @Test func aStreamCanBeTakenUpAnywhere() {
    var whole = RandomSource(seed: 3)
    let numbers = (0..<10).map { _ in whole.next() }
    var later = RandomSource(seed: 3, position: 6)
    #expect((6..<10).map { _ in later.next() } == Array(numbers[6...]))
    #expect(whole.position == 10)
  }

  @Test func momentsAreThoseOfTheDistributions() {
    var source = RandomSource(seed: 1)
    let normal = source.normal([100_001]).doubleValues
    #expect(normal.count == 100_001)
    let mean = normal.reduce(0, +) / 100_001
    let square = normal.reduce(0) { $0 + $1 * $1 } / 100_001
    // Five standard errors.
    #expect(abs(mean) < 0.016 && abs(square - 1) < 0.023)
    let uniform = source.uniform([100_000], in: -3...1).doubleValues
    #expect(uniform.allSatisfy { (-3...1).contains($0) })
    #expect(abs(uniform.reduce(0, +) / 100_000 + 1) < 0.019)
  }
}
