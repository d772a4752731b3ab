import Foundation
import Testing

/// Words of earlier recipes: each is a located error that names the new one.
struct RetiredWordsTests {
  private static let start = """
    recipe: old
    stages:
      faces: { load: { images: faces/*.png, size: 16 } }
      base: { train: { network: diffusion, images: faces, steps: 1 } }
      clip: { train: { network: clip, images: made, table: made.table, steps: 1 } }
      made: { synthesize: { count: 2, size: 16 } }
      latents: { invert: { images: faces, model: base } }

    """

  @Test(
    arguments: [
      ("t: { finetune: { model: base, latents: latents, clip: clip, target: x, passes: 2 } }", "passes", "epochs"),
      (
        "t: { finetune: { model: base, latents: latents, clip: clip, target: x, rate_factor: 2 } }", "rate_factor",
        "lr_gamma"
      ),
      (
        "t: { finetune: { model: base, latents: latents, clip: clip, target: x, rate_every: 2 } }", "rate_every",
        "lr_step_size"
      ),
      ("t: { finetune: { model: base, latents: latents, clip: clip, target: x, loss: global } }", "loss", "clip_loss"),
      (
        "t: { finetune: { model: base, latents: latents, clip: clip, target: x, form: log } }", "form", "clip_loss_form"
      ),
      ("t: { finetune: { model: base, latents: latents, clip: clip, target: x, adapter: full } }", "full", "none"),
      ("t: { finetune: { model: base, latents: latents, clip: clip, target: x, rank: 2 } }", "rank", "lora_rank"),
      ("t: { finetune: { model: base, latents: latents, clip: clip, target: x, alpha: 2 } }", "alpha", "lora_alpha"),
      (
        "t: { finetune: { model: base, latents: latents, clip: clip, target: x, adapted: all } }", "adapted",
        "lora_targets"
      ),
      (
        "t: { finetune: { model: base, latents: latents, clip: clip, target: x, memory: 9 } }", "memory",
        "activation_memory_mb"
      ),
      (
        "t: { finetune: { model: base, latents: latents, clip: clip, target: x, save_every: 9 } }", "save_every",
        "checkpoint_every_s"
      ),
      ("t: { finetune: { model: base, latents: latents, clip: clip, target: x, method: full } }", "full", "model"),
      (
        "t: { finetune: { model: base, latents: latents, clip: clip, target: x, method: efficient } }", "efficient",
        "gradient: per_step"
      ),
      (
        "t: { finetune: { model: base, latents: latents, clip: clip, target: x, method: efficient_official } }",
        "efficient_official", "gradient: per_step_official"
      ),
      ("t: { invert: { images: faces, model: base, method: coupled } }", "coupled", "belm"),
      ("t: { table: { rows: [latents.effort] } }", "latents.effort", "latents.stats"),
      ("t: { train: { network: judge, images: made, table: made.table, steps: 1 } }", "judge", "classifier"),
      ("t: { train: { network: clip, images: made, steps: 1, batch: 2 } }", "batch", "batch_size"),
      ("t: { train: { network: clip, images: made, steps: 1, average: 0.9 } }", "average", "ema_decay"),
      ("t: { train: { network: clip, images: made, steps: 1, warmup: 2 } }", "warmup", "warmup_steps"),
      ("t: { train: { network: clip, images: made, steps: 1, together: 2 } }", "together", "group_size"),
      ("t: { train: { network: clip, images: made, steps: 1, robustness: 2 } }", "robustness", "adversarial_epsilon"),
      (
        "t: { train: { network: clip, images: made, steps: 1, words_weight: 2 } }", "words_weight",
        "caption_loss_weight"
      ),
      ("t: { synthesize: { count: 2, contrasts: [tan] } }", "contrasts", "counterfactuals"),
      ("t: { synthesize: { count: 2, styles: [watercolour] } }", "watercolour", "watercolor"),
      ("t: { metric: { images: faces, measures: [judge] } }", "judge", "attribute_accuracy"),
      ("t: { metric: { images: faces, measures: [judge_all_kept] } }", "judge_all_kept", "all_attributes_preserved"),
      ("t: { metric: { images: faces, among: faces, measures: [mae] } }", "among", "population"),
      ("t: { load: { judge: x.safetensors } }", "judge", "classifier"),
      ("t: { sample: { latents: latents, model: base, normalise: true } }", "normalise", "normalize"),
    ] as [(String, String, String)])
  func areNamed(_ stage: String, _ old: String, _ new: String) throws {
    let repository = try Repository(Self.start + "  \(stage)\n")
    let outcome = try repository.run("check", "recipe.yaml")
    #expect(outcome.status == 2, "\(outcome)")
    let word = try #require(stage.ranges(of: old).last)
    let column = stage.distance(from: stage.startIndex, to: word.lowerBound) + 3
    #expect(outcome.errors.contains("recipe.yaml:8:\(column): error: "), "\(outcome.errors)")
    #expect(outcome.errors.contains("did you mean '\(new)'?"), "\(outcome.errors)")
  }

  @Test func trendsOfTablesAreNamed() throws {
    let stages = """
        scores: { metric: { images: faces, reference: faces, measures: [mae] } }
        t: { table: { rows: [scores], measures: [mae] }, expect: { mae.least_lead: "> 0", mae.greatest_lead: "> 0" } }

      """
    let outcome = try Repository(Self.start + stages).run("check", "recipe.yaml")
    #expect(outcome.status == 2)
    for name in ["mae.min_margin", "mae.max_margin"] {
      #expect(outcome.errors.contains("did you mean '\(name)'?"), "\(outcome.errors)")
    }
  }

  @Test func librariesAndTheirInputsAreNamed() throws {
    let repository = try Repository("")
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    try FileManager.default.copyItem(
      atPath: root.appending(path: "Recipes").path, toPath: repository.path("Recipes"))
    for (file, new) in [("renoising", "sdedit"), ("tuning", "finetuning")] {
      try repository.write(
        Self.start + "  t: { use: { recipe: Recipes/library/\(file).yaml, images: faces, model: base } }\n",
        to: "recipe.yaml")
      let outcome = try repository.run("check", "recipe.yaml")
      #expect(outcome.status == 2 && outcome.errors.contains("\(new).yaml'?"), "\(outcome.errors)")
    }
    try repository.write(
      Self.start
        + """
          t:
            use:
              { recipe: Recipes/library/unseen-translation.yaml, images: faces, lessons: faces, model: base, clip: clip,
                target: x, passes: 2 }
          sheet: { figure: { rows: [t.known] } }

        """, to: "recipe.yaml")
    let outcome = try repository.run("check", "recipe.yaml")
    for word in ["train_images", "epochs"] {
      #expect(outcome.errors.contains("did you mean '\(word)'?"), "\(outcome.errors)")
    }
  }
}
