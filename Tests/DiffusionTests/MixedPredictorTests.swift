import Diffusion
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct MixedPredictorTests {
  private let oracle: OracleFixture
  private let base: RecordingPredictor
  private let tuned: RecordingPredictor
  private let x: Tensor

  init() throws {
    oracle = try OracleFixture.diffusion()
    (base, tuned) = (RecordingPredictor(oracle.model("base")), RecordingPredictor(oracle.model("tuned")))
    x = oracle.double("latent")
  }

  private func mixture(_ segments: (from: Int, base: Double, tuned: Double)...) -> MixedPredictor {
    MixedPredictor(segments: segments.map { .init(from: $0.from, weights: [(base, $0.base), (tuned, $0.tuned)]) })
  }

  private func noise(of predictor: any NoisePredictor, at t: Int) -> Tensor {
    predictor.predict(x, timesteps: [t, t]).noise
  }

  @Test func weighsWhatTheModelsPredict() {
    let found = noise(of: mixture((0, 0.4, 0.6)), at: 40)
    #expect(base.times == [40] && tuned.times == [40])
    let expected = noise(of: base, at: 40) * 0.4 + noise(of: tuned, at: 40) * 0.6
    #expect(found.doubleValues == expected.doubleValues)
    // Weights need not be a mean's.
    let beyond = noise(of: mixture((0, -0.5, 1.5)), at: 40)
    let line = noise(of: tuned, at: 40) * 1.5 - noise(of: base, at: 40) * 0.5
    #expect(TensorDifference(beyond, line).relative < 1e-14)
  }

  @Test func oneModelAloneIsItself() {
    let (none, all) = (noise(of: mixture((0, 1, 0)), at: 40), noise(of: mixture((0, 0, 1)), at: 40))
    #expect(base.times == [40] && tuned.times == [40])
    #expect(none.doubleValues == noise(of: base.model, at: 40).doubleValues)
    #expect(all.doubleValues == noise(of: tuned.model, at: 40).doubleValues)
    // A single weight that is not 1 counts.
    let half = noise(of: mixture((0, 0.5, 0)), at: 40)
    #expect(half.doubleValues == (none * 0.5).doubleValues)
  }

  @Test func theFirstSegmentThatHasBegunHolds() {
    let mixed = mixture((300, 1, 0), (100, 0, 1), (200, 1, 0))
    for t in [999, 300] { _ = noise(of: mixed, at: t) }
    #expect(base.times == [999, 300] && tuned.times == [])
    // 250 meets 100 before 200, in the order written.
    for t in [299, 250, 100] { _ = noise(of: mixed, at: t) }
    #expect(base.times == [999, 300] && tuned.times == [299, 250, 100])
    // Nothing has begun: the last.
    _ = noise(of: mixed, at: 99)
    #expect(base.times == [999, 300, 99])
  }

  @Test func generationByTimeAgrees() throws {
    let image = try DDIM(schedule: .linear()).generate(
      x, with: mixture((200, 0.4, 0.6), (0, 0, 1)), through: Step.sequence(returnStep: 300, steps: 7))
    oracle.expect(image, "mixture", within: stored)
    #expect(base.times == [300, 249, 200] && tuned.times == [300, 249, 200, 150, 100, 50, 0])
  }
}
