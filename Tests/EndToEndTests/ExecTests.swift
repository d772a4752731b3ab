import ArtifactStore
import Escaping
import Foundation
import JSONSyntax
import Testing

/// `plan --out` and `exec`: what a cluster engine does with a recipe, over a shared store.
struct ExecTests {
  private static let recipe = """
    recipe: spread
    params: { step: { sweep: [100, 200] } }
    stages:
      faces: { load: { images: faces/*.png, size: 16 } }
      noisy: { perturb: { images: faces, return_step: "${step}", seed: 3 } }
      photos: { synthesize: { count: 3, size: 16 } }
      base:
        train: { network: diffusion, images: photos, steps: 3, batch_size: 2, warmup_steps: 1, channels: 8,
                 multipliers: [1, 2], attention: [8], groups: 4 }
      back: { sample: { latents: noisy, model: base, steps: 3 } }
      mixed: { sample: { latents: "noisy[step=100]", models: { base: 0.75, base.model: 0.25 }, steps: 3 } }
      scores: { metric: { images: back, reference: faces, measures: [mae] }, expect: { mae: "< 1" } }
      table: { table: { rows: { back: scores } } }
      sheet: { figure: { rows: { faces: faces, back: back, mixed: mixed } } }
    outputs: [sheet, table]
    """

