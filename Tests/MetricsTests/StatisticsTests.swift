import Foundation
import Metrics
import TestSupport
import Testing

/// Intervals and tests against SciPy.
@Suite struct StatisticsTests {
  private struct Fixture: Decodable {
    struct Interval: Decodable {
      let values: [Double]
      let confidence: Double
      let t: [Double]
      let bootstrap: [Double]
    }
    struct Test: Decodable {
      let values: [Double]
      let t: Double
      let wilcoxon: Double
    }
    let intervals: [Interval]
    let tests: [Test]
    let normal: [[Double]]
  }

  private let fixture: Fixture

  init() throws {
    fixture = try JSONDecoder().decode(
      Fixture.self, from: Data(contentsOf: URL(filePath: TestSupport.fixture("statistics/statistics.json"))))
  }

  @Test func intervalsAgree() throws {
    for expected in fixture.intervals {
      let t = try #require(MeanInterval(of: expected.values, by: .t, confidence: expected.confidence))
      #expect(abs(t.low - expected.t[0]) < 1e-12 && abs(t.high - expected.t[1]) < 1e-12)
      let found = try #require(MeanInterval(of: expected.values, by: .bootstrap, confidence: expected.confidence))
      // SciPy draws other resamples: of ours, 9,999, chance moves the bounds by some hundredths of the width.
      let width = expected.bootstrap[1] - expected.bootstrap[0]
      #expect(abs(found.low - expected.bootstrap[0]) < 0.03 * width, "\(found) \(expected.bootstrap)")
      #expect(abs(found.high - expected.bootstrap[1]) < 0.03 * width, "\(found) \(expected.bootstrap)")
      #expect(found.mean == t.mean)
      #expect(MeanInterval(of: expected.values, by: .bootstrap, confidence: expected.confidence) == found)
    }
    // Of skewed numbers, the bootstrap's interval reaches farther to the side of the tail.
    let skewed = fixture.intervals[1]
    let found = try #require(MeanInterval(of: skewed.values, by: .bootstrap, confidence: 0.95))
    #expect(found.high - found.mean > 1.2 * (found.mean - found.low))
  }

  @Test func testsAgree() throws {
    for expected in fixture.tests {
      let t = try #require(PairedTest.t.probability(of: expected.values))
      let wilcoxon = try #require(PairedTest.wilcoxon.probability(of: expected.values))
      #expect(abs(t - expected.t) < 1e-10 && abs(wilcoxon - expected.wilcoxon) < 1e-10, "\(expected)")
    }
  }

  @Test func normalQuantilesAgree() {
    for pair in fixture.normal {
      #expect(abs(NormalDistribution.quantile(pair[0]) - pair[1]) < 1e-9, "\(pair)")
    }
    #expect(NormalDistribution.quantile(0) == -.infinity && NormalDistribution.quantile(1) == .infinity)
  }

  @Test(arguments: MeanInterval.Method.allCases) func whatHasNoInterval(_ method: MeanInterval.Method) {
    for values in [[], [2], [1, .infinity], [1, .nan], [.greatestFiniteMagnitude, .greatestFiniteMagnitude]] {
      #expect(MeanInterval(of: values, by: method, confidence: 0.95) == nil)
    }
    let constant = MeanInterval(of: [0.1, 0.1, 0.1], by: method, confidence: 0.95)
    #expect(constant.map { $0.low == $0.mean && $0.high == $0.mean } == true || method == .t)
    #expect(constant.map { abs($0.high - $0.low) < 1e-15 } == true)
  }

  @Test(arguments: PairedTest.allCases) func whatIsSaidOfConstants(_ test: PairedTest) {
    #expect(test.probability(of: [0, 0, 0]) == 1)
    #expect(test.probability(of: [1]) == nil && test.probability(of: [1, .nan]) == nil)
    #expect((test.probability(of: [1, 1, 1, 1, 1, 1, 1, 1]) ?? 1) < 0.05)
  }

  /// Quantiles of Student's distribution as tables have them (Abramowitz and Stegun, table 26.10), and scipy 1.16's
  /// `t.ppf` for the rest.
  @Test(arguments: [
    (1.0, 12.706204736174698), (2, 4.302652729749462), (3, 3.1824463052837078), (4, 2.7764451051977934),
    (9, 2.262157162798205), (30, 2.0422724563012373), (100, 1.983971518523552), (1e6, 1.959966356814107),
  ]) func quantiles(_ degrees: Double, _ expected: Double) {
    #expect(abs(StudentDistribution.quantile(0.975, degrees: degrees) - expected) < 1e-9 * expected)
  }

  /// With one degree of freedom it is Cauchy's: P(T ≤ t) = 1/2 + arctan t / π; with two, 1/2 + t / (2 √(2 + t²)).
  @Test(arguments: [0, 0.1, 0.5, 1, 2, 10, 1000]) func closedForms(_ t: Double) {
    #expect(abs(StudentDistribution.cumulative(t, 1) - (0.5 + atan(t) / .pi)) < 1e-13)
    #expect(abs(StudentDistribution.cumulative(t, 2) - (0.5 + t / (2 * (2 + t * t).squareRoot()))) < 1e-13)
  }
}
