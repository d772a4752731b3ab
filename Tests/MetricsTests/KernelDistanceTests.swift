import Foundation
import Metrics
import Tensors
import TestSupport
import Testing

/// KID against scikit-learn's kernel, and on sets of known distributions.
@Suite struct KernelDistanceTests {
  private struct Fixture: Decodable {
    struct Sets: Decodable {
      let x: [[Double]]
      let y: [[Double]]
      let value: Double
      let error: Double
    }
    let kid: [Sets]
  }

  private func tensor(_ rows: [[Double]]) -> Tensor {
    Tensor(rows.flatMap(\.self), shape: [rows.count, rows[0].count])
  }

  @Test func agrees() throws {
    let data = try Data(contentsOf: URL(filePath: fixture("statistics/statistics.json")))
    for sets in try JSONDecoder().decode(Fixture.self, from: data).kid {
      let found = KernelDistance(tensor(sets.x), tensor(sets.y))
      #expect(abs(found.value - sets.value) < 1e-12 * max(1, abs(sets.value)), "\(found)")
      #expect(abs(found.standardError - sets.error) < 1e-10 * sets.error, "\(found)")
    }
  }

  /// Sets of more pictures than a block has.
  @Test func blocksDoNotShow() {
    var random = RandomSource(seed: 5)
    let (x, y) = (random.normal([300, 4]), random.normal([3, 4]))
    let (found, turned) = (KernelDistance(x, y), KernelDistance(y, x))
    #expect(abs(found.value - turned.value) < 1e-12)
    #expect(abs(found.standardError - turned.standardError) < 1e-12)
  }

  /// Of sets of one distribution the distance is none: the interval holds zero about as often as it says.
  @Test func intervalsHoldZero() {
    var random = RandomSource(seed: 11)
    let trials = 400
    let held = (0..<trials).count { _ in
      KernelDistance(random.normal([24, 6]), random.normal([20, 6])).interval(confidence: 0.9).contains(0)
    }
    #expect((0.86...1).contains(Double(held) / Double(trials)), "\(held)")
    let far = KernelDistance(random.normal([40, 6]) + 1, random.normal([40, 6]))
    #expect(far.value > 0 && !far.interval(confidence: 0.95).contains(0))
  }
}
