import Foundation
import Planning
import StageKit
import Testing

/// `use`: recipes put into recipes, once or round after round.
struct ReuseTests {
  private let folder: RecipeFolder

  init() throws {
    folder = try RecipeFolder("base.pt", "faces/a.png", "faces/b.png", "library/own.pt")
    try folder.add("library/edit.yaml", Data(edit.utf8))
    try folder.add("library/both.yaml", Data(both.utf8))
  }

  private let edit = """
    recipe: edit
    inputs: { images: images, model: diffusion, reference: { type: images, optional: true } }
    params: { target: { type: text }, step: 500 }
    stages:
      l: { invert: { images: images, model: model, steps: 3, return_step: "${step}" } }
      m: { finetune: { model: model, latents: l, target: "${target}" } }
      s: { sample: { latents: l, model: m } }
      k: { metric: { images: s, reference: reference, measures: [mae] } }
    outputs: { result: s, scores: k, losses: m.losses }
    """

  private let both = """
    recipe: both
    inputs: { images: images, model: diffusion }
    params: { target: { type: text } }
    stages:
      first: { use: { recipe: edit.yaml, images: images, model: model, target: "${target}" } }
      second: { use: { recipe: edit.yaml, images: first.result, model: model, target: "very ${target}" } }
    outputs: [second.result]
    """

  private func recipe(_ stages: String, _ head: String = "") -> String {
    """
    recipe: r
    \(head)
    stages:
      base: { load: { diffusion: base.pt } }
      p: { load: { images: faces/*.png } }

    """ + stages.split(separator: "\n").map { "  \($0)\n" }.joined()
  }

  private func inputs(_ plan: Plan, _ stage: String, _ port: String) -> [String]? {
    plan[stage]?.inputs[port]?.references.map { "\($0.stage).\($0.port)" }
  }

  /// Wherever it is used, a recipe picks from its own sweeps by their own names.
  @Test func aRecipeInUsePicksFromItsOwnSweeps() throws {
    try folder.add(
      "library/dial.yaml",
      Data(
        """
        recipe: dial
        inputs: { images: images, model: diffusion }
        params: { step: { sweep: [300, 400] } }
        stages:
          l: { invert: { images: images, model: model, steps: 3, return_step: "${step}" } }
          far: { sample: { latents: "l[step=400]", model: model } }
        outputs: { far: far }
        """.utf8))
    let plan = try folder.plan(
      recipe("d: { use: { recipe: library/dial.yaml, images: p, model: base } }\nf: { figure: { rows: [d.far] } }"))
    #expect(inputs(plan, "d.far", "latents") == ["d.l[d.step=400].latents"])
    #expect(plan.stages.map(\.id) == ["base", "p", "d.l[d.step=400]", "d.far", "f"], "the other place is not needed")
  }

  private let world = """
    recipe: world
    inputs: { reference: { type: images, optional: true } }
    stages:
      base: { description: the model of the world, load: { diffusion: "weights/base.pt" } }
      faces: { load: { images: ../faces/*.png } }
      other: { load: { diffusion: weights/other.pt } }
      check: { metric: { images: faces, measures: [mae] }, expect: { mae: "< 1" } }
    outputs: { base: base, faces: faces, other: other, reference: reference }
    """

