import Metrics
import Testing

/// Against statsmodels 0.15.0: `proportion_confint(p * n / deff, n / deff, 1 - confidence, "wilson")`, with the design
/// effect V / (p * (1 - p) / (n - 1)), at least 1, and V the variance of
/// `OLS(answers, ones).fit(cov_type="cluster", cov_kwds={"groups": respondents})`.
struct ClusteredRateTests {
  struct Case: Sendable {
    let respondents: [(answers: Int, yes: Int)]
    let confidence: Double
    let designEffect: Double
    let low: Double
    let high: Double
  }

  static let cases = [
    // One respondent, or one answer of each, are independent answers.
    Case(respondents: [(10, 7)], confidence: 0.95, designEffect: 1, low: 0.39677814746114537, high: 0.8922087325936989),
    Case(
      respondents: (0..<10).map { (1, $0 < 7 ? 1 : 0) }, confidence: 0.95, designEffect: 1, low: 0.39677814746114537,
      high: 0.8922087325936989),
    Case(respondents: [(10, 7)], confidence: 0.5, designEffect: 1, low: 0.5953092506125109, high: 0.7872851371596213),
    Case(
      respondents: [(12, 9), (12, 6), (12, 11)], confidence: 0.95, designEffect: 2.557692307692307,
      low: 0.4617759219057538, high: 0.8873764150717092),
    Case(
      respondents: [(48, 40), (48, 10), (30, 25), (6, 6)], confidence: 0.9, designEffect: 22.768821108690407,
      low: 0.3004482190405985, high: 0.8545088299090294),
    // They are more alike than chance would have it.
    Case(
      respondents: [(2, 1), (2, 1)], confidence: 0.95, designEffect: 1, low: 0.15003898915214947,
      high: 0.8499610108478506),
    Case(respondents: [(5, 5), (5, 5)], confidence: 0.95, designEffect: 1, low: 0.7224672001371107, high: 1),
    Case(respondents: [(4, 0)], confidence: 0.999, designEffect: 1, low: 0, high: 0.7302321936074545),
  ]

  @Test(arguments: cases) func agreesWithStatsmodels(_ expected: Case) {
    let rate = ClusteredRate(expected.respondents)
    let interval = rate.interval(confidence: expected.confidence)
    #expect(abs(rate.designEffect - expected.designEffect) < 1e-12 * expected.designEffect)
    #expect(abs(interval.lowerBound - expected.low) < 1e-12 && abs(interval.upperBound - expected.high) < 1e-12)
  }

  @Test func noesAreTheMirrorImageOfYeses() {
    let yes = ClusteredRate([(12, 9), (12, 6), (5, 1)])
    let no = ClusteredRate([(12, 3), (12, 6), (5, 4)])
    #expect(abs(yes.rate + no.rate - 1) < 1e-15)
    #expect(abs(yes.interval(confidence: 0.9).lowerBound + no.interval(confidence: 0.9).upperBound - 1) < 1e-12)
  }
}
