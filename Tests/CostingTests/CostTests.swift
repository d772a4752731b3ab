import ArtifactStore
import Costing
import Engine
import EngineTestSupport
import Foundation
import Planning
import Testing

/// What a plan will take.
struct CostTests {
  private func cost(
    _ workshop: Workshop, threads: Int = 1, set overlays: [String] = []
  ) throws -> (CostEstimate, Plan) {
    let plan = try Planner.plan(recipeAt: workshop.recipe, kinds: TestKinds.all, overlays: overlays)
    let store = try Store(at: workshop.store)
    let dryRun = try DryRun(of: plan, in: store)
    return (try CostEstimate(of: dryRun, for: plan, threads: threads) { _ in 1e9 }, plan)
  }

  private static let sweeping = Workshop.standardRecipe.replacing(
    "params: { target: angry, steps: 2 }", with: "params: { target: { sweep: [angry, happy, sad] }, steps: 2 }")

  @Test func whatIsDoneCostsNothing() async throws {
    let workshop = try Workshop()
    let (before, plan) = try cost(workshop)
    #expect(before.runs == 14, "3 images in 4 stages, a tuning, a figure")
    #expect(before.stages.allSatisfy { $0.basis == .assumed && $0.runs == $0.actions })
    try await workshop.run()
    let (after, _) = try cost(workshop)
    #expect(after.runs == 0 && after.seconds == 0)
    #expect(after.stages.map(\.stage.id) == plan.stages.map(\.id))
    // One more image: one more of each that goes item by item, and all of the rest. Records tell how long.
    try workshop.write("dan", to: "images/dan.txt")
    let (more, _) = try cost(workshop)
    #expect(more.stages.filter { $0.runs > 0 }.map(\.basis).allSatisfy { $0 == .records })
    #expect(more.stages.first { $0.stage.id == "latents" }.map { [$0.runs, $0.actions] } == [1, 4])
  }

  @Test func schedules() throws {
    let (cost, _) = try cost(try Workshop())
    let schedule = Schedule(cost)
    let each = cost.stages[0].seconds
    func units(_ workers: Int) -> Double { (schedule.seconds(workers: workers) / each * 1e6).rounded() / 1e6 }
    #expect(units(1) == 14)
    #expect(schedule.criticalPath.stages == ["portraits", "latents", "tuned", "edited", "scores"])
    #expect((schedule.criticalPath.seconds / each * 1e6).rounded() / 1e6 == 5)
    #expect(units(3) == 6, "with the figure beside two of the scores, and the third after them")
    #expect(units(4) == 5)
    #expect(units(1000) == 5)
  }

  @Test func schedulesOfSweeps() throws {
    let (cost, _) = try cost(try Workshop(recipe: Self.sweeping))
    let schedule = Schedule(cost)
    let times = (0...8).map { schedule.seconds(workers: 1 << $0) }
    #expect(abs(times[0] - cost.seconds) < 1e-9)
    for (workers, time) in times.enumerated() {
      #expect(time >= cost.seconds / Double(1 << workers) - 1e-9 && time >= schedule.criticalPath.seconds - 1e-9)
    }
    #expect(zip(times, times.dropFirst()).allSatisfy { $1 <= $0 + 1e-9 })
    #expect(abs(times[8] - schedule.criticalPath.seconds) < 1e-9)
  }
}
