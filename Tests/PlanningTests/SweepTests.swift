import Planning
import StageKit
import Testing

/// `sweep`, `zip`, what they repeat, and how one place is picked.
struct SweepTests {
  private let folder: RecipeFolder

  init() throws { folder = try RecipeFolder("base.pt", "faces/a.png", "faces/b.png") }

  private func recipe(_ head: String, _ stages: String) -> String {
    "recipe: r\n\(head)\nstages:\n" + stages.split(separator: "\n").map { "  \($0)\n" }.joined()
  }

  private let head = "params: { step: { sweep: [300, 400] }, target: { sweep: [clown, zombie] } }"
  private let stages = """
    base: { load: { diffusion: base.pt } }
    p: { load: { images: faces/*.png } }
    l: { invert: { images: p, model: base, steps: 3, return_step: "${step}" } }
    m: { finetune: { model: base, latents: l, target: "${target}" } }
    s: { sample: { latents: l, model: m } }
    f: { figure: { rows: { before: p, after: s } } }

    """

  private func members(_ plan: Plan, _ stage: String) -> [String] {
    guard case .list(let members)? = plan[stage]?.inputs["rows"] else { return [] }
    return members.map { "\($0.label) \($0.axes) \($0.reference.stage)" }
  }

  @Test func whatDependsOnASweepIsRepeatedAndTheRestIsNot() throws {
    let plan = try folder.plan(recipe(head, stages))
    #expect(
      plan.stages.map(\.id) == [
        "base", "p", "l[step=300]", "l[step=400]", "m[step=300,target=clown]", "m[step=300,target=zombie]",
        "m[step=400,target=clown]", "m[step=400,target=zombie]", "s[step=300,target=clown]",
        "s[step=300,target=zombie]", "s[step=400,target=clown]", "s[step=400,target=zombie]", "f",
      ])
    let tuned = try #require(plan["m[step=400,target=clown]"])
    #expect(tuned.inputs["latents"]?.references.map(\.stage) == ["l[step=400]"])
    #expect(tuned.inputs["model"]?.references.map(\.stage) == ["base"])
    #expect(tuned.axes.map(\.value) == [.int(400), .string("clown")])
    #expect(plan.parameters["step"] == .map(["sweep": .list([.int(300), .int(400)])]))
    #expect(plan.outputs.map(\.stage) == ["f"])
  }

  @Test func collectingPortsReceiveEveryPlace() throws {
    let plan = try folder.plan(recipe(head, stages))
    #expect(
      members(plan, "f") == [
        "before [] p", "after [step=300, target=clown] s[step=300,target=clown]",
        "after [step=300, target=zombie] s[step=300,target=zombie]",
        "after [step=400, target=clown] s[step=400,target=clown]",
        "after [step=400, target=zombie] s[step=400,target=zombie]",
      ])
  }

  @Test func aCollectingStageIsRepeatedOnlyByItsOwnParameters() throws {
    let plan = try folder.plan(recipe(head, stages + "g: { figure: { rows: [s], title: \"${target}\" } }"))
    #expect(
      members(plan, "g[target=zombie]") == [
        "s [step=300] s[step=300,target=zombie]", "s [step=400] s[step=400,target=zombie]",
      ])
  }

  @Test func selection() throws {
    let plan = try folder.plan(
      recipe(
        head,
        stages + """
          one: { metric: { images: "s[step=400,target=zombie]", measures: [mae] } }
          some: { metric: { images: "s[target=clown].images", reference: p, measures: [mae] } }
          g: { figure: { rows: ["s[step=300]"] } }
          """))
    #expect(plan["one"]?.inputs["images"]?.references.map(\.stage) == ["s[step=400,target=zombie]"])
    #expect(plan["some[step=300]"]?.inputs["images"]?.references.map(\.stage) == ["s[step=300,target=clown]"])
    #expect(
      members(plan, "g") == [
        "s[step=300] [target=clown] s[step=300,target=clown]", "s[step=300] [target=zombie] s[step=300,target=zombie]",
      ])
  }

  @Test func sweptReferencesAndOutputs() throws {
    let plan = try folder.plan(
      recipe(
        "params: { which: { sweep: [base, other] } }\noutputs: [l]",
        """
        base: { load: { diffusion: base.pt } }
        other: { load: { diffusion: base.pt } }
        p: { load: { images: faces/*.png } }
        l: { invert: { images: p, model: "${which}", steps: 3 } }
        """))
    #expect(plan.outputs.map(\.stage) == ["l[which=base]", "l[which=other]"])
    #expect(plan["l[which=other]"]?.inputs["model"]?.references.map(\.stage) == ["other"])
  }

  @Test func zippedSweepsGoTogether() throws {
    let plan = try folder.plan(
      recipe(
        "params: { step: { sweep: [300, 400] }, rate: { sweep: [0.1, 0.1] } }\nzip: [step, rate]",
        """
        base: { load: { diffusion: base.pt } }
        p: { load: { images: faces/*.png } }
        l: { invert: { images: p, model: base, steps: 3, return_step: "${step}" } }
        m: { finetune: { model: base, latents: l, target: x, rate: "${rate}" } }
        n: { finetune: { model: base, latents: "l[step=400]", target: x } }
        """))
    #expect(
      plan.stages.map(\.id) == [
        "base", "p", "l[step=300]", "l[step=400]", "m[step=300]", "m[step=400]", "n",
      ], "the first tells the places apart")
    #expect(plan["n"]?.inputs["latents"]?.references.map(\.stage) == ["l[step=400]"])
  }

  /// Where the first of zipped sweeps has a value twice, the next ones tell the places apart.
  @Test func zippedSweepsAreCalledByAsManyAsItTakes() throws {
    let plan = try folder.plan(
      recipe(
        "params: { step: { sweep: [300, 300] }, rate: { sweep: [0.1, 0.2] } }\nzip: [step, rate]",
        """
        base: { load: { diffusion: base.pt } }
        p: { load: { images: faces/*.png } }
        l: { invert: { images: p, model: base, steps: 3, return_step: "${step}" } }
        """))
    #expect(plan.stages.map(\.id) == ["base", "p", "l[step=300,rate=0.1]", "l[step=300,rate=0.2]"])
  }

  @Test func overlaysOfSweeps() throws {
    let one = try folder.plan(recipe(head, stages), set: ["step=500", "target=clown"])
    #expect(
      one.stages.map(\.id) == [
        "base", "p", "l[step=500]", "m[step=500,target=clown]", "s[step=500,target=clown]", "f",
      ])
    #expect(one.overlays == ["step": .int(500), "target": .string("clown")])
    let others = try folder.plan(recipe(head, stages), set: ["step=[500, 600, 700]", "target=clown"])
    #expect(others.stages.filter { $0.name == "l" }.map(\.id) == ["l[step=500]", "l[step=600]", "l[step=700]"])
  }

  /// A sweep of one value has its axis: what picks a place from it, or collects it, goes on as before.
  @Test func aNarrowedSweepKeepsItsAxis() throws {
    let picking = stages + "one: { metric: { images: \"s[step=400]\", measures: [mae] } }"
    let plan = try folder.plan(recipe(head, picking), set: ["step=400"])
    #expect(plan["one[target=clown]"]?.inputs["images"]?.references.map(\.stage) == ["s[step=400,target=clown]"])
    #expect(members(plan, "f").last == "after [step=400, target=zombie] s[step=400,target=zombie]")
    #expect(
      try folder.errors(recipe(head, picking), set: ["step=500"])
        .hasPrefix("r.yaml:10:28: error: 'step' of 's' is never '400'\n"))
    let lists = "params: { layers: { sweep: [[1, 2], [3]] } }"
    let tuned = """
      base: { load: { diffusion: base.pt } }
      p: { load: { images: faces/*.png } }
      l: { invert: { images: p, model: base, steps: 3 } }
      m: { finetune: { model: base, latents: l, target: x, layers: "${layers}" } }
      """
    #expect(try folder.plan(recipe(lists, tuned), set: ["layers=[4, 5]"]).stages.last?.id == "m[layers=[4, 5]]")
    #expect(
      try folder.plan(recipe(lists, tuned), set: ["layers=[[4], [5, 6]]"]).stages.suffix(2).map(\.id) == [
        "m[layers=[4]]", "m[layers=[5, 6]]",
      ])
  }

  /// No two stages have one id, whatever the values of sweeps read like.
  @Test(arguments: [
    (#"["1", 1]"#, [#""1""#, "1"]), (#"["true", true, "null"]"#, [#""true""#, "true", #""null""#]),
    (#"["a, b", "a", "b"]"#, [#""a, b""#, "a", "b"]),
    (#"["x]", "[x", "x=1", '"x"']"#, [#""x]""#, #""[x""#, #""x=1""#, #""\"x\"""#]),
    ("[\"caf\u{E9}\", \"cafe\u{301}\"]", ["caf\u{E9}", #""cafe\u0301""#]),
    ("[\"\u{301}a\", a, \"a\u{200B}\", \"a\\n\"]", [#""\u0301a""#, "a", #""a\u200b""#, #""a\u000a""#]),
    ("[man/woman, man_woman]", ["man/woman", "man_woman"]),
  ])
  func idsAreInjective(values: String, spelled: [String]) throws {
    let plan = try folder.plan(
      recipe(
        "params: { word: { sweep: \(values) } }",
        """
        base: { load: { diffusion: base.pt } }
        p: { load: { images: faces/*.png } }
        l: { invert: { images: p, model: base, steps: 3 } }
        m: { finetune: { model: base, latents: l, target: "${word}!" } }
        """))
    let made = plan.stages.filter { $0.name == "m" }
    #expect(made.map(\.id) == spelled.map { "m[word=\($0)]" })
    #expect(Set(plan.stages.map(\.id)).count == plan.stages.count)
    // Each id leads back to its stage, in a recipe's reference too.
    for (spelling, stage) in zip(spelled, made) {
      let picked = try folder.plan(
        recipe(
          "params: { word: { sweep: \(values) } }",
          """
          base: { load: { diffusion: base.pt } }
          p: { load: { images: faces/*.png } }
          l: { invert: { images: p, model: base, steps: 3 } }
          m: { finetune: { model: base, latents: l, target: "${word}!" } }
          s: { sample: { latents: l, model: 'm[word=\(spelling)]' } }
          """))
      #expect(picked["s"]?.inputs["model"]?.references.map(\.stage) == [stage.id], "\(spelling)")
    }
  }

  @Test func valuesAreMeantByWhatTheyReadLike() throws {
    func picked(_ values: String, by text: String) throws -> String {
      let recipe = recipe(
        "params: { word: { sweep: \(values) } }",
        """
        base: { load: { diffusion: base.pt } }
        p: { load: { images: faces/*.png } }
        l: { invert: { images: p, model: base, steps: 3 } }
        m: { finetune: { model: base, latents: l, target: "${word}!" } }
        s: { sample: { latents: l, model: '\(text)' } }
        """)
      let errors = try folder.errors(recipe)
      guard errors == "no errors" else { return String(errors.split(separator: "\n")[0]) }
      return try folder.plan(recipe)["s"]?.inputs["model"]?.references[0].stage ?? ""
    }
    #expect(try picked("[500, 600]", by: "m[word=5e2]") == "m[word=500]")
    #expect(try picked("[0.5, 1]", by: "m[word=1.0]") == "m[word=1]")
    #expect(try picked("[\"1\", 2]", by: "m[word=1]") == #"m[word="1"]"#)
    #expect(try picked("[\"a, b\", c]", by: "m[word=a, b]") == #"m[word="a, b"]"#)
    #expect(try picked("[\"a, b\", c]", by: #"m[word="c"]"#) == "m[word=c]")
    #expect(try picked("[\"1\", 1]", by: "m[word=1.0]") == "m[word=1]")
  }

  @Test func expectationsHoldAtEveryPlace() throws {
    let plan = try folder.plan(
      recipe(
        head + "\n",
        stages + """
          k: { metric: { images: s, measures: [mae] }, expect: { mae: "< 1" } }
          """))
    let measured = plan.stages.filter { $0.name == "k" }
    #expect(measured.count == 4)
    #expect(measured.allSatisfy { $0.expectations.map(\.text) == ["< 1"] })
  }

  /// A parameter that is null expects nothing: a recipe in use may say what holds in its world.
  @Test func anExpectationCanBeLeftOpen() throws {
    let measured =
      stages + """
        k: { metric: { images: s, measures: [mae] }, expect: { mae: "${bound}" } }
        """
    let head = head.replacing("params: {", with: "params: { bound: null,")
    let open = try folder.plan(recipe(head, measured))
    #expect(open.stages.filter { $0.name == "k" }.map(\.expectations.count) == [0, 0, 0, 0])
  }

  @Test func errorsOfSelections() throws {
    #expect(
      try folder.errors(
        recipe(
          head,
          stages + """
            a: { metric: { images: "s[steps=300]", measures: [mae] } }
            b: { metric: { images: "s[step=350]", measures: [mae] } }
            c: { metric: { images: "p[step=300]", measures: [mae] } }
            d: { metric: { images: "s[step", measures: [mae] } }
            """)) == """
          r.yaml:10:26: error: 's' has no axis 'steps'
            10 |   a: { metric: { images: "s[steps=300]", measures: [mae] } }
               |                          ^
               help: did you mean 'step'?
          r.yaml:11:26: error: 'step' of 's' is never '350'
            11 |   b: { metric: { images: "s[step=350]", measures: [mae] } }
               |                          ^
               help: did you mean '300'?
               help: it is 300, 400
          r.yaml:12:26: error: 'p' has no axis 'step'
            12 |   c: { metric: { images: "p[step=300]", measures: [mae] } }
               |                          ^
               help: no sweep reaches it
          r.yaml:13:26: error: 's[step' is no reference
            13 |   d: { metric: { images: "s[step", measures: [mae] } }
               |                          ^
               help: a reference is 'stage', 'stage.port', 'stage[axis=value]' or 'stage[axis=value].port'
          """)
  }

  @Test func errorsOfDeclarations() throws {
    #expect(
      try folder.errors(
        """
        recipe: r
        params:
          a: { sweep: [1, 1] }
          b: { sweep: [] }
          c: { sweep: 3 }
          d: { sweep: [1, 2, 3] }
          e: { sweep: [1, 2] }
          f: 3
          g: { type: txet }
        zip: [[d, e], [f, e]]
        stages: { base: { load: { diffusion: base.pt } } }
        """) == """
          r.yaml:3:19: error: the sweep of 'a' has a value twice
             3 |   a: { sweep: [1, 1] }
               |                   ^
               help: list each value once
          r.yaml:4:15: error: the sweep of 'b' must be a list of values, not an empty one
             4 |   b: { sweep: [] }
               |               ^
               help: write {sweep: [300, 400, 500]}
          r.yaml:5:15: error: the sweep of 'c' must be a list of values, not 3
             5 |   c: { sweep: 3 }
               |               ^
               help: write {sweep: [300, 400, 500]}
          r.yaml:9:14: error: unknown type of parameter 'g': the text 'txet'
             9 |   g: { type: txet }
               |              ^
               help: did you mean 'text'?
               help: the types are text, integer, number, boolean, list
          r.yaml:10:8: error: zipped sweeps must have as many values as each other, but 'd' has 3, 'e' has 2
            10 | zip: [[d, e], [f, e]]
               |        ^
          r.yaml:10:16: error: 'zip' pairs sweeps, and 'f' is none
            10 | zip: [[d, e], [f, e]]
               |                ^
               help: write f: {sweep: [a, b]} in 'params'
          """)
  }

  @Test func anErrorAtOnePlaceShowsTheValueAndComesOnce() throws {
    #expect(
      try folder.errors(
        recipe(
          "params: { step: { sweep: [300, 4000] }, size: { sweep: [8, 16] } }",
          """
          base: { load: { diffusion: base.pt } }
          p: { load: { images: faces/*.png, size: "${size}" } }
          l: { invert: { images: p, model: base, steps: 0, return_step: "${step}" } }
          """)) == """
          r.yaml:6:49: error: 'steps' of 'invert' must be a whole number from 1 to 1000, not 0
             6 |   l: { invert: { images: p, model: base, steps: 0, return_step: "${step}" } }
               |                                                 ^
          r.yaml:6:65: error: 'return_step' of 'invert' must be a whole number from 1 to 1000, not 4000
             6 |   l: { invert: { images: p, model: base, steps: 0, return_step: "${step}" } }
               |                                                                 ^
          r.yaml:2:32: note: the value of 'step' is from here
             2 | params: { step: { sweep: [300, 4000] }, size: { sweep: [8, 16] } }
               |                                ^
          """)
  }

  @Test func aGridThatIsTooLargeIsRefused() throws {
    let values = (1...200).map(String.init).joined(separator: ", ")
    let errors = try folder.errors(
      recipe(
        "params: { a: { sweep: [\(values)] }, b: { sweep: [\(values)] } }",
        """
        base: { load: { diffusion: base.pt } }
        p: { load: { images: faces/*.png } }
        l: { invert: { images: p, model: base, steps: "${a}", return_step: "${b}" } }
        """))
    #expect(errors.hasPrefix("r.yaml:6:3: error: stage 'l' would be repeated more than 10000 times\n"))
  }
}