  private func planned() throws -> (repository: Repository, stages: [String]) {
    let repository = try Repository(Self.recipe)
    let outcome = try repository.run("plan", "recipe.yaml", "--out", "plan.json", "--json")
    try #require(outcome.status == 0, "\(outcome)")
    let stages = try #require(repository.json("plan.json")["stages"]?.array)
    let ids = try stages.map { stage in
      let axes = try #require(stage["axes"]?.array).compactMap { axis in
        axis["value"]?.string.map { "\(axis["name"]?.string ?? "")=\($0.dropFirst("int:".count))" }
      }
      return (stage["name"]?.string ?? "") + (axes.isEmpty ? "" : "[\(axes.joined(separator: ","))]")
    }
    return (repository, ids)
  }

  private func receipts(_ repository: Repository) -> [String] {
    let folder = ".diffusionclip/receipts"
    return repository.names(in: folder).flatMap { plan in
      repository.names(in: "\(folder)/\(plan)").map { "\(folder)/\(plan)/\($0)" }
    }
  }

  /// Stage after stage, the recipe out of reach; then a run finds all of it done, and it is what a run makes.
  @Test func allStagesOneByOne() throws {
    let (repository, stages) = try planned()
    #expect(stages.count == 12)
    try FileManager.default.moveItem(atPath: repository.path("recipe.yaml"), toPath: repository.path("away.yaml"))
    for stage in stages {
      let outcome = try repository.run("exec", "--plan", "plan.json", "--action", stage)
      #expect(outcome.status == 0, "\(stage): \(outcome)")
    }
    #expect(receipts(repository).count == 12)
    try FileManager.default.moveItem(atPath: repository.path("away.yaml"), toPath: repository.path("recipe.yaml"))
    let run = try repository.run("run", "recipe.yaml", "--json")
    #expect(run.status == 0)
    #expect(try run.ran == [], "all is there")

    let other = try Repository(Self.recipe)
    #expect(try other.run("run", "recipe.yaml").status == 0)
    #expect(try other.digests("spread") == repository.digests("spread"))
  }

  @Test func itemsAndPartsOfAStage() throws {
    let (repository, _) = try planned()
    func exec(_ more: String...) throws -> (status: Int32, ran: [String], receipt: JSON?) {
      let outcome = try repository.run(["exec", "--plan", "plan.json", "--receipt", "receipt.json", "--json"] + more)
      let stages = Set(try outcome.lines.compactMap { $0["stage"]?.string })
      #expect(stages.count <= 1, "of what the stage needs nothing is told: \(stages)")
      return (outcome.status, try outcome.ran, try? repository.json("receipt.json"))
    }
    #expect(try exec("--action", "faces").ran.count == 3)
    let stage = "noisy[step=100]"
    let one = try exec("--action", "\(stage)/bob", "--action", "\(stage)/ada")
    #expect(one.status == 0)
    #expect(one.ran == ["\(stage)/bob", "\(stage)/ada"])
    let receipt = try #require(one.receipt)
    #expect(receipt["stage"]?.string == stage)
    let actions = try #require(receipt["actions"]?.array)
    #expect(actions.map { $0["item"]?.string } == ["bob", "ada"])
    #expect(actions.map { $0["status"]?.string } == ["ran", "ran"])
    let object = try #require(actions[0]["outputs"]?.array?.first?["items"]?.array?.first?["object"]?.string)
    #expect(
      FileManager.default.fileExists(atPath: repository.path(".diffusionclip/objects/\(object.prefix(2))/\(object)")))

    #expect(try exec("--action", stage, "--part", "2/2").ran == [], "every second of ada, bob and cyd")
    let rest = try exec("--action", stage, "--part", "1/2")
    #expect(rest.ran == ["\(stage)/cyd"])
    #expect(rest.receipt?["actions"]?.array?.map { $0["status"]?.string } == ["cached", "ran"])
    let again = try exec("--action", stage)
    #expect((again.status, again.ran) == (0, []))
  }

  @Test func whatItNeedsHasToBeThere() throws {
    let (repository, _) = try planned()
    let outcome = try repository.run("exec", "--plan", "plan.json", "--action", "back[step=100]")
    #expect(outcome.status == 2)
    #expect(
      outcome.errors.replacing(repository.folder, with: "") == """
        stage 'back[step=100]' needs what is not in the store /.diffusionclip yet: execute these first: faces, \
        noisy[step=100], photos, base

        """)
    #expect(receipts(repository) == [])
  }

  @Test func itWaitsForWhatItNeeds() throws {
    let (repository, _) = try planned()
    let noisy = ["exec", "--plan", "plan.json", "--action", "noisy[step=100]"]
    let impatient = try repository.run(noisy + ["--wait", "0.5"])
    #expect(impatient.status == 2)
    #expect(impatient.errors.hasSuffix("yet: execute these first: faces\n"))
    #expect(try repository.run(noisy + ["--wait", "-1"]).status == 64)
    let waiting = try repository.start(noisy + ["--wait", "60", "--json"])
    #expect(try repository.run("exec", "--plan", "plan.json", "--action", "faces").status == 0)
    let outcome = try waiting.outcome()
    #expect(outcome.status == 0, "\(outcome)")
    #expect(try outcome.ran.count == 3)
  }

  /// What was executed of a plan is a run of its recipe, for `gc`.
  @Test func gcKeepsWhatWasExecuted() throws {
    let (repository, _) = try planned()
    for stage in ["faces", "photos"] {
      #expect(
        try repository.run("exec", "--plan", "plan.json", "--action", stage, "--receipt", "\(stage).json").status == 0)
    }
    let plan = try #require(repository.names(in: ".diffusionclip/receipts").first)
    try FileManager.default.createDirectory(
      atPath: repository.path(".diffusionclip/submissions/\(plan)"), withIntermediateDirectories: true)
    try repository.write("log", to: ".diffusionclip/submissions/\(plan)/log")
    func collect(_ more: String...) throws -> [Int?] {
      let outcome = try repository.run(["gc", "--grace", "0", "--json"] + more)
      let garbage = try outcome.lines[0]
      return ["actions", "leftovers"].map { garbage[$0]?.int }
    }
    #expect(try collect() == [0, 0])
    #expect(try repository.run("exec", "--plan", "plan.json", "--action", "photos", "--json").ran == [])
    try FileManager.default.removeItem(atPath: repository.path("recipe.yaml"))
    #expect(try collect("--dry-run") == [4, 2])
    #expect(receipts(repository).count == 2)
    #expect(try collect() == [4, 2])
    #expect(receipts(repository).isEmpty && repository.names(in: ".diffusionclip/submissions").isEmpty)
  }

  @Test(arguments: [
    (["--action", "bcak[step=100]"], "the recipe has no stage 'bcak[step=100]'; did you mean 'back[step=100]'?\n"),
    (
      ["--action", "faces/dan"],
      "the recipe has no stage 'faces/dan'; there are 'faces/ada', 'faces/bob', 'faces/cyd'\n"
    ),
    (
      ["--action", "faces", "--action", "photos", "--receipt", "receipt.json"],
      "--receipt names one file, but there are several stages: leave it out, or execute one stage\n"
    ),
    (["--action", "photos/x"], "the recipe has no stage 'photos/x'; there are none\n"),
    (
      ["--action", "faces", "--action", "faces/ada"],
      "'faces' is named as a whole as well as by items: name the one or the others\n"
    ),
  ])
  func whatIsNotThere(arguments: [String], message: String) throws {
    let (repository, _) = try planned()
    let outcome = try repository.run(["exec", "--plan", "plan.json"] + arguments)
    #expect(outcome.status == 2)
    #expect(outcome.errors == message)
  }

  @Test func aFailureLeavesTheRestDoneAndNoReceipt() throws {
    let repository = try Repository(Self.recipe)
    try repository.addFace("bad")
    #expect(try repository.run("plan", "recipe.yaml", "--out", "plan.json").status == 0)
    try repository.write(repository.data("faces/ada.png").prefix(300), to: "faces/bad.png")
    let outcome = try repository.run("exec", "--plan", "plan.json", "--action", "faces")
    #expect(outcome.status == 2, "an input is wrong")
    #expect(outcome.errors.contains("stage 'faces' failed on 'bad'"))
    #expect(receipts(repository) == [])
    try repository.addFace("bad")
    let mended = try repository.run("exec", "--plan", "plan.json", "--action", "faces", "--json")
    #expect(mended.status == 0)
    #expect(try mended.ran == ["faces/bad"])
    #expect(receipts(repository).count == 1)
  }

  /// Several stages are done in the plan's order; where one fails, those that do not need it are done all the same.
  @Test func severalStages() throws {
    let (repository, _) = try planned()
    let arguments = ["back[step=100]", "photos", "noisy[step=100]", "faces", "base"].flatMap { ["--action", $0] }
    let outcome = try repository.run(["exec", "--plan", "plan.json", "--json"] + arguments)
    #expect(outcome.status == 0)
    #expect(try outcome.ran.count == 3 + 3 + 1 + 1 + 3)
    #expect(receipts(repository).count == 5)

    let other = try Repository(Self.recipe)
    try other.addFace("bad")
    #expect(try other.run("plan", "recipe.yaml", "--out", "plan.json").status == 0)
    try other.write(other.data("faces/ada.png").prefix(300), to: "faces/bad.png")
    let failed = try other.run(["exec", "--plan", "plan.json", "--json"] + arguments)
    #expect(failed.status == 2)
    #expect(failed.errors.contains("stage 'faces' failed on 'bad'"))
    #expect(try failed.ran.contains("base"), "the training needs no faces")
    #expect(receipts(other).map { $0.fileName } == ["base.json", "photos.json"])
  }

  /// A part of a stage starts as soon as its own items are there, while others are still to be made.
  @Test func whatIsNeededOfAPartIsThat() throws {
    let (repository, _) = try planned()
    func exec(_ more: String...) throws -> Outcome {
      try repository.run(["exec", "--plan", "plan.json", "--json"] + more)
    }
    #expect(try exec("--action", "faces", "--part", "1/3").ran == ["faces/ada"])
    #expect(try exec("--action", "noisy[step=100]", "--part", "1/3").ran == ["noisy[step=100]/ada"])
    let second = try exec("--action", "noisy[step=100]", "--part", "2/3")
    #expect(second.status == 2)
    #expect(second.errors.contains("execute these first: faces"))
    #expect(try exec("--action", "faces/bob").status == 0)
    #expect(try exec("--action", "noisy[step=100]/bob").ran == ["noisy[step=100]/bob"])
  }

  /// The end of a plan: what is missing is told; once nothing is, there are results as of a run.
  @Test func finishing() throws {
    let (repository, stages) = try planned()
    let early = try repository.run("exec", "--plan", "plan.json", "--finish")
    #expect(early.status == 1)
    #expect(early.errors.contains("actions are not done, of the stages faces, noisy[step=100]"), "\(early.errors)")
    #expect(repository.names(in: "runs") == [])
    let all = stages.flatMap { ["--action", $0] }
    #expect(try repository.run(["exec", "--plan", "plan.json"] + all).status == 0)
    let end = try repository.run("exec", "--plan", "plan.json", "--finish", "--receipt", "end.json")
    #expect(end.status == 0, "\(end)")
    #expect(try repository.json("end.json")["status"] == 0)
    #expect(repository.names(in: repository.latest("spread")).contains("report.html"))
    // An output that is not what it was is found.
    let digest = try #require(
      repository.json("\(repository.latest("spread"))/run.json")["artifacts"]?.array?.first { $0["stage"] == "table" }?[
        "items"]?.array?[
          0]["object"]?.string)
    let object = ".diffusionclip/objects/\(digest.prefix(2))/\(digest)"
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: repository.path(object))
    var data = try repository.data(object)
    data[0] ^= 1
    try repository.write(data, to: object)
    let damaged = try repository.run("exec", "--plan", "plan.json", "--finish")
    #expect(damaged.status == 1)
    #expect(damaged.errors.contains("was damaged on disk"))
    #expect(
      try repository.json("\(repository.latest("spread"))/run.json")["status"] == "failed", "not the earlier run's")
    #expect(try repository.run("exec", "--plan", "plan.json", "--action", "faces", "--finish").status == 64)
  }

  /// Another recipe has another plan, under whose digest no receipt is.
  @Test func receiptsBelongToAPlan() throws {
    let (repository, _) = try planned()
    func exec() throws -> Outcome { try repository.run("exec", "--plan", "plan.json", "--action", "photos") }
    #expect(try exec().status == 0)
    let first = receipts(repository)
    try repository.write(Self.recipe.replacing("seed: 3", with: "seed: 4"), to: "recipe.yaml")
    #expect(try repository.run("plan", "recipe.yaml", "--out", "plan.json").status == 0)
    #expect(try exec().status == 0)
    #expect(receipts(repository).count == 2)
    #expect(Set(receipts(repository)).isSuperset(of: first))
  }

  /// Started twice at once, the work is done once.
  @Test func twoAtOnce() throws {
    let (repository, _) = try planned()
    #expect(try repository.run("exec", "--plan", "plan.json", "--action", "photos").status == 0)
    let programs = try (0..<2).map { number in
      try repository.start(
        ["exec", "--plan", "plan.json", "--action", "base", "--receipt", "receipt-\(number).json", "--json"])
    }
    let outcomes = try programs.map { try $0.outcome() }
    #expect(outcomes.map(\.status) == [0, 0])
    #expect(try outcomes.flatMap { try $0.ran } == ["base"])
    let made = try (0..<2).map { number in
      try #require(repository.json("receipt-\(number).json")["actions"]?.array?[0]["outputs"])
    }
    #expect(made[0] == made[1])
  }

  /// A plan's file is from outside: whatever is wrong with it is said, and nothing is done.
  @Test func damagedPlans() throws {
    let (repository, _) = try planned()
    let text = try repository.text("plan.json")
    func message(_ damage: (String) -> String) throws -> String {
      try repository.write(damage(text), to: "plan.json")
      let outcome = try repository.run("exec", "--plan", "plan.json", "--action", "faces")
      #expect(outcome.status == 2)
      return outcome.errors
    }
    #expect(try message { _ in "{" } == "plan.json: expected a plan as `plan --out` writes it, found something else\n")
    #expect(
      try message { $0.replacing("\"plan\": 1", with: "\"plan\": 2") }
        == "plan.json: a plan of another version of diffusionclip: make it again with `plan --out`\n")
    #expect(
      try message { $0.replacing("\"kind\": \"train\"", with: "\"kind\": \"drain\"") }
        == "plan.json: stages 5: the kind 'drain' is of another version of diffusionclip: make the plan again\n")
    let input = "{\"one\": {\"stage\": \"noisy\", \"port\": \"latents\", \"type\": \"latents\"}}"
    for (old, new) in [
      ("int:100", "string:2:no"), ("int:100", "int:100000"), ("\"port\": \"latents\"", "\"port\": \"images\""),
      ("\"mapping\": \"items images\"", "\"mapping\": \"items model\""), ("\"revision\": 1", "\"revision\": \"1\""),
      ("\"type\": \"latents\"", "\"type\": \"diffusion\""), ("\"text\": \"< 1\"", "\"text\": \"1\""),
      ("\"name\": \"noisy\"", "\"name\": \"faces\""), ("\"mapping\": \"items images\"", "\"mapping\": \"whole\""),
      // No value lies that deep; weights add up to 1; names that Swift takes for one are one.
      ("int:100", String(repeating: "list:[", count: 100_000)), (":3fe8000000000000\"", ":7ff8000000000000\""),
      (":3fe8000000000000\"", ":3ff0000000000000\""), ("\"from\": 0", "\"from\": 1"),
      ("\"latents\": {", "\"\u{e9}\": \(input), \"e\u{301}\": \(input), \"latents\": {"),
    ] {
      #expect(text.contains(old), "\(old)")
      let errors = try message { $0.replacing(old, with: new) }
      #expect(
        errors.contains("is damaged: make it again with `plan --out`") || errors.contains("make the plan again"),
        "\(old): \(errors)")
    }
    #expect(
      try repository.run("exec", "--plan", "nothing.json", "--action", "faces").errors
        == "nothing.json: no such file: write it with `plan RECIPE --out nothing.json`\n")
  }

  @Test func wrongUsage() throws {
    let (repository, _) = try planned()
    for part in ["0/2", "3/2", "1", "x/2", "1/0"] {
      #expect(
        try repository.run("exec", "--plan", "plan.json", "--action", "faces", "--part", part).status == 64, "\(part)")
    }
    #expect(try repository.run("exec", "--plan", "plan.json").status == 64)
  }
}
