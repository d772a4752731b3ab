import Planning
import Testing

struct ExpectationTests {
  private let folder: RecipeFolder

  init() throws { folder = try RecipeFolder("faces/a.png") }

  @Test(arguments: [
    ("> 0.15", [0.16], [0.15, 0.1]), (">=0.15", [0.15, 2], [0.149]), ("< -1", [-2], [-1, 0]),
    (" <= 1e-3 ", [0.001, 0], [0.002]), ("== 3", [3], [3.1]), ("0.1..0.2", [0.1, 0.15, 0.2], [0.09, 0.21]),
    ("-1 .. 1", [0], [2]), ("0.5 ± 0.25", [0.25, 0.75], [0.2, 0.8]), ("0.5+-0.25", [0.5], [1]),
  ])
  func comparisons(text: String, met: [Double], missed: [Double]) throws {
    let plan = try folder.plan(
      stages: """
        p: { load: { images: faces/a.png } }
        m: { metric: { images: p, measures: [mae] }, expect: { mae.mean: "\(text)" } }
        """)
    let expectation = try #require(plan["m"]?.expectations.first)
    #expect(expectation.measure == "mae.mean")
    #expect(expectation.text == text)
    #expect(expectation.location.line == 4)
    #expect(met.allSatisfy(expectation.holds))
    #expect(!(missed + [.nan]).contains(where: expectation.holds))
  }

  @Test(arguments: [
    "", ">", "> x", ">> 1", "=> 1", "= 1", "0.2..0.1", "1..", "1 ± -1", "± 1", "0.5", "> nan", "> inf", "> 0x10",
    "< 1 2", "0...50", "0....50", "1.. .5", ".5..1", "> .5", "> 5.", "> 0o7", "0..1..2", "> 1e999", ">\u{301} 1",
    "> \u{661}",
    "1 ± ±2", "> 1_000", "> 1,5", "> +-1",
  ])
  func refused(text: String) {
    #expect(Expectation.Comparison(text) == nil)
  }

  @Test(arguments: [
    ("0...50", "0..50"), ("0…50", "0..50"), ("0 to 50", "0..50"), ("=> 1", ">= 1"), ("= 1", "== 1"), ("≥ 2", ">= 2"),
    ("0.2+/-0.1", "0.2±0.1"), ("> .5", "> 0.5"),
  ])
  func slips(text: String, meant: String) throws {
    let errors = try folder.errors(
      stages: """
        p: { load: { images: faces/a.png } }
        m: { metric: { images: p, measures: [mae] }, expect: { mae: "\(text)" } }
        """)
    #expect(errors.contains("r.yaml:4:63: error: the expectation of 'mae' must be a comparison"))
    #expect(errors.contains("did you mean '\(meant)'?"), "\(errors)")
  }

  @Test func errors() throws {
    #expect(
      try folder.errors(
        stages: """
          p: { load: { images: faces/a.png }, expect: { mae: "< 1" } }
          m: { metric: { images: p, measures: [mae] }, expect: { mae: 0.3, "a b": "> 1", classifier..x: "> 1" } }
          """) == """
          r.yaml:3:49: error: nothing can be expected of 'p': it makes no metrics
             3 |   p: { load: { images: faces/a.png }, expect: { mae: "< 1" } }
               |                                                 ^
               help: move 'expect' to the stage that measures
          r.yaml:4:63: error: the expectation of 'mae' must be a comparison, not 0.3
             4 |   m: { metric: { images: p, measures: [mae] }, expect: { mae: 0.3, "a b": "> 1", classifier..x: "> 1" } }
               |                                                               ^
               help: write "> 0.15", ">= 0.15", "< 0.2", "<= 0.2", "== 1", "0.1..0.2" or "0.15 ± 0.01"
          r.yaml:4:68: error: 'a b' is not the name of a measure
             4 |   m: { metric: { images: p, measures: [mae] }, expect: { mae: 0.3, "a b": "> 1", classifier..x: "> 1" } }
               |                                                                    ^
               help: such names are s_dir, or s_dir.min_step
          r.yaml:4:82: error: 'classifier..x' is not the name of a measure
             4 |   m: { metric: { images: p, measures: [mae] }, expect: { mae: 0.3, "a b": "> 1", classifier..x: "> 1" } }
               |                                                                                  ^
               help: such names are s_dir, or s_dir.min_step
          """)
  }
}
