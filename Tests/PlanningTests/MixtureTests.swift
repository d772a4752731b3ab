import Planning
import StageKit
import Testing

struct MixtureTests {
  private let folder: RecipeFolder

  init() throws { folder = try RecipeFolder("base.pt", "faces/a.png") }

  private func stages(_ models: String, _ more: String = "") -> String {
    """
    base: { load: { diffusion: base.pt } }
    p: { load: { images: faces/*.png } }
    l: { invert: { images: p, model: base, steps: 3 } }
    m: { finetune: { model: base, latents: l, target: x } }
    s: { sample: { latents: l, models: \(models)\(more) } }
    """
  }

  private func weights(_ models: String, _ more: String = "") throws -> [[String: Double]] {
    guard case .mixture(let mixture)? = try folder.plan(stages: stages(models, more))["s"]?.inputs["models"] else {
      return []
    }
    return mixture.segments.map { segment in
      Dictionary(
        uniqueKeysWithValues: segment.weights.map { ("\($0.label) -> \($0.member.stage).\($0.member.port)", $0.weight) }
      )
      .merging(["from": Double(segment.from)]) { first, _ in first }
    }
  }

  @Test func constant() throws {
    #expect(
      try weights("{ base: 0.4, m.model: 0.6 }") == [
        ["base -> base.diffusion": 0.4, "m.model -> m.model": 0.6, "from": 0]
      ])
    #expect(try weights("{ base: -1, m: 2 }") == [["base -> base.diffusion": -1, "m -> m.model": 2, "from": 0]])
  }

  @Test func byTime() throws {
    #expect(
      try weights("[{ from: 300, mix: { base: 1 } }, { from: 0, mix: { m: 1 } }]")
        == [["base -> base.diffusion": 1, "from": 300], ["m -> m.model": 1, "from": 0]])
  }

  @Test func normalized() throws {
    #expect(
      try weights("{ base: 1, m: 3 }", ", normalize: true")
        == [["base -> base.diffusion": 0.25, "m -> m.model": 0.75, "from": 0]])
  }

  @Test func roundingIsForgiven() throws {
    #expect(try weights("{ base: 0.3333333, m: 0.6666666 }").count == 1)
  }

  @Test(arguments: [
    ("{ base: 0.5, m: 0.4 }", "7:38: error: the weights of 'models' of 'sample' sum to 0.9, not to 1"),
    ("{ base: 0.5, bsae: 0.5 }", "7:51: error: unknown stage 'bsae' in 'models'"),
    ("{ base: .inf }", "7:46: error: the weight of 'base' in 'models' of 'sample' must be a number, not .inf"),
    ("{}", "7:38: error: 'models' of 'sample' mixes nothing"),
    ("base", "7:38: error: 'models' of 'sample' must be a mixture, not the text 'base'"),
    ("[{ mix: { base: 1 } }]", "7:39: error: each part of 'models' of 'sample' has 'from' and 'mix', and nothing else"),
    (
      "[{ from: x, mix: { base: 1 } }]",
      "7:47: error: 'from' in 'models' of 'sample' must be a time step, a whole number of at least 0, not the text 'x'"
    ),
    ("[{ from: 0, mix: base }]", "7:55: error: 'mix' in 'models' of 'sample' must be a mapping, not the text 'base'"),
    ("[{ from: 3, mix: { base: 1 } }]", "7:39: error: the last part of 'models' of 'sample' must be from 0"),
    ("[]", "7:38: error: 'models' of 'sample' mixes nothing"),
    (
      "[{ from: 0, mix: { base: 1 } }, { from: 3, mix: { base: 1 } }]",
      "7:70: error: 'from' in 'models' of 'sample' must fall from part to part, but 3 follows 0"
    ),
    ("{ l: 1 }", "7:40: error: 'models' of 'sample' takes diffusion, but 'l' gives latents"),
  ])
  func refused(models: String, error: String) throws {
    let errors = try folder.errors(stages: stages(models)).split(separator: "\n").filter { $0.hasPrefix("r.yaml:") }
    #expect(errors == ["r.yaml:\(error)"[...]])
  }

  @Test func nothingToNormalizeBy() throws {
    let errors = try folder.errors(stages: stages("{ base: 1, m: -1 }", ", normalize: true"))
    #expect(
      errors.hasPrefix("r.yaml:7:38: error: the weights of 'models' of 'sample' sum to 0 and cannot be normalized\n"))
  }

  /// Weights beyond what a number holds would all become 0.
  @Test(arguments: ["{ base: 1.0e308, m: 1.0e308 }", "{ base: 1.0e308, m: 1.0e-5, base.model: -1.0e308 }"])
  func tooLargeToNormalize(models: String) throws {
    let errors = try folder.errors(stages: stages(models, ", normalize: true"))
    #expect(errors.contains("error: the weights of 'models' of 'sample' sum to "), "\(errors)")
    #expect(errors.contains(" and cannot be normalized\n"), "\(errors)")
  }

  @Test func allThatIsWrong() throws {
    let errors = try folder.errors(stages: stages("{ base: a, bsae: b }"))
    #expect(
      errors == """
        r.yaml:7:46: error: the weight of 'base' in 'models' of 'sample' must be a number, not the text 'a'
           7 |   s: { sample: { latents: l, models: { base: a, bsae: b } } }
             |                                              ^
        r.yaml:7:49: error: unknown stage 'bsae' in 'models'
           7 |   s: { sample: { latents: l, models: { base: a, bsae: b } } }
             |                                                 ^
             help: did you mean 'base'?
        r.yaml:7:55: error: the weight of 'bsae' in 'models' of 'sample' must be a number, not the text 'b'
           7 |   s: { sample: { latents: l, models: { base: a, bsae: b } } }
             |                                                       ^
        """)
  }
}
