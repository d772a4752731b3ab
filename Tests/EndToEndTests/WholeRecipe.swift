import Foundation
import Testing

/// A recipe with the whole method in it, on networks so small that it takes seconds.
enum WholeRecipe {
  static let text = """
    recipe: whole
    description: Every kind of stage, in little.
    params: { target: angry face, epochs: 1, steps: 6, checkpoint_every_s: 60, limit: "< 2" }
    stages:
      photos: { synthesize: { count: 6, size: 16 } }
      base:
        train: { network: diffusion, images: photos, steps: "${steps}", batch_size: 2, warmup_steps: 2, channels: 8,
                 multipliers: [1, 2], attention: [8], groups: 4, checkpoint_every_s: "${checkpoint_every_s}" }
      clip:
        train: { network: clip, images: photos, table: photos.table, steps: 3, batch_size: 2, warmup_steps: 1, merges: 100 }
      faces: { load: { images: faces/*.png, size: 16 } }
      latents: { invert: { images: faces, model: base, return_step: 300, steps: 4 } }
      back: { sample: { latents: latents, model: base, steps: 4 } }
      full:
        finetune: { model: base, latents: latents, clip: clip, target: "${target}", steps: 3, epochs: "${epochs}",
                    checkpoint_every_s: "${checkpoint_every_s}" }
      efficient:
        finetune: { model: base, latents: latents, clip: clip, target: "${target}", steps: 3, epochs: 1,
                    gradient: per_step }
      moved:
        finetune: { model: base, latents: latents, clip: clip, target: "${target}", steps: 3, epochs: 1,
                    method: latent }
      edited: { sample: { latents: latents, model: full, steps: 4 } }
      blended: { sample: { latents: latents, models: { full: 0.5, efficient: 0.5 }, steps: 4 } }
      staged:
        sample:
          latents: latents
          models: [{ from: 150, mix: { full: 1 } }, { from: 0, mix: { base: 0.25, efficient: 0.75 } }]
          steps: 4
      pushed: { sample: { latents: moved, model: base, steps: 4 } }
      scores:
        metric: { images: edited, reference: faces, clip: clip, target: "${target}",
                  measures: [mae, psnr, ssim, s_dir] }
        expect: { mae: "${limit}" }
      kept: { metric: { images: back, reference: faces, measures: [mae, ssim] } }
      summary: { table: { rows: [scores, kept] } }
      sheet: { figure: { rows: [faces, latents, back, edited, blended, staged, pushed], title: In little } }
      curves: { plot: { curves: [full.losses, efficient.losses], x: iteration, measures: [loss, clip] } }
    outputs: [sheet, summary, scores, edited, full, curves]
    """

  /// Actions of a first run with three faces.
  static let actionCount = 36

  /// What a change of `target` reaches.
  static let afterTarget: Set = [
    "full", "efficient", "moved", "edited", "blended", "staged", "pushed", "scores", "summary", "sheet",
    "curves",
  ]

  /// A repository where it has run, once for all tests, with one thread; and how that went. The networks and latents
  /// lie exported in `out`.
  static func finished() throws -> (repository: Repository, outcome: Outcome) { try once.get() }

  private static let once = Result {
    let repository = try Repository(text)
    let outcome = try repository.run("run", "recipe.yaml", "--json", "--threads", "1")
    try #require(outcome.status == 0, "\(outcome)")
    for name in ["base", "latents"] {
      try #require(try repository.run("export", "recipe.yaml", name, "--to", "out").status == 0)
    }
    return (repository: repository, outcome: outcome)
  }

  /// A copy of it, to go on from.
  static func finishedCopy() throws -> Repository { try Repository(copying: finished().repository) }
}
