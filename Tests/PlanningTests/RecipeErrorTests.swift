import Testing

/// Whole messages, as people see them.
struct RecipeErrorTests {
  private let folder: RecipeFolder

  init() throws { folder = try RecipeFolder("base.pt", "clip/model.pt", "faces/a.png", "faces/b.png") }

  @Test func fiveMistakesAreFiveErrors() throws {
    let recipe = """
      recipe: quickstart
      params: { return_step: 500, target: angry face }
      stages:
        base:      { load: { diffusion: bsae.pt } }
        portraits: { load: { images: faces/*.png, size: 4 } }
        latents:   { invert: { images: portrait, model: base, steps: 40, return_step: "${retrun_step}" } }
        angry:     { finetune: { model: base, latents: latents, target: "${target}" } }
        edited:    { smaple: { latents: latents, model: angry } }
      outputs: [edited, angry]
      """
    #expect(
      try folder.errors(recipe) == """
        r.yaml:4:35: error: no such file 'bsae.pt' in 'diffusion' of 'load'
           4 |   base:      { load: { diffusion: bsae.pt } }
             |                                   ^
             help: did you mean 'base.pt'?
             help: looked for bsae.pt
        r.yaml:5:51: error: 'size' of 'load' must be a whole number from 8 to 1024, not 4
           5 |   portraits: { load: { images: faces/*.png, size: 4 } }
             |                                                   ^
        r.yaml:6:34: error: unknown stage 'portrait' in 'images'
           6 |   latents:   { invert: { images: portrait, model: base, steps: 40, return_step: "${retrun_step}" } }
             |                                  ^
             help: did you mean 'portraits'?
        r.yaml:6:81: error: unknown parameter '${retrun_step}'
           6 |   latents:   { invert: { images: portrait, model: base, steps: 40, return_step: "${retrun_step}" } }
             |                                                                                 ^
             help: did you mean '${return_step}'?
        r.yaml:8:16: error: unknown kind 'smaple' of stage 'edited'
           8 |   edited:    { smaple: { latents: latents, model: angry } }
             |                ^
             help: did you mean 'sample'?
        """)
  }

  @Test func duplicateKeysComeWithTheRest() throws {
    let recipe = """
      recipe: r
      stages:
        a: { load: { diffusion: base.pt, diffusion: base.pt } }
        b: { laod: { diffusion: base.pt } }
      """
    #expect(
      try folder.errors(recipe) == """
        r.yaml:3:36: error: 'diffusion' stands here twice
           3 |   a: { load: { diffusion: base.pt, diffusion: base.pt } }
             |                                    ^
        r.yaml:3:16: note: first here
           3 |   a: { load: { diffusion: base.pt, diffusion: base.pt } }
             |                ^
        r.yaml:4:8: error: unknown kind 'laod' of stage 'b'
           4 |   b: { laod: { diffusion: base.pt } }
             |        ^
             help: did you mean 'load'?
        """)
  }

  @Test func kinds() throws {
    #expect(
      try folder.errors(
        stages: """
          p: { load: { images: faces/*.png }, expct: { mae: "> 1" } }
          q: { load: { images: faces/*.png }, figure: { rows: [p] } }
          r: { render: {} }
          s: { load: 3 }
          """) == """
          r.yaml:3:39: error: unknown key 'expct' beside 'load'
             3 |   p: { load: { images: faces/*.png }, expct: { mae: "> 1" } }
               |                                       ^
               help: did you mean 'expect'?
          r.yaml:4:39: error: a stage has one kind, but 'q' has 'load' and 'figure'
             4 |   q: { load: { images: faces/*.png }, figure: { rows: [p] } }
               |                                       ^
               help: make two stages of it
          r.yaml:5:8: error: unknown kind 'render' of stage 'r'
             5 |   r: { render: {} }
               |        ^
               help: the kinds are load, invert, finetune, sample, metric, figure, use
          r.yaml:6:14: error: 'load' must be a mapping, not 3
             6 |   s: { load: 3 }
               |              ^
               help: write s: {load: {…}}
          """)
  }

  @Test func missingAndUnknownParameters() throws {
    #expect(
      try folder.errors(
        stages: """
          p: { load: { images: faces/*.png } }
          l: { invert: { images: p, step: 3 } }
          m: { invert: { images: p, model: null, steps: 3, color: red } }
          """) == """
          r.yaml:4:8: error: 'invert' of stage 'l' needs 'model'
             4 |   l: { invert: { images: p, step: 3 } }
               |        ^
               help: model: the noise predictor (diffusion)
          r.yaml:4:29: error: 'invert' takes no 'step'
             4 |   l: { invert: { images: p, step: 3 } }
               |                             ^
               help: did you mean 'steps'?
          r.yaml:5:8: error: 'invert' of stage 'm' needs 'model'
             5 |   m: { invert: { images: p, model: null, steps: 3, color: red } }
               |        ^
               help: model: the noise predictor (diffusion)
          r.yaml:5:52: error: 'invert' takes no 'color'
             5 |   m: { invert: { images: p, model: null, steps: 3, color: red } }
               |                                                    ^
               help: it takes images, model, return_step, steps, threads
          """)
  }

  @Test func references() throws {
    #expect(
      try folder.errors(
        stages: """
          base: { load: { diffusion: base.pt } }
          p: { load: { images: faces/*.png } }
          l: { invert: { images: p, model: base, steps: 3 } }
          m: { finetune: { model: base, latents: l.latent, target: x } }
          n: { invert: { images: l, model: m.losses, steps: 3 } }
          o: { invert: { images: [p], model: 3, steps: 3 } }
          q: { invert: { images: faces/a.png, model: quite_other, steps: 3 } }
          r: { invert: { images: "p[size=3]", model: m.weights, steps: 3 } }
          """) == """
          r.yaml:6:42: error: 'l' has no output 'latent'
             6 |   m: { finetune: { model: base, latents: l.latent, target: x } }
               |                                          ^
               help: did you mean 'l.latents'?
          r.yaml:7:26: error: 'images' of 'invert' takes images, but 'l' gives latents
             7 |   n: { invert: { images: l, model: m.losses, steps: 3 } }
               |                          ^
               help: these fit: p
          r.yaml:7:36: error: 'model' of 'invert' takes diffusion, but 'm.losses' gives table
             7 |   n: { invert: { images: l, model: m.losses, steps: 3 } }
               |                                    ^
               help: these fit: base, m
          r.yaml:8:26: error: 'images' of 'invert' must name one stage, not a list
             8 |   o: { invert: { images: [p], model: 3, steps: 3 } }
               |                          ^
          r.yaml:8:38: error: 'model' of 'invert' must name one stage, not 3
             8 |   o: { invert: { images: [p], model: 3, steps: 3 } }
               |                                      ^
          r.yaml:9:26: error: 'images' must name a stage, not the path 'faces/a.png'
             9 |   q: { invert: { images: faces/a.png, model: quite_other, steps: 3 } }
               |                          ^
               help: let files enter by a 'load' stage
          r.yaml:9:46: error: unknown stage 'quite_other' in 'model'
             9 |   q: { invert: { images: faces/a.png, model: quite_other, steps: 3 } }
               |                                              ^
               help: the stages are base, p, l, m, n, o, q, r
          r.yaml:10:26: error: 'p' has no axis 'size'
            10 |   r: { invert: { images: "p[size=3]", model: m.weights, steps: 3 } }
               |                          ^
               help: no sweep reaches it
          r.yaml:10:46: error: 'm' has no output 'weights'
            10 |   r: { invert: { images: "p[size=3]", model: m.weights, steps: 3 } }
               |                                              ^
               help: it has model, losses
          """)
  }

  @Test func lists() throws {
    #expect(
      try folder.errors(
        stages: """
          p: { load: { images: faces/*.png } }
          a: { figure: { rows: p } }
          b: { figure: { rows: [p, p] } }
          c: { figure: { rows: [] } }
          d: { figure: { rows: { first: p, second: q } } }
          """) == """
          r.yaml:4:24: error: 'rows' of 'figure' must be a list of stages, not the text 'p'
             4 |   a: { figure: { rows: p } }
               |                        ^
               help: for just one, write [p]
          r.yaml:5:28: error: 'rows' of 'figure' lists 'p' twice
             5 |   b: { figure: { rows: [p, p] } }
               |                            ^
               help: label them: {first: a, second: b}
          r.yaml:6:24: error: 'rows' of 'figure' lists no stage
             6 |   c: { figure: { rows: [] } }
               |                        ^
          r.yaml:7:44: error: unknown stage 'q' in 'rows'
             7 |   d: { figure: { rows: { first: p, second: q } } }
               |                                            ^
               help: the stages are p, a, b, c, d
          """)
  }

  @Test func cycle() throws {
    #expect(
      try folder.errors(
        stages: """
          base: { load: { diffusion: base.pt } }
          l: { invert: { images: s, model: base, steps: 3 } }
          m: { finetune: { model: base, latents: l, target: x } }
          s: { sample: { latents: l, model: m } }
          """) == """
          r.yaml:5:42: error: stages need each other in a circle: l -> s -> m -> l
             5 |   m: { finetune: { model: base, latents: l, target: x } }
               |                                          ^
               help: let one of them take its input from elsewhere
          r.yaml:6:27: error: stages need each other in a circle: l -> s -> l
             6 |   s: { sample: { latents: l, model: m } }
               |                           ^
               help: let one of them take its input from elsewhere
          """)
  }

  @Test func rulesOfTheKind() throws {
    #expect(
      try folder.errors(
        stages: """
          a: { load: { images: faces/*.png, clip: clip } }
          b: { load: { size: 32 } }
          c: { metric: { images: a, measures: [mae] } }
          """) == """
          r.yaml:3:37: error: 'load' of stage 'a': name exactly one of images, diffusion and clip
             3 |   a: { load: { images: faces/*.png, clip: clip } }
               |                                     ^
          r.yaml:4:8: error: 'load' of stage 'b': name exactly one of images, diffusion and clip
             4 |   b: { load: { size: 32 } }
               |        ^
          """)
  }

  @Test func outputs() throws {
    let recipe = """
      recipe: r
      stages: { base: { load: { diffusion: base.pt } } }
      outputs: [base, bsae, base.diffusion, [base]]
      """
    #expect(
      try folder.errors(recipe) == """
        r.yaml:3:17: error: unknown stage 'bsae' in 'outputs'
           3 | outputs: [base, bsae, base.diffusion, [base]]
             |                 ^
             help: did you mean 'base'?
        r.yaml:3:23: error: 'outputs' lists this twice
           3 | outputs: [base, bsae, base.diffusion, [base]]
             |                       ^
             help: list each output once
        r.yaml:3:39: error: each of 'outputs' must name one stage, not a list
           3 | outputs: [base, bsae, base.diffusion, [base]]
             |                                       ^
        """)
  }
}
