import Foundation
import Testing

/// A run that is cut short goes on, and ends with the same bytes as one that was not.
struct InterruptionTests {
  private static let training = """
    recipe: training
    params: { save_every: 60 }
    stages:
      photos: { synthesize: { count: 6, size: 16 } }
      base:
        train: { network: diffusion, images: photos, steps: 400, batch: 2, warmup: 20, channels: 8, multipliers: [1, 2],
                 attention: [8], groups: 4, save_every: "${save_every}" }
    """

  @Test func aKilledTrainingEndsWithTheSameBytes() throws {
    let undisturbed = try Repository(Self.training)
    try #require(try undisturbed.run("run", "recipe.yaml").status == 0)

    let killed = try Repository(Self.training)
    try kill(killed, "save_every=0")
    let outcome = try killed.run("run", "recipe.yaml")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains(/base: goes on after \d+0 steps/))
    #expect(try killed.digests("training") == undisturbed.digests("training"))
    #expect(killed.names(in: ".diffusionclip/state").isEmpty && killed.names(in: ".diffusionclip/attempts").isEmpty)
  }

  @Test func aKilledFineTuningEndsWithTheSameBytes() throws {
    let undisturbed = try WholeRecipe.finishedCopy()
    try #require(try undisturbed.run("run", "recipe.yaml", "--set", "passes=20").status == 0)

    let killed = try WholeRecipe.finishedCopy()
    try kill(killed, "save_every=0", "passes=20")
    let outcome = try killed.run("run", "recipe.yaml", "--set", "passes=20")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains(/full: goes on after \d+ images/))
    #expect(try killed.digests("whole") == undisturbed.digests("whole"))
    #expect(killed.names(in: ".diffusionclip/state").isEmpty)
  }

  /// Runs the recipe, and kills the program once it has saved its state.
  private func kill(_ repository: Repository, _ overlays: String...) throws {
    let program = try repository.start(["run", "recipe.yaml"] + overlays.flatMap { ["--set", $0] })
    try program.send(SIGKILL) { _ in !repository.names(in: ".diffusionclip/state").isEmpty }
    #expect(try program.outcome().status == 128 + SIGKILL)
  }

  @Test func anInterruptedRunStopsInOrder() throws {
    let repository = try WholeRecipe.finishedCopy()
    let program = try repository.start(["run", "recipe.yaml", "--json", "--set", "passes=1000"])
    try program.send(SIGINT) { $0.contains("\"event\":\"progress\",\"id\":\"full\"") }
    let outcome = try program.outcome()
    #expect(outcome.status == 130)
    #expect(try outcome.finished["run"] == .null)
    #expect(
      outcome.errors == """
        interrupted; the same command goes on from here: what is finished is kept, and a training or fine-tuning \
        continues where it last saved its state

        """)
    #expect(repository.names(in: ".diffusionclip/attempts").isEmpty)
    #expect(try repository.run("run", "recipe.yaml", "--json").finished["ran"] == 0)
  }
}
