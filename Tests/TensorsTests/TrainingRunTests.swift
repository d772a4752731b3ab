import Foundation
import Tensors
import Testing

@Suite struct TrainingRunTests {
  private let settings = TrainingRun.Settings(steps: 12, rate: 1e-2, warmup: 4, averageDecay: 0.9, seed: 3)

  private func parameters() -> [Tensor] {
    var source = RandomSource(seed: 2)
    return [source.normal([4, 3]).parameterCopy(), source.normal([3]).parameterCopy()]
  }

  /// A linear model of noisy data.
  private func advance(_ run: inout TrainingRun) throws -> Double {
    let parameters = run.parameters
    return try run.advance { random in
      let x = random.normal([8, 4])
      return (x.matmul(parameters[0]) + parameters[1] - random.normal([8, 3])).square().mean()
    }
  }

  @Test func rateRisesAndFalls() throws {
    var run = TrainingRun(parameters(), settings: settings)
    var rates: [Double] = []
    while !run.isFinished {
      rates.append(run.rate)
      _ = try advance(&run)
    }
    #expect(rates.count == 12 && run.step == 12)
    // Up in equal parts over the warm-up, then half a cosine down to a hundredth.
    let warmup = [0.0025, 0.005, 0.0075, 0.01]
    let decay = (0..<8).map { 0.0001 + 0.0099 * (1 + cos(Double.pi * Double($0) / 8)) / 2 }
    for (found, expected) in zip(rates, warmup + decay) { #expect(abs(found - expected) < 1e-15) }
    #expect(abs(run.rate - 0.0001) < 1e-15)
  }

  @Test func goesOnWithTheSameBytes() throws {
    var whole = TrainingRun(parameters(), settings: settings)
    let losses = try (0..<12).map { _ in try advance(&whole) }

    var first = TrainingRun(parameters(), settings: settings)
    for _ in 0..<5 { _ = try advance(&first) }
    let saved = Dictionary(uniqueKeysWithValues: first.state().map { ($0.name, $0.tensor.parameterCopy().detached) })
    #expect(saved.count == 8)
    _ = try advance(&first)

    // Where it begins is overwritten.
    var second = TrainingRun([Tensor.zeros([4, 3]).parameterCopy(), .zeros([3]).parameterCopy()], settings: settings)
    let fits = second.restore(saved, step: 5)
    #expect(fits && second.step == 5)
    let rest = try (5..<12).map { _ in try advance(&second) }
    #expect(rest == Array(losses[5...]))
    #expect(second.parameters.map(\.values) == whole.parameters.map(\.values))
    #expect(second.average.values.map(\.values) == whole.average.values.map(\.values))
  }

  @Test func refusesStateThatDoesNotFit() throws {
    var run = TrainingRun(parameters(), settings: settings)
    _ = try advance(&run)
    let saved = Dictionary(uniqueKeysWithValues: run.state().map { ($0.name, $0.tensor) })
    var fresh = TrainingRun(parameters(), settings: settings)
    let before = fresh.parameters.map(\.values)
    let misfits: [([String: Tensor], step: Int)] = [
      (saved, 0), ([:], 1), (saved.filter { $0.key != "second.1" }, 1),
      (saved.merging(["average.1": .zeros([4])]) { $1 }, 1),
    ]
    for (state, step) in misfits {
      let fits = fresh.restore(state, step: step)
      #expect(!fits)
    }
    #expect(fresh.step == 0 && fresh.parameters.map(\.values) == before)
  }

  @Test func longGradientsAreCutToTheirLimit() throws {
    // The first step of Adam is as long for any gradient, so the cut shows in the moments.
    let parameters = [Tensor.zeros([2]).parameterCopy(), Tensor.zeros([1]).parameterCopy()]
    var run = TrainingRun(parameters, settings: settings)
    _ = try run.advance { _ in
      (parameters[0] * Tensor([3, 0] as [Float], shape: [2])).sum() + (parameters[1] * 4).sum()
    }
    // (3, 0, 4)/5, times 1 − β₁.
    let moments = run.optimizer.moments.flatMap(\.first.values)
    for (found, expected) in zip(moments, [0.06, 0, 0.08] as [Float]) { #expect(abs(found - expected) < 1e-7) }
  }

  @Test func stopsBeforeANumberThatIsNotFinite() throws {
    var run = TrainingRun(parameters(), settings: settings)
    _ = try advance(&run)
    let before = run.parameters.map(\.values)
    let parameter = run.parameters[0]
    for factor in [Double.nan, .infinity] {
      let found = #expect(throws: Divergence.self) {
        try run.advance { _ in parameter.square().sum() * factor }
      }
      #expect(found?.iteration == 2 && found?.isIntact == true)
    }
    #expect(run.step == 1 && run.parameters.map(\.values) == before)
    #expect(run.state().allSatisfy { $0.tensor.isFinite })
  }

  @Test func theFirstValueThatIsNotFiniteIsNamed() throws {
    var values = [Float](repeating: 3e38, count: 24)
    #expect(Tensor(values, shape: [2, 3, 4]).isFinite)
    values[17] = -.infinity
    values[20] = .nan
    let found = try #require(Tensor(values, shape: [2, 3, 4]).firstNonFinite)
    #expect(found.place == [1, 1, 1] && found.value == -.infinity)
  }
}
