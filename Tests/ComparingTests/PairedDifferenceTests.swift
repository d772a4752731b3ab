import Foundation
import Testing

@testable import Comparing

@Suite struct PairedDifferenceTests {
  /// scipy 1.16's `ttest_rel(after, before).confidence_interval(0.95)` of these.
  @Test func anIntervalOverItems() throws {
    let before = [0.10, 0.20, 0.30, 0.40, 0.50, 0.60]
    let after = [0.12, 0.21, 0.34, 0.42, 0.51, 0.638]
    let difference = PairedDifference(zip(before, after).map { $1 - $0 })
    #expect(difference.count == 6 && abs(difference.mean - 0.023) < 1e-12)
    let margin = try #require(difference.margin)
    #expect(abs(difference.mean - margin - 0.009156993164872089) < 1e-12)
    #expect(abs(difference.mean + margin - 0.036843006835127916) < 1e-12)
  }

  /// Of many samples of a known mean, the interval holds it in 95 % of cases.
  @Test func coverage() {
    var random = SplitMix(state: 7)
    func normal() -> Double {
      (-2 * log(1 - random.unit())).squareRoot() * cos(2 * .pi * random.unit())
    }
    let trials = 4000
    let held = (0..<trials).count { _ in
      let difference = PairedDifference((0..<8).map { _ in 0.3 + normal() })
      return abs(difference.mean - 0.3) <= difference.margin ?? 0
    }
    // Four standard deviations of the count.
    #expect(abs(Double(held) / Double(trials) - 0.95) < 4 * (0.95 * 0.05 / Double(trials)).squareRoot())
  }

  @Test func whatHasNoInterval() {
    #expect(PairedDifference([]).mean.isNaN && PairedDifference([]).margin == nil)
    #expect(PairedDifference([2]).mean == 2 && PairedDifference([2]).margin == nil)
    #expect(PairedDifference([1, .infinity]).margin == nil && PairedDifference([1, .nan]).margin == nil)
    #expect(PairedDifference([1, 1, 1]).margin == 0)
    #expect(PairedDifference.difference(.infinity, .infinity) == 0)
    #expect(PairedDifference.difference(1, .infinity) == .infinity && PairedDifference.difference(.nan, 1).isNaN)
  }
}

private struct SplitMix {
  var state: UInt64

  /// In [0, 1).
  mutating func unit() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Double((z ^ (z >> 31)) >> 11) / Double(1 << 53)
  }
}
