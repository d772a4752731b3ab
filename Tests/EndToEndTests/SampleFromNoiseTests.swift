import Foundation
import Testing

/// Pictures from noise, without latents: an item for each number.
struct SampleFromNoiseTests {
  private let repository: Repository

  init() throws {
    repository = try WholeRecipe.finishedCopy()
    try write(drawn: "model: base, count: \"${count}\", size: 16, seed: \"${seed}\", steps: 3")
  }

  private func write(drawn parameters: String) throws {
    try repository.write(
      """
      recipe: noise
      params: { count: 3, seed: 1 }
      stages:
        base: { load: { diffusion: out/base.safetensors } }
        latents: { load: { latents: out/latents/*.safetensors } }
        drawn: { sample: { \(parameters) } }
        sheet: { figure: { rows: [drawn] } }
      outputs: [sheet, drawn]
      """, to: "noise.yaml")
  }

  private func run(_ overlays: String...) throws -> [String] {
    let outcome = try repository.run(["run", "noise.yaml", "--json"] + overlays.flatMap { ["--set", $0] })
    #expect(outcome.status == 0, "\(outcome)")
    return try outcome.ran.filter { $0.hasPrefix("drawn") }
  }

  private func pictures() throws -> [String: Data] {
    let folder = "\(repository.latest("noise"))/drawn"
    return try Dictionary(
      uniqueKeysWithValues: repository.names(in: folder).map { ($0, try repository.data("\(folder)/\($0)")) })
  }

  @Test func eachNumberIsAnAction() throws {
    #expect(try run() == ["drawn/0001", "drawn/0002", "drawn/0003"])
    let first = try pictures()
    #expect(first.keys.sorted() == ["0001.png", "0002.png", "0003.png"] && Set(first.values).count == 3)
    // What a number makes does not depend on how many there are, nor on what is made with it.
    #expect(try run("count=5") == ["drawn/0004", "drawn/0005"])
    let more = try pictures()
    #expect(more.count == 5 && first.allSatisfy { more[$0.key] == $0.value })
    #expect(try run("count=2") == [])
    #expect(try pictures().count == 2)
    #expect(try run("seed=2", "count=2") == ["drawn/0001", "drawn/0002"])
    #expect(try Set(pictures().values).isDisjoint(with: first.values))
  }

  @Test func planAndExecKnowTheItems() throws {
    let plan = try repository.run("plan", "noise.yaml", "--json", "--out", "plan.json").lines[0]
    let items = try #require(plan["actions"]?.array).filter { $0["stage"] == "drawn" }.compactMap { $0["item"]?.string }
    #expect(items == ["0001", "0002", "0003"])
    let outcome = try repository.run(
      "exec", "--plan", "plan.json", "--action", "base", "--receipt", "base-receipt.json")
    #expect(outcome.status == 0, "\(outcome)")
    let one = try repository.run(
      "exec", "--plan", "plan.json", "--action", "drawn/0002", "--receipt", "receipt.json")
    #expect(one.status == 0, "\(one)")
    #expect(try run() == ["drawn/0001", "drawn/0003"])
  }

  @Test(
    arguments: [
      ("model: base, steps: 3", "sample takes either `latents` or `count`"),
      ("model: base, latents: latents, count: 2, size: 16", "sample takes either `latents` or `count`"),
      ("model: base, latents: latents, size: 16", "latents have a 'size' of their own: leave it out"),
      ("model: base, latents: latents, return_step: 300", "latents have a 'return_step' of their own: leave it out"),
      ("model: base, count: 2", "`count` needs `size`: the side of the model's pictures in pixels"),
      ("model: base, count: 2, size: 16, noise: latents", "`noise` is for `latents`: leave it out, or give `seed`"),
      (
        "model: base, count: 2, size: 33",
        "the pictures would be 33×33, but the diffusion model takes sides that are multiples of 2 and at most 4096 pixels in all"
      ),
      ("model: base, count: 0, size: 16", "'count' of 'sample' must be a whole number from 1 to 100000, not 0"),
    ])
  func whatIsWrongIsSaidBefore(_ parameters: String, _ message: String) throws {
    try write(drawn: parameters)
    let outcome = try repository.run("check", "noise.yaml")
    #expect(outcome.status == 2 && outcome.errors.contains(message), "\(outcome)")
    #expect(outcome.errors.contains("noise.yaml:6:"), "\(outcome)")
  }
}
