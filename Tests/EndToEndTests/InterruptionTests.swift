import Foundation
import Testing

/// A run that is cut short goes on, and ends with the same bytes as one that was not.
struct InterruptionTests {
  private static let training = """
    recipe: training
    params: { checkpoint_every_s: 60 }
    stages:
      photos: { synthesize: { count: 6, size: 16 } }
      base:
        train: { network: diffusion, images: photos, steps: 400, batch_size: 2, warmup_steps: 20, channels: 8, multipliers: [1, 2],
                 attention: [8], groups: 4, checkpoint_every_s: "${checkpoint_every_s}" }
    """

  @Test func aKilledTrainingEndsWithTheSameBytes() throws {
    let undisturbed = try Repository(Self.training)
    try #require(try undisturbed.run("run", "recipe.yaml").status == 0)

    let killed = try Repository(Self.training)
    try killed.killRun("checkpoint_every_s=0")
    let outcome = try killed.run("run", "recipe.yaml")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains(/base: goes on after \d+0 steps/))
    #expect(try killed.digests("training") == undisturbed.digests("training"))
    #expect(killed.names(in: ".diffusionclip/state").isEmpty && killed.names(in: ".diffusionclip/attempts").isEmpty)
  }

  @Test func aKilledFineTuningEndsWithTheSameBytes() throws {
    let undisturbed = try WholeRecipe.finishedCopy()
    try #require(try undisturbed.run("run", "recipe.yaml", "--set", "epochs=20").status == 0)

    let killed = try WholeRecipe.finishedCopy()
    try killed.killRun("checkpoint_every_s=0", "epochs=20")
    let outcome = try killed.run("run", "recipe.yaml", "--set", "epochs=20")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains(/full: goes on after \d+ iterations/))
    #expect(try killed.digests("whole") == undisturbed.digests("whole"))
    // What the chains of epochs go on from.
    #expect(killed.names(in: ".diffusionclip/state") == undisturbed.names(in: ".diffusionclip/state"))
  }

  /// A crash, here from outside, tells what was being done and which command comes to it again.
  @Test func aCrashNamesItsActionAndACommand() throws {
    let repository = try Repository(Self.training)
    let program = try repository.start(["run", "recipe.yaml", "--set", "checkpoint_every_s=0"])
    try program.send(SIGSEGV) { _ in !repository.names(in: ".diffusionclip/state").isEmpty }
    let outcome = try program.outcome()
    #expect(outcome.status == 128 + SIGSEGV)
    #expect(outcome.errors.contains("\nthe program crashed; please report it with what stands above. It was at:\n"))
    #expect(
      outcome.errors.contains("  base: diffusionclip run recipe.yaml --set checkpoint_every_s=0 --only base\n"),
      "\(outcome)")
    #expect(try repository.run("run", "recipe.yaml").status == 0)
  }

  /// Long before it would have saved its state by itself.
  @Test(arguments: [SIGINT, SIGTERM], ["run", "exec", "verify"])
  func aSignalSavesWhereAFineTuningIs(signal: Int32, command: String) throws {
    let repository = try WholeRecipe.finishedCopy()
    let overlay = ["--set", "epochs=300"]
    var arguments = ["run", "recipe.yaml"] + overlay
    switch command {
    case "exec":
      try #require(try repository.run(["plan", "recipe.yaml", "--out", "plan.json"] + overlay).status == 0)
      arguments = ["exec", "--plan", "plan.json", "--action", "full", "--json"]
    case "verify":
      // What was done once and is gone is made again.
      try #require(try repository.run(["run", "recipe.yaml", "--set", "epochs=60", "--only", "full"]).status == 0)
      let run = try repository.json("\(repository.latest("whole"))/run.json")
      let model = run["artifacts"]?.array?.first { $0["stage"] == "full" && $0["port"] == "model" }
      let object = try #require(model?["items"]?.array?.first?["object"]?.string)
      let path = ".diffusionclip/objects/\(object.prefix(2))/\(object)"
      try FileManager.default.removeItem(atPath: repository.path(path))
      arguments = ["verify", "--repair"]
    default: arguments.append("--json")
    }
    let program = try repository.start(arguments)
    let told = /"id":"full".*?"completed":(\d+)/
    try program.send(signal) { printed in
      command == "verify" ? printed.contains("to be done again") : printed.matches(of: told).count > 1
    }
    let outcome = try program.outcome()
    #expect(outcome.status == 130, "\(outcome)")
    #expect(outcome.errors.contains("interrupted; "))
    guard command != "verify" else { return }
    #expect(repository.names(in: ".diffusionclip/state").count == 3, "of each of the three fine-tunings")
    let reached = try #require(outcome.output.matches(of: told).last.flatMap { Int($0.1) })
    let again = try repository.start(["run", "recipe.yaml", "--json"] + overlay)
    try again.send(SIGINT) { $0.contains(told) }
    let resumed = try #require(try again.outcome().output.firstMatch(of: told).flatMap { Int($0.1) })
    #expect(resumed > reached, "no iteration is lost that was told of")
  }

  @Test func aTrainingGoesOnFromTheStepWhereItWasStopped() throws {
    let undisturbed = try Repository(Self.training)
    try #require(try undisturbed.run("run", "recipe.yaml").status == 0)
    let repository = try Repository(Self.training)
    // The first time mostly before the losses have a row.
    for event in ["started", "progress"] {
      let program = try repository.start(["run", "recipe.yaml", "--json"])
      try program.send(SIGTERM) { $0.contains("\"event\":\"\(event)\",\"id\":\"base\"") }
      #expect(try program.outcome().status == 130)
    }
    #expect(repository.names(in: ".diffusionclip/state").count == 1)
    let outcome = try repository.run("run", "recipe.yaml")
    #expect(outcome.status == 0 && outcome.errors.contains(/base: goes on after \d+ steps/))
    #expect(try repository.digests("training") == undisturbed.digests("training"))
  }

  @Test func anInterruptedRunStopsInOrder() throws {
    let repository = try WholeRecipe.finishedCopy()
    let program = try repository.start(["run", "recipe.yaml", "--json", "--set", "epochs=1000"])
    try program.send(SIGINT) { $0.contains("\"event\":\"progress\",\"id\":\"full\"") }
    let outcome = try program.outcome()
    #expect(outcome.status == 130)
    #expect(try outcome.finished["run"] == .null)
    #expect(
      outcome.errors == """
        interrupted; run the same command to continue: finished work is kept, and a training or fine-tuning \
        resumes where it stopped

        """)
    #expect(repository.names(in: ".diffusionclip/attempts").isEmpty)
    #expect(try repository.run("run", "recipe.yaml", "--json").finished["ran"] == 0)
  }
}