  /// Only what is taken of a recipe in use is done, and what it expects; files for anything else need not be there.
  @Test func whatNothingTakesIsNotDone() throws {
    try folder.add("library/world.yaml", Data(world.utf8))
    func stages(_ text: String) throws -> [String] {
      try folder.plan("recipe: r\nstages:\n  w: { use: { recipe: library/world.yaml } }\n" + text).stages.map(\.id)
    }
    #expect(try stages("  f: { figure: { rows: [w.faces] } }\n") == ["w.faces", "w.check", "f"])
    let errors = try folder.errors(
      """
      recipe: r
      stages:
        w: { use: { recipe: library/world.yaml } }
        l: { invert: { images: w.faces, model: w.base, steps: 3 } }
        s: { sample: { latents: l, model: w.other } }
      """)
    #expect(errors.contains("no such file 'weights/base.pt'"))
    #expect(
      errors.hasSuffix(
        """

        2 files to obtain:
          library/weights/base.pt: the model of the world
          library/weights/other.pt
        """), "\(errors)")
    #expect(throws: (any Error).self, "of a recipe of which nothing is taken, everything is asked for") {
      try stages("  p: { load: { images: faces/*.png } }\n")
    }
  }

  /// An optional input handed on as an output is as absent there as it was.
  @Test func anOutputCanBeAbsent() throws {
    try folder.add("library/world.yaml", Data(world.utf8))
    let start = "recipe: r\nstages:\n  w: { use: { recipe: library/world.yaml } }\n"
    let plan = try folder.plan(
      start + "  k: { metric: { images: w.faces, reference: w.reference, measures: [mae] } }\n"
        + "  f: { figure: { rows: [w.faces, w.reference] } }\n")
    #expect(plan["k"]?.inputs["reference"] == nil)
    #expect(inputs(plan, "f", "rows") == ["w.faces.images"])
    #expect(
      try folder.errors(start + "  k: { metric: { images: w.reference, measures: [mae] } }\n").contains(
        "'images' of 'metric' is 'w.reference', an optional input that is not given here"))
    let given = try folder.plan(
      "recipe: r\nstages:\n  p: { load: { images: faces/*.png } }\n"
        + "  w: { use: { recipe: library/world.yaml, reference: p } }\n"
        + "  k: { metric: { images: w.faces, reference: w.reference, measures: [mae] } }\n")
    #expect(inputs(given, "k", "reference") == ["p.images"])
  }

  @Test func aRecipeInUse() throws {
    let plan = try folder.plan(
      recipe(
        """
        z: { use: { recipe: library/edit.yaml, images: p, model: base, target: zombie } }
        f: { figure: { rows: { before: p, after: z.result } } }
        again: { metric: { images: z, measures: [mae] } }
        """))
    #expect(plan.stages.map(\.id) == ["base", "p", "z.l", "z.m", "z.s", "f", "again"], "nothing takes z.scores")
    #expect(inputs(plan, "z.l", "images") == ["p.images"])
    #expect(inputs(plan, "z.m", "model") == ["base.diffusion"])
    #expect(inputs(plan, "f", "rows") == ["p.images", "z.s.images"])
    #expect(inputs(plan, "again", "images") == ["z.s.images"], "the first output is what a bare name means")
    #expect(plan["z.m"]?.parameters["target"]?.string == "zombie")
    #expect(plan["z.l"]?.parameters["return_step"]?.int == 500)
    #expect(plan.outputs.map(\.stage) == ["f", "again"])
    #expect(plan["z.l"]?.location.file.hasSuffix("library/edit.yaml") == true)
  }

  @Test func parametersOfARecipeInUse() throws {
    try folder.add(
      "library/world.yaml",
      Data(
        """
        recipe: world
        params: { target: { sweep: [zombie, clown] }, size: 64, step: 400 }
        stages: { own: { load: { diffusion: own.pt } } }
        outputs: { model: own }
        """.utf8))
    let plan = try folder.plan(
      recipe(
        """
        w: { use: { recipe: "library/${world}.yaml", step: "${step}" } }
        z: { use: { recipe: library/edit.yaml, images: p, model: w.model, target: "${w.target}!", step: "${w.step}" } }
        """, "params: { world: world, step: 300 }"))
    #expect(plan.stages.filter { $0.name == "z.m" }.map(\.id) == ["z.m[w.target=zombie]", "z.m[w.target=clown]"])
    #expect(plan["z.m[w.target=clown]"]?.parameters["target"]?.string == "clown!")
    #expect(plan["z.l"]?.parameters["return_step"]?.int == 300)
    #expect(Array(plan.parameters.keys) == ["world", "step"])
    let errors = try folder.errors(
      recipe(
        """
        z: { use: { recipe: library/edit.yaml, images: p, model: base, target: "${w.target}" } }
        w: { use: { recipe: library/world.yaml } }
        l: { invert: { images: p, model: w.model, steps: 3, return_step: "${w.setp}" } }
        """))
    #expect(
      errors == """
        r.yaml:6:74: error: unknown parameter '${w.target}'
           6 |   z: { use: { recipe: library/edit.yaml, images: p, model: base, target: "${w.target}" } }
             |                                                                          ^
             help: it stands for a parameter of a recipe that a stage above uses
        r.yaml:8:68: error: unknown parameter '${w.setp}'
           8 |   l: { invert: { images: p, model: w.model, steps: 3, return_step: "${w.setp}" } }
             |                                                                    ^
             help: did you mean '${w.step}'?
        """)
  }

  @Test func recipesUseRecipes() throws {
    let plan = try folder.plan(
      recipe("z: { use: { recipe: library/both.yaml, images: p, model: base, target: zombie } }", "outputs: [z]"))
    #expect(inputs(plan, "z.second.l", "images") == ["z.first.s.images"])
    #expect(plan["z.second.m"]?.parameters["target"]?.string == "very zombie")
    #expect(plan.outputs.map(\.stage) == ["z.second.s"])
  }

  @Test func rounds() throws {
    let plan = try folder.plan(
      recipe(
        """
        z:
          use:
            recipe: library/edit.yaml
            images: p
            model: base
            target: "x${round}"
            step: "${round}"
            repeat: "${rounds}"
            carry: { images: result }
        k: { metric: { images: z.result, measures: [mae] } }
        """, "params: { rounds: 3 }"))
    #expect(plan.stages.filter { $0.kind.name == "sample" }.map(\.id) == ["z.1.s", "z.2.s", "z.3.s"])
    #expect(inputs(plan, "z.1.l", "images") == ["p.images"])
    #expect(inputs(plan, "z.2.l", "images") == ["z.1.s.images"])
    #expect(inputs(plan, "z.3.l", "images") == ["z.2.s.images"])
    #expect(inputs(plan, "k", "images") == ["z.3.s.images"])
    #expect(plan["z.2.l"]?.parameters["return_step"]?.int == 2)
    #expect(plan["z.2.m"]?.parameters["target"]?.string == "x2")
  }

  @Test func oneRoundIsARound() throws {
    let plan = try folder.plan(
      recipe(
        """
        z:
          use:
            recipe: library/edit.yaml
            images: p
            model: base
            target: "x${round}"
            repeat: 1
            carry: { images: result }
        """))
    #expect(plan["z.1.m"]?.parameters["target"]?.string == "x1")
  }

  private let pass = """
    recipe: pass
    inputs: { images: images }
    stages: { f: { figure: { rows: [images] } } }
    outputs: { result: images }
    """

  @Test func whatIsPassedThroughIsFoundHoweverFar() throws {
    try folder.add("library/pass.yaml", Data(pass.utf8))
    let plan = try folder.plan(
      recipe(
        """
        z: { use: { recipe: library/pass.yaml, images: p, repeat: 1000, carry: { images: result } } }
        f: { figure: { rows: [z] } }
        """))
    #expect(inputs(plan, "f", "rows") == ["p.images"])
  }

  @Test func circlesThroughInputs() throws {
    try folder.add("library/pass.yaml", Data(pass.utf8))
    #expect(
      try folder.errors(
        recipe(
          """
          a: { use: { recipe: library/pass.yaml, images: a } }
          b: { use: { recipe: library/pass.yaml, images: c } }
          c: { use: { recipe: library/pass.yaml, images: b.result } }
          """)) == """
          r.yaml:6:50: error: stages need each other in a circle: a.images -> a.result -> a.images
             6 |   a: { use: { recipe: library/pass.yaml, images: a } }
               |                                                  ^
               help: let one of them take its input from elsewhere
          r.yaml:8:50: error: stages need each other in a circle: b.images -> c.result -> c.images -> b.result -> b.images
             8 |   c: { use: { recipe: library/pass.yaml, images: b.result } }
               |                                                  ^
               help: let one of them take its input from elsewhere
          """)
  }

  @Test func recipesThatGrowAreRefused() throws {
    try folder.add("library/pass.yaml", Data(pass.utf8))
    let use = "{ use: { recipe: IN, images: images, repeat: 1000, carry: { images: result } } }"
    let outer = pass.replacing(
      "f: { figure: { rows: [images] } }", with: "f: \(use.replacing("IN", with: "pass.yaml"))")
    try folder.add("library/outer.yaml", Data(outer.utf8))
    for level in 0...40 {
      let next =
        level < 40 ? "{ use: { recipe: \(level + 1).yaml, t: \"${t}${t}\" } }" : "{ load: { sha256: \"${t}\" } }"
      let text = "recipe: r\nparams: { t: { type: text } }\nstages: { a: \(next), b: \(next) }"
      try folder.add("library/\(level).yaml", Data(text.utf8))
    }
    let many = (0..<15_000).map { "s\($0): { figure: { rows: [r\($0)] } }" }.joined(separator: "\n")
    for (stages, error) in [
      (
        "z: \(use.replacing("IN", with: "library/outer.yaml").replacing("images: images", with: "images: p"))",
        "grows beyond"
      ),
      ("z: { use: { recipe: library/0.yaml, t: ab } }", "grows beyond"), (many, "and at least 200 more errors"),
    ] {
      let start = threadSeconds()
      let errors = try folder.errors(recipe(stages))
      #expect(errors.contains(error))
      #expect(threadSeconds() - start < 1, "\(stages.prefix(60))")
    }
  }

  @Test func namesThatCannotBeGiven() throws {
    try folder.add(
      "library/names.yaml",
      Data("recipe: n\ninputs: { carry: images, p: images }\nparams: { p: 1 }\nstages: { a: }".utf8))
    let errors = try folder.errors(recipe("z: { use: { recipe: library/names.yaml } }")).split(separator: "\n")
    #expect(
      errors.filter { $0.contains(": error: ") } == [
        "library/names.yaml:2:11: error: 'carry' cannot name an input",
        "library/names.yaml:3:11: error: a parameter and an input are both called 'p'",
        "library/names.yaml:4:11: error: stage 'a' has no kind",
      ])
  }

  @Test func sweepsReachIntoARecipeInUse() throws {
    let plan = try folder.plan(
      recipe(
        """
        z: { use: { recipe: library/edit.yaml, images: p, model: base, target: "${target}" } }
        one: { metric: { images: "z[target=clown].result", measures: [mae] } }
        f: { figure: { rows: [z.result] } }
        """, "params: { target: { sweep: [clown, zombie] } }"))
    #expect(plan["z.l"] != nil, "inversion does not depend on the target")
    #expect(plan["z.s[target=zombie]"]?.axes == [Axis(name: "target", value: .string("zombie"))])
    #expect(inputs(plan, "one", "images") == ["z.s[target=clown].images"])
    #expect(inputs(plan, "f", "rows") == ["z.s[target=clown].images", "z.s[target=zombie].images"])
  }

  @Test func sweepsOfARecipeInUseAreNamedAfterIt() throws {
    try folder.add(
      "library/dial.yaml",
      Data(
        """
        recipe: dial
        inputs: { images: images, model: diffusion }
        params: { step: { sweep: [1, 2] } }
        stages: { l: { invert: { images: images, model: model, steps: 3, return_step: "${step}" } } }
        outputs: [l]
        """.utf8))
    let plan = try folder.plan(
      recipe(
        """
        z: { use: { recipe: library/dial.yaml, images: p, model: base } }
        fixed: { use: { recipe: library/dial.yaml, images: p, model: base, step: 7 } }
        """))
    #expect(
      plan.stages.map(\.id) == ["base", "p", "z.l[z.step=1]", "z.l[z.step=2]", "fixed.l"])
  }

  @Test func pathsAreRelativeToTheRecipeThatHasThem() throws {
    try folder.add("library/own.yaml", Data("recipe: own\nstages: { m: { load: { diffusion: own.pt } } }".utf8))
    let plan = try folder.plan(recipe("z: { use: { recipe: library/own.yaml } }"))
    #expect(plan["z.m"]?.sources["diffusion"]?.files.map(\.path) == ["\(folder.path)/library/own.pt"])
  }

  @Test func argumentsThatAreWrong() throws {
    #expect(
      try folder.errors(
        recipe(
          """
          a: { use: { recipe: library/edit.yaml, imgaes: p, model: base, target: x } }
          b: { use: { recipe: library/edit.yaml, model: p, images: q, step: far } }
          c: { use: { recipe: library/edti.yaml } }
          d: { use: {} }
          e: { metric: { images: b.outcome, measures: [mae] } }
          """)) == """
          r.yaml:6:42: error: the recipe 'edit' takes no 'imgaes'
             6 |   a: { use: { recipe: library/edit.yaml, imgaes: p, model: base, target: x } }
               |                                          ^
               help: did you mean 'images'?
          r.yaml:7:3: error: 'b' needs the parameter 'target'
             7 |   b: { use: { recipe: library/edit.yaml, model: p, images: q, step: far } }
               |   ^
          library/edit.yaml:3:11: note: declared here
             3 | params: { target: { type: text }, step: 500 }
               |           ^
          r.yaml:7:49: error: 'model' of 'b' takes diffusion, but 'p' gives images
             7 |   b: { use: { recipe: library/edit.yaml, model: p, images: q, step: far } }
               |                                                 ^
          library/edit.yaml:2:27: note: declared here
             2 | inputs: { images: images, model: diffusion, reference: { type: images, optional: true } }
               |                           ^
          r.yaml:7:60: error: unknown stage 'q' in 'images' of 'b'
             7 |   b: { use: { recipe: library/edit.yaml, model: p, images: q, step: far } }
               |                                                            ^
               help: the stages are base, p, a, b, c, d, e
          r.yaml:7:69: error: 'step' must be a whole number, not the text 'far'
             7 |   b: { use: { recipe: library/edit.yaml, model: p, images: q, step: far } }
               |                                                                     ^
          library/edit.yaml:3:41: note: the value of 'step' is from here
             3 | params: { target: { type: text }, step: 500 }
               |                                         ^
          r.yaml:8:23: error: no such recipe file: 'library/edti.yaml'
             8 |   c: { use: { recipe: library/edti.yaml } }
               |                       ^
               help: did you mean 'library/edit.yaml'?
          r.yaml:9:8: error: 'use' of stage 'd' needs 'recipe'
             9 |   d: { use: {} }
               |        ^
               help: write d: {use: {recipe: library/some.yaml, …}}
          r.yaml:10:26: error: 'b' has no output 'outcome'
            10 |   e: { metric: { images: b.outcome, measures: [mae] } }
               |                          ^
               help: it has result, scores, losses
          """)
  }

  @Test func anErrorInsideShowsBothPlaces() throws {
    #expect(
      try folder.errors(
        recipe("z: { use: { recipe: library/edit.yaml, images: p, model: base, target: x, step: 5000 } }")) == """
          library/edit.yaml:5:71: error: 'return_step' of 'invert' must be a whole number from 1 to 1000, not 5000
             5 |   l: { invert: { images: images, model: model, steps: 3, return_step: "${step}" } }
               |                                                                       ^
          r.yaml:6:83: note: 'step' is given here
             6 |   z: { use: { recipe: library/edit.yaml, images: p, model: base, target: x, step: 5000 } }
               |                                                                                   ^
          r.yaml:6:3: note: used here
             6 |   z: { use: { recipe: library/edit.yaml, images: p, model: base, target: x, step: 5000 } }
               |   ^
          """)
  }

  @Test func circlesOfRecipes() throws {
    try folder.add("library/one.yaml", Data("recipe: one\nstages: { a: { use: { recipe: two.yaml } } }".utf8))
    try folder.add("library/two.yaml", Data("recipe: two\nstages: { b: { use: { recipe: one.yaml } } }".utf8))
    #expect(
      try folder.errors(recipe("z: { use: { recipe: library/one.yaml } }")) == """
        library/two.yaml:2:31: error: recipes use each other in a circle: one.yaml -> two.yaml -> one.yaml
           2 | stages: { b: { use: { recipe: one.yaml } } }
             |                               ^
             help: let one of them do without the other
        library/one.yaml:2:11: note: used here
           2 | stages: { a: { use: { recipe: two.yaml } } }
             |           ^
        r.yaml:6:3: note: used here
           6 |   z: { use: { recipe: library/one.yaml } }
             |   ^
        """)
  }

  @Test func repetitionsThatAreWrong() throws {
    #expect(
      try folder.errors(
        recipe(
          """
          a: { use: { recipe: library/edit.yaml, images: p, model: base, target: x, repeat: 2 } }
          b: { use: { recipe: library/edit.yaml, images: p, model: base, target: x, repeat: 0, carry: {} } }
          c: { use: { recipe: library/edit.yaml, images: p, model: base, target: x, repeat: 2, carry: { image: reslt } } }
          """)) == """
          r.yaml:6:3: error: 'a' repeats a recipe without 'carry'
             6 |   a: { use: { recipe: library/edit.yaml, images: p, model: base, target: x, repeat: 2 } }
               |   ^
               help: say which output becomes which input of the next round: carry: {images: result}
          r.yaml:7:85: error: 'repeat' must be a whole number from 1 to 1000, not 0
             7 |   b: { use: { recipe: library/edit.yaml, images: p, model: base, target: x, repeat: 0, carry: {} } }
               |                                                                                     ^
          r.yaml:7:88: error: 'b' repeats a recipe without 'carry'
             7 |   b: { use: { recipe: library/edit.yaml, images: p, model: base, target: x, repeat: 0, carry: {} } }
               |                                                                                        ^
               help: say which output becomes which input of the next round: carry: {images: result}
          r.yaml:8:97: error: the recipe 'edit' has no input 'image'
             8 |   c: { use: { recipe: library/edit.yaml, images: p, model: base, target: x, repeat: 2, carry: { image: reslt } } }
               |                                                                                                 ^
               help: did you mean 'images'?
               help: it has images, model, reference
          """)
  }

  @Test func aRecipeWithInputsDoesNotRunByItself() throws {
    #expect(
      try folder.errors(edit).hasPrefix(
        "r.yaml:2:11: error: the recipe takes the input 'images', so it runs only in a recipe that uses it\n"))
  }
}
