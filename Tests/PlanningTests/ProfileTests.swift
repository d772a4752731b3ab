import Planning
import StageKit
import Testing

/// `profiles` and `--profile`.
struct ProfileTests {
  private let folder: RecipeFolder

  init() throws { folder = try RecipeFolder("base.pt", "faces/a.png") }

  private let recipe = """
    recipe: r
    params: { target: zombie, steps: 40, step: { sweep: [300, 400] }, layers: [1, 2] }
    profiles:
      ci: { steps: 4, step: [500, 600], layers: [0] }
      one: { step: 200, target: "a, b's" }
    stages:
      base: { load: { diffusion: base.pt } }
      p: { load: { images: faces/*.png } }
      l: { invert: { images: p, model: base, steps: "${steps}", return_step: "${step}" } }
      m: { finetune: { model: base, latents: l, target: "${target}", layers: "${layers}" } }
    """

  @Test func aProfileSetsParameters() throws {
    let plan = try folder.plan(recipe, profile: "ci")
    #expect(plan.stages.filter { $0.name == "l" }.map(\.id) == ["l[step=500]", "l[step=600]"])
    #expect(plan["l[step=500]"]?.parameters["steps"]?.int == 4)
    #expect(plan["m[step=500]"]?.parameters["layers"] == .list([.int(0)]))
    #expect(plan["m[step=500]"]?.parameters["target"]?.string == "zombie")
    #expect(plan.overlays == ["steps": .int(4), "step": .list([.int(500), .int(600)]), "layers": .list([.int(0)])])
    #expect(try folder.plan(recipe, profile: "one")["m[step=200]"]?.parameters["target"]?.string == "a, b's")
    #expect(try folder.plan(recipe).overlays.isEmpty)
  }

  @Test func theCommandLineHasTheLastWord() throws {
    let plan = try folder.plan(recipe, set: ["steps=7"], profile: "ci")
    #expect(plan["l[step=500]"]?.parameters["steps"]?.int == 7)
  }

  @Test func valuesAreTakenAsTheyAreWritten() throws {
    let text = recipe.replacing("target: zombie", with: "target: { sweep: [zombie, clown] }")
    let plan = try folder.plan(text.replacing(#"target: "a, b's""#, with: #"target: ["a\n\nb", '[c']"#), profile: "one")
    #expect(plan.overlays["target"] == .list([.string("a\n\nb"), .string("[c")]))
    let single = try folder.plan(text.replacing(#"target: "a, b's""#, with: "target: '[c'"), profile: "one")
    #expect(single.overlays["target"] == .string("[c"))
    #expect(
      try folder.errors(recipe.replacing("target: \"a, b's\"", with: "target: [a, b]"))
        .hasPrefix("r.yaml:5:29: error: 'target' is a text in the recipe, and '[a, b]' is not\n"))
  }

  /// What does not run is not in the way of what does.
  @Test func aProfileThatIsNotTakenVetoesNothing() throws {
    let plan = try folder.plan(recipe, set: ["step=400"])
    #expect(plan.stages.filter { $0.name == "l" }.map(\.id) == ["l[step=400]"])
    #expect(try folder.plan(recipe, set: ["step=400"], profile: "ci")["l[step=400]"]?.parameters["steps"]?.int == 4)
    // Whatever is set, what is wrong with a profile is wrong by itself.
    #expect(
      try folder.errors(recipe.replacing("step: [500, 600]", with: "step: [many]"), set: ["step=400"])
        .hasPrefix("r.yaml:4:25: error: 'step' is a whole number in the recipe, and 'many' in '[many]' is not"))
  }

  @Test func errors() throws {
    #expect(
      try folder.errors(recipe, profile: "cii") == """
        --profile:1:1: error: the recipe has no profile 'cii'
           1 | cii
             | ^
             help: did you mean 'ci'?
        """)
    #expect(
      try folder.errors("recipe: r\nstages: { p: { load: { images: faces/*.png } } }", profile: "ci") == """
        --profile:1:1: error: the recipe has no profile 'ci'
           1 | ci
             | ^
             help: write profiles: {ci: {…}} in it
        """)
  }

  @Test func whatIsWrongInAProfileThatIsNotTaken() throws {
    #expect(
      try folder.errors(
        recipe.replacing(
          "{ steps: 4, step: [500, 600], layers: [0] }", with: "{ stesp: 4, target: { a: b }, steps: many }")) == """
          r.yaml:4:9: error: the recipe has no parameter 'stesp'
             4 |   ci: { stesp: 4, target: { a: b }, steps: many }
               |         ^
               help: did you mean 'steps'?
          r.yaml:4:27: error: a profile sets a parameter to a value or a list of values, not to a mapping
             4 |   ci: { stesp: 4, target: { a: b }, steps: many }
               |                           ^
          r.yaml:4:44: error: 'steps' is a whole number in the recipe, and 'many' is not
             4 |   ci: { stesp: 4, target: { a: b }, steps: many }
               |                                            ^
          r.yaml:2:34: note: the value of 'steps' is from here
             2 | params: { target: zombie, steps: 40, step: { sweep: [300, 400] }, layers: [1, 2] }
               |                                  ^
          """)
  }
}
