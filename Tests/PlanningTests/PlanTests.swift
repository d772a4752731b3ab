import Planning
import StageKit
import Testing

struct PlanTests {
  private let folder: RecipeFolder

  init() throws { folder = try RecipeFolder("base.pt", "faces/a.png", "faces/b.png") }

  @Test func stagesStandBehindWhatTheyNeed() throws {
    let plan = try folder.plan(
      stages: """
        show: { figure: { rows: { before: p, after: s } } }
        s: { sample: { latents: l, model: m } }
        alone: { load: { images: faces/a.png } }
        m: { finetune: { model: base, latents: l, target: x } }
        l: { invert: { images: p, model: base, steps: 3 } }
        base: { load: { diffusion: base.pt } }
        p: { load: { images: faces/*.png } }
        """)
    #expect(plan.stages.map(\.id) == ["p", "base", "l", "m", "s", "show", "alone"])
  }

  @Test func recipeOrderStays() throws {
    let names = (1...20).map { "s\($0)" }
    let plan = try folder.plan(stages: names.map { "\($0): { load: { images: faces/a.png } }" }.joined(separator: "\n"))
    #expect(plan.stages.map(\.name) == names)
  }

  @Test func longChain() throws {
    let count = 5_000
    var lines = ["base: { load: { diffusion: base.pt } }", "l0: { invert: { images: p, model: base, steps: 3 } }"]
    lines.append("p: { load: { images: faces/*.png } }")
    for index in stride(from: count, to: 0, by: -1) {
      lines.append(
        "m\(index): { finetune: { model: \(index == 1 ? "base" : "m\(index - 1)"), latents: l0, target: x } }")
    }
    let plan = try folder.plan(stages: lines.joined(separator: "\n"))
    #expect(plan.stages.last?.name == "m\(count)")
    #expect(plan.outputs.map(\.stage) == ["m\(count)"])
  }

  @Test func outputsAreWhatNobodyUses() throws {
    let stages = """
      base: { load: { diffusion: base.pt } }
      p: { load: { images: faces/*.png } }
      l: { invert: { images: p, model: base, steps: 3 } }
      m: { finetune: { model: base, latents: l, target: x } }
      """
    #expect(try folder.plan(stages: stages).outputs == [OutputReference(stage: "m", port: "model", type: .diffusion)])
    let listed =
      "recipe: r\noutputs: [m.losses, l]\nstages:\n" + stages.split(separator: "\n").map { "  \($0)\n" }.joined()
    #expect(
      try folder.plan(listed).outputs == [
        OutputReference(stage: "m", port: "losses", type: .table),
        OutputReference(stage: "l", port: "latents", type: .latents),
      ])
  }

  @Test func listLabels() throws {
    let plan = try folder.plan(
      stages: """
        p: { load: { images: faces/*.png } }
        a: { figure: { rows: [p, p.images] } }
        b: { figure: { rows: { second: p, first: p } } }
        """)
    func labels(_ stage: String) -> [String] {
      guard case .list(let members)? = plan[stage]?.inputs["rows"] else { return [] }
      return members.map(\.label)
    }
    #expect(labels("a") == ["p", "p.images"])
    #expect(labels("b") == ["second", "first"])
  }

  @Test func stageKnowsItsPlaceAndDescription() throws {
    let plan = try folder.plan(stages: "p: { load: { images: faces/a.png }, description: two faces }")
    #expect(plan.stages[0].location.description == "\(folder.path)/r.yaml:3:3")
    #expect(plan.stages[0].description == "two faces")
    #expect(plan.file == "\(folder.path)/r.yaml")
    #expect(plan.recipe == "r")
  }

  @Test func axesAreInTheID() {
    let stage = PlannedStage(
      name: "edited",
      axes: [Axis(name: "return_step", value: .int(300)), Axis(name: "target", value: .string("zombie"))],
      kind: TestKinds.load, parameters: Parameters([:]), outputs: [],
      location: .init(file: "r.yaml", line: 1, column: 1))
    #expect(stage.id == "edited[return_step=300,target=zombie]")
  }

  @Test func aliasesAreUsed() throws {
    let plan = try folder.plan(
      stages: """
        base: { load: { diffusion: base.pt } }
        p: { load: { images: faces/*.png } }
        l: { invert: &how { images: p, model: base, steps: 3 } }
        m: { invert: *how }
        """)
    #expect(plan["m"]?.parameters == plan["l"]?.parameters)
    #expect(plan["m"]?.inputs == plan["l"]?.inputs)
  }

  @Test func errorsBehindAnAliasShowBothPlaces() throws {
    #expect(
      try folder.errors(
        stages: """
          p: { load: { images: faces/*.png, size: &size 4000 } }
          q: { load: { images: faces/*.png, size: *size } }
          """) == """
          r.yaml:3:43: error: 'size' of 'load' must be a whole number from 8 to 1024, not 4000
             3 |   p: { load: { images: faces/*.png, size: &size 4000 } }
               |                                           ^
          r.yaml:4:43: error: 'size' of 'load' must be a whole number from 8 to 1024, not 4000
             4 |   q: { load: { images: faces/*.png, size: *size } }
               |                                           ^
          r.yaml:3:43: note: '*size' stands for this
             3 |   p: { load: { images: faces/*.png, size: &size 4000 } }
               |                                           ^
          """)
  }
}
