import Foundation
import JSONSyntax
import Testing

/// `cost`: what it took to make something, as the store's records have it.
struct CostTests {
  private static func recipe(_ more: String = "") throws -> Repository {
    let repository = try WholeRecipe.finishedCopy()
    try repository.write(
      repository.text("recipe.yaml").replacing("recipe: whole", with: "recipe: costs")
        .replacing(
          "outputs: [sheet",
          with: """
              cheap:
                finetune: { model: base, latents: latents, clip: clip, target: "${target}", steps: 3, epochs: 1,
                            gradient: last, gradient_steps: 2, spacing: trailing, adapter: lora, lora_rank: 1 }
              full_cost: { cost: { of: { latents: latents, model: full } } }
              cheap_cost: { cost: { of: { model: cheap } } }
              noise_cost: { cost: { of: { pictures: faces } } }
              costs: { table: { rows: [full_cost, cheap_cost, noise_cost] } }
            \(more)
            outputs: [costs, sheet
            """), to: "costs.yaml")
    return repository
  }

  @Test func evaluationsPassesAndBytesAreCounted() throws {
    let repository = try Self.recipe()
    let first = try repository.run("run", "costs.yaml", "--json", "--threads", "1")
    try #require(first.status == 0, "\(first)")
    let rows = try repository.text("\(repository.latest("costs"))/costs.csv").split(separator: "\n").map {
      $0.split(separator: ",").map(String.init)
    }
    #expect(
      rows[0] == ["name", "evaluations", "backward_passes", "gflop", "seconds", "peak_mb", "bytes"])
    // Three faces: three evaluations each to invert, and three that are differentiated to learn from.
    #expect(rows[1][...2] == ["full_cost", "18.0", "9.0"])
    #expect(rows[2][...2] == ["cheap_cost", "9.0", "6.0"] && rows[3][...3] == ["noise_cost", "0.0", "0.0", "0.0"])
    let numbers = rows.dropFirst().map { $0.dropFirst().compactMap { Double($0) } }
    // A backward pass counts twice a forward one.
    #expect(abs(numbers[0][2] / numbers[1][2] - (9 + 3 * 9) / (3 + 3 * 6.0)) < 1e-9)
    #expect(numbers.allSatisfy { $0[3] > 0 && $0[4] > 1 })
    #expect(numbers[1][5] < numbers[0][5] / 4, "the base is not stored again: \(numbers)")
    // It is kept like anything else, and made again where what it is about was made in another way.
    #expect(try repository.run("run", "costs.yaml", "--json").ran == [])
    let other = try repository.run("run", "costs.yaml", "--json", "--set", "epochs=2").ran
    #expect(other.contains("full_cost") && !other.contains("cheap_cost") && !other.contains("noise_cost"))
  }

  @Test(arguments: [
    ("none: { cost: { of: {} } }", "'of' names nothing"),
    (
      "t: { table: { rows: [full_cost, cheap_cost], join: { cheap_cots: full_cost } } }",
      "no set of 'rows' is called 'cheap_cots': they are full_cost, cheap_cost"
    ),
    (
      "t: { table: { rows: [full_cost, cheap_cost], join: { cheap_cost: full_cost, full_cost: cheap_cost } } }",
      "'cheap_cost' is to be merged into 'full_cost', which is merged itself"
    ),
    ("p: { plot: { curves: [costs], x: gflop, front: lowest } }", "say in 'points' which column names them"),
    ("p: { plot: { curves: [full_cost], x: gflop, points: name } }", "put the metrics into a 'table' first"),
  ])
  func whatIsWrongIsSaidBefore(stage: String, message: String) throws {
    let repository = try Self.recipe("  \(stage)\n")
    let outcome = try repository.run("check", "costs.yaml")
    #expect(outcome.status == 2 && outcome.errors.contains(message), "\(outcome)")
  }
}
