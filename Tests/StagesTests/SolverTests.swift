import StageKit
import Tensors
import Testing

/// Few steps: DPM-Solver++, spacings and clipped predictions, as stages have them.
struct SolverTests {
  private let world: SmallWorld

  init() throws { world = try SmallWorld.shared.get() }

  private func settings(_ values: [String: Value]) -> [String: Value] { values.merging(["steps": .int(6)]) { $1 } }

  private func original() throws -> Tensor {
    let (latent, _) = try world.inverted(["steps": .int(6), "method": .string("belm")])
    return try world.sampled(latent, ["steps": .int(6)])
  }

  /// Nearer than by an inversion of first order; Portraits' model is tried in EndToEndTests.
  @Test func dpmSolverBringsThePictureBack() throws {
    let trailing = settings(["spacing": .string("trailing")])
    func back(_ values: [String: Value]) throws -> (picture: Tensor, stats: [String: Double]) {
      let (latent, stats) = try world.inverted(trailing.merging(values) { $1 })
      return (try world.sampled(latent, trailing.merging(["sampler": .string("dpm_solver")]) { $1 }), stats)
    }
    let (exact, stats) = try back(["method": .string("dpm_solver"), "iterations": .int(60)])
    let (plain, _) = try back(["method": .string("ddim")])
    #expect(stats["evaluations"] == 361 || stats["unconverged"] == 0, "\(stats)")
    #expect(try 4 * distance(exact, original()) < distance(plain, original()), "\(stats)")
  }

  @Test func dpmSolverLatentsAreSampledAsTheyWereMade() throws {
    let (latent, _) = try world.inverted(settings(["method": .string("dpm_solver"), "spacing": .string("trailing")]))
    func issueOf(_ values: [String: Value]) -> String? { issue { _ = try world.sampled(latent, values) } }
    #expect(
      issueOf(["steps": .int(5), "spacing": .string("trailing")])
        == "the latents were made to be sampled by dpm_solver in 6 steps: set `steps: 6`")
    #expect(
      issueOf(["steps": .int(6)])
        == "the latents were made to be sampled by dpm_solver in trailing steps: set `spacing: trailing`")
    // Named or not, it is what samples them.
    let trailing = settings(["spacing": .string("trailing")])
    let named = try world.sampled(latent, trailing.merging(["sampler": .string("dpm_solver")]) { $1 })
    #expect(try named.values == world.sampled(latent, trailing).values)
    for other: [String: Value] in [["sampler": .string("ddpm")], ["eta": .double(0.5)]] {
      #expect(
        issueOf(trailing.merging(other) { $1 })
          == "the latents were made to be sampled by dpm_solver: leave `sampler`, `eta` and `noise` out")
    }
  }

  /// A latent of any scheme keeps the spacing that it was made with.
  @Test(arguments: ["belm", "edit_friendly"]) func schemesKeepTheirSpacing(_ method: String) throws {
    let (latent, _) = try world.inverted(settings(["method": .string(method), "spacing": .string("trailing")]))
    let back = try world.sampled(latent, settings(["spacing": .string("trailing")]))
    #expect(try distance(back, original()) < 1e-4)
    let message = issue { _ = try world.sampled(latent, settings([:])) }
    #expect(message?.hasSuffix("in trailing steps: set `spacing: trailing`") ?? false, "\(message ?? "")")
  }

  /// The work that is foreseen is the work that is done.
  @Test(arguments: [("official", 5), ("trailing", 6)]) func evaluationsOfDDIM(_ spacing: String, _ count: Int) throws {
    let context = try world.inversion(settings(["spacing": .string(spacing)]))
    try context.run()
    #expect(context.counted.evaluations == count)
  }

  @Test func clampedPicturesAreInRange() throws {
    let (latent, _) = try world.inverted(["steps": .int(6)])
    for sampler in ["ddim", "dpm_solver", "respaced"] {
      for clip in ["clamp", "dynamic"] {
        let values = settings(["sampler": .string(sampler), "clip_x0": .string(clip)])
        let picture = try world.sampled(latent, values)
        #expect(picture.values.allSatisfy { abs($0) <= 1.001 }, "\(sampler), \(clip)")
      }
      let none = try world.sampled(latent, settings(["sampler": .string(sampler), "clip_x0": .string("none")]))
      #expect(try none.values == world.sampled(latent, settings(["sampler": .string(sampler)])).values)
    }
  }

  @Test func whatDoesNotGoTogetherIsSaid() throws {
    func issues(_ values: [String: Value]) throws -> [String] {
      try world.sampling(.init(), values).issues(["latents": [.latents], "model": [.diffusion]])
    }
    #expect(try issues([:]) == [])
    #expect(
      try issues(["sampler": .string("dpm_solver"), "eta": .double(0.5)])
        == ["dpm_solver draws no noise: leave 'eta' out"])
    #expect(
      try issues(["clip_percentile": .double(0.9)])
        == ["`clip_percentile` is for `clip_x0: dynamic`: leave it out"])
  }
}
