import Foundation
import JSONSyntax
import Testing

/// What a few evaluations of the networks that ship do, at settings that are fixed.
struct FewEvaluationsTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().resolvingSymlinksInPath().path

  /// The means of the metrics of a recipe's stages.
  private func means(of count: Int, _ stages: String) throws -> [String: [String: Double]] {
    let models = "\(Self.root)/Fixtures/models"
    let repository = try Repository(
      """
      recipe: few
      stages:
        base: { load: { diffusion: \(models)/portraits-diffusion.safetensors } }
        clip: { load: { clip: \(models)/portraits-clip } }
        classifier: { load: { classifier: \(models)/portraits-classifier.safetensors } }
        portraits: { synthesize: { count: \(count), seed: 777, split: held_out, attributes: { makeup: [none] } } }
      \(stages)
      """, faces: [])
    let outcome = try repository.run("run", "recipe.yaml")
    try #require(outcome.status == 0, "\(outcome)")
    let shown = try repository.text("\(repository.latest("few"))/table.csv").split(separator: "\n").map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    return Dictionary(
      uniqueKeysWithValues: shown.dropFirst().map { row in
        (
          row[0],
          Dictionary(uniqueKeysWithValues: zip(shown[0].dropFirst(), row.dropFirst().map { Double($0) ?? .nan }))
        )
      })
  }

  /// Inversion for DPM-Solver++ and ten evaluations back, against those by DDIM.
  @Test func tenEvaluationsGiveAPictureBack() throws {
    let means = try means(
      of: 1,
      """
        plain: { invert: { images: portraits, model: base, steps: 10 } }
        solved:
          invert: { images: portraits, model: base, steps: 10, method: dpm_solver, spacing: trailing, iterations: 10 }
        by_ddim: { sample: { latents: plain, model: base, steps: 10 } }
        by_solver: { sample: { latents: solved, model: base, steps: 10, spacing: trailing } }
        ddim: { metric: { images: by_ddim, reference: portraits, measures: [mae] } }
        solver: { metric: { images: by_solver, reference: portraits, measures: [mae] } }
        table: { table: { rows: [ddim, solver] } }
      """)
    let (ddim, solver) = (means["ddim"]?["mae"] ?? .nan, means["solver"]?["mae"] ?? .nan)
    #expect(solver < 0.01 && solver < ddim / 2, "\(means)")
  }

  /// An edit without fine-tuning: CLIP and the classifier, which guides nothing, see it.
  @Test func guidanceFollowsAText() throws {
    let means = try means(
      of: 2,
      """
        latents: { invert: { images: portraits, model: base, steps: 10 } }
        back: { sample: { latents: latents, model: base, steps: 10 } }
        guided:
          guide: { latents: latents, model: base, clip: clip, target: face with makeup, clip_loss: global, steps: 10 }
        before:
          metric: &measured
            images: back
            reference: portraits
            clip: clip
            classifier: classifier
            target: face with makeup
            attributes: { makeup: strong }
            measures: [s_dir, attribute_probability, mae]
        after: { metric: { <<: *measured, images: guided } }
        table: { table: { rows: [before, after] } }
      """)
    let (before, after) = (means["before"] ?? [:], means["after"] ?? [:])
    #expect(after["s_dir"] ?? .nan > (before["s_dir"] ?? .nan) + 0.2, "\(means)")
    #expect(after["attribute_probability"] ?? .nan > (before["attribute_probability"] ?? .nan) + 0.1, "\(means)")
    #expect(after["mae"] ?? .nan < 0.08, "\(means)")
  }

  @Test func whatGuideCannotTakeIsSaid() throws {
    let repository = try WholeRecipe.finishedCopy()
    let belm = "  belm: { invert: { images: faces, model: base, return_step: 300, steps: 4, method: belm } }\n"
    let text = try repository.text("recipe.yaml").replacing("recipe: whole", with: "recipe: guided")
    func issue(_ parameters: String, latents: String = "latents", by command: String = "check") throws -> String {
      let guided = "  guided: { guide: { latents: \(latents), model: base, clip: clip, \(parameters) } }\n"
      try repository.write(
        text.replacing("outputs: [sheet", with: belm + guided + "outputs: [guided, sheet"), to: "guide.yaml")
      let outcome = try repository.run(command, "guide.yaml")
      return outcome.status == 0 ? "" : outcome.errors
    }
    #expect(try issue("target: a hat, steps: 3") == "")
    #expect(try issue("steps: 3").contains("'guide' needs one of 'target', 'targets' and 'target_images'"))
    #expect(try issue("target: a hat, rounds: 0").contains("'rounds' of 'guide' must be a whole number from 1 to 100"))
    #expect(try issue("target: a hat, steps: 3, until: 1", by: "run") == "")
    let refused = try issue("target: a hat, steps: 4, until: 1", latents: "belm", by: "run")
    #expect(
      refused.contains("guide goes from latents by DDIM: invert with the method ddim or fixed_point"), "\(refused)")
  }
}
