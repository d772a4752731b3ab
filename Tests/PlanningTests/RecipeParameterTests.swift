import ArtifactStore
import JSONSyntax
import Planning
import StageKit
import TestSupport
import Testing

/// `params`, `${name}` and `--set`.
struct RecipeParameterTests {
  private let folder: RecipeFolder

  init() throws { folder = try RecipeFolder("base.pt", "faces/a.png") }

  private let recipe = """
    recipe: r
    params: { word: angry, steps: 40, rate: 0.5, fast: false, layers: [1, 2], which: base, none: null }
    stages:
      base: { load: { diffusion: base.pt } }
      p: { load: { images: faces/*.png } }
      l: { invert: { images: p, model: "${which}", steps: "${steps}", return_step: "${none}" } }
      m:
        finetune:
          model: base
          latents: l
          target: ${word} face at ${steps}, not $${word}
          rate: ${rate}
          efficient: ${fast}
          layers: ${layers}
    """

  @Test func wholeScalarKeepsItsTypeAndTextIsPutTogether() throws {
    let plan = try folder.plan(recipe)
    #expect(plan["l"]?.parameters.values == ["steps": .int(40), "return_step": .int(500)])
    let tuned = try #require(plan["m"]?.parameters)
    #expect(tuned["target"]?.string == "angry face at 40, not ${word}")
    #expect(tuned["rate"] == .double(0.5))
    #expect(tuned["efficient"] == .bool(false))
    #expect(tuned["layers"] == .list([.int(1), .int(2)]))
    #expect(plan["l"]?.inputs["model"] == .one(OutputReference(stage: "base", port: "diffusion", type: .diffusion)))
    #expect(Array(plan.parameters.keys) == ["word", "steps", "rate", "fast", "layers", "which", "none"])
    #expect(plan.overlays.isEmpty)
  }

  @Test(arguments: [
    ("$${word}", "${word}"), ("$$${word}", "$angry"), ("$$$${word}", "$${word}"), ("costs $5", "costs $5"),
    ("$$5 $$", "$$5 $$"), ("a$", "a$"), ("${word}$", "angry$"), ("$ {word}", "$ {word}"),
    ("$\u{301}{x}", "$\u{301}{x}"),
    ("${word}\u{301}", "angry\u{301}"),
  ])
  func dollarsThatStay(written: String, text: String) throws {
    let plan = try folder.plan(recipe.replacing("${word} face at ${steps}, not $${word}", with: "'\(written)'"))
    #expect(plan["m"]?.parameters["target"]?.string?.unicodeScalars.elementsEqual(text.unicodeScalars) == true)
    // The same in a value that takes no parameter in.
    guard !["$$${word}", "${word}$", "${word}\u{301}"].contains(written) else { return }
    let declared = try folder.plan(
      recipe.replacing("word: angry", with: "word: '\(written)'").replacing(" face at ${steps}, not $${word}", with: "")
    )
    #expect(declared["m"]?.parameters["target"]?.string?.unicodeScalars.elementsEqual(text.unicodeScalars) == true)
  }

  @Test func numbersThatAreNone() throws {
    #expect(
      try folder.errors(recipe.replacing("rate: 0.5", with: "rate: .inf")) == """
        r.yaml:2:41: error: the value of parameter 'rate' must be a finite number, not .inf
           2 | params: { word: angry, steps: 40, rate: .inf, fast: false, layers: [1, 2], which: base, none: null }
             |                                         ^
        """)
    for overlay in [
      "rate=1e400", "rate=-1e400", "rate=.nan", "rate=.inf", "steps=99999999999999999999", "layers=[1e400]",
    ] {
      let errors = try folder.errors(recipe, set: [overlay])
      #expect(errors.hasPrefix("--set:1:"), "\(overlay): \(errors)")
    }
    #expect(try folder.errors(recipe, set: ["steps=99999999999999999999"]).contains("whole numbers go from "))
    #expect(try folder.errors(recipe, set: ["none=.nan"]).hasPrefix("--set:1:6: error: "))
  }

  /// Any text at any parameter is taken or refused where it stands.
  @Test func anyTextAtAnyParameter() throws {
    var random = SeededGenerator(seed: 11)
    let pieces = [
      "0", "1", "9", "-", "+", ".", "e", "E", "x", "o", "_", "9223372036854775807", "9223372036854775808", "1e308",
      "1e309",
      ".inf", ".nan", "true", "null", "~", "\u{301}", "\u{600}", "\u{661}", "é", "$", "${", "}", "${rate}", "[", "]",
      ",", "{",
      "a", "*", "?", "/", "..", " ", "\u{85}", "\u{2028}", "\\", "0x8000000000000000", "%",
    ]
    for _ in 0..<400 {
      let text = (0..<Int.random(in: 1...5, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
        .joined()
      // Quoted by JSON's rules, which are YAML's.
      let quoted = String(decoding: JSON.string(text).bytes, as: UTF8.self)
      for scalar in [quoted, text.contains(/[\n:#{}\[\],&*!|>'"%@`?]/) ? quoted : text] {
        let errors = try folder.errors(
          """
          recipe: r
          params: { rate: 0.5, any: \(scalar) }
          stages:
            base: { load: { diffusion: base.pt } }
            p: { load: { images: \(scalar), size: \(scalar) } }
            q: { load: { images: faces/*.png } }
            l: { invert: { images: q, model: base, steps: \(scalar), return_step: "${any}" } }
            m:
              finetune:
                { model: base, latents: l, target: \(scalar), rate: \(scalar), efficient: \(scalar), schedule: \(scalar),
                  layers: [\(scalar)], losses: { a: \(scalar) } }
            k: { metric: { images: q, measures: [mae] }, expect: { mae: \(scalar) } }
          """)
        #expect(errors == "no errors" || errors.hasPrefix("r.yaml:"), "\(scalar): \(errors)")
        let set = try folder.errors(recipe, set: ["word=\(text)", "steps=\(text)", "rate=\(text)", "layers=\(text)"])
        #expect(set == "no errors" || set.hasPrefix("--set:") || set.hasPrefix("r.yaml:"), "\(text): \(set)")
      }
    }
  }

  @Test func overlaysAreTypedLikeWhatTheyReplace() throws {
    let overlays = ["word=1980", "steps=10", "rate=1", "fast=true", "layers=[3]", "none=7"]
    let plan = try folder.plan(recipe, set: overlays)
    #expect(
      plan.overlays == [
        "word": .string("1980"), "steps": .int(10), "rate": .double(1), "fast": .bool(true),
        "layers": .list([.int(3)]), "none": .int(7),
      ])
    #expect(plan.parameters["word"] == .string("1980"))
    #expect(plan["m"]?.parameters["target"]?.string == "1980 face at 10, not ${word}")
    #expect(plan["l"]?.parameters["return_step"]?.int == 7)
  }

  @Test func wrongOverlays() throws {
    let overlays = ["wrod=a", "steps=0.5", "fast=yes", "layers=3", "rate=", "which", "word=a", "word=b", "color=red"]
    #expect(
      try folder.errors(recipe, set: overlays) == """
        --set:1:1: error: the recipe has no parameter 'wrod'
           1 | wrod=a
             | ^
             help: did you mean 'word'?
        --set:2:7: error: 'steps' is a whole number in the recipe, and '0.5' is not
           2 | steps=0.5
             |       ^
             help: to allow fractions, give it one in the recipe: 40.0
        r.yaml:2:31: note: the value of 'steps' is from here
           2 | params: { word: angry, steps: 40, rate: 0.5, fast: false, layers: [1, 2], which: base, none: null }
             |                               ^
        --set:3:6: error: 'fast' is true or false in the recipe, and 'yes' is not
           3 | fast=yes
             |      ^
             help: write fast=true
        r.yaml:2:52: note: the value of 'fast' is from here
           2 | params: { word: angry, steps: 40, rate: 0.5, fast: false, layers: [1, 2], which: base, none: null }
             |                                                    ^
        --set:4:8: error: 'layers' is a list of whole numbers in the recipe, and '3' is not
           4 | layers=3
             |        ^
        r.yaml:2:67: note: the value of 'layers' is from here
           2 | params: { word: angry, steps: 40, rate: 0.5, fast: false, layers: [1, 2], which: base, none: null }
             |                                                                   ^
        --set:5:6: error: 'rate' is a number in the recipe, and '' is not
           5 | rate=
             |      ^
        r.yaml:2:41: note: the value of 'rate' is from here
           2 | params: { word: angry, steps: 40, rate: 0.5, fast: false, layers: [1, 2], which: base, none: null }
             |                                         ^
        --set:6:1: error: '--set which' gives no value
           6 | which
             | ^
             help: write --set name=value
        --set:8:1: error: 'word' is set twice
           8 | word=b
             | ^
        --set:9:1: error: the recipe has no parameter 'color'
           9 | color=red
             | ^
             help: its parameters are word, steps, rate, fast, layers, which, none
        """)
  }

  @Test(arguments: [
    ("steps=3.0", "'steps' is a whole number in the recipe, and '3.0' is not", "write steps=3"),
    ("layers=[1", "'layers' is a list of whole numbers in the recipe, and '[1' is not a closed list", nil),
    (
      "layers=[1,a]", "'layers' is a list of whole numbers in the recipe, and 'a' in '[1,a]' is not a whole number", nil
    ),
  ])
  func wrongOverlay(overlay: String, message: String, help: String?) throws {
    let lines = try folder.errors(recipe, set: [overlay]).split(separator: "\n").map(String.init)
    #expect(lines.first?.hasSuffix(": error: \(message)") == true)
    #expect(help == nil || lines.contains("     help: \(help ?? "")"))
  }

  @Test func errorAtTheUsePointsToTheValue() throws {
    let recipe = """
      recipe: r
      params: { size: 4 }
      stages:
        p: { load: { images: faces/*.png, size: "${size}" } }
      """
    #expect(
      try folder.errors(recipe) == """
        r.yaml:4:43: error: 'size' of 'load' must be a whole number from 8 to 1024, not 4
           4 |   p: { load: { images: faces/*.png, size: "${size}" } }
             |                                           ^
        r.yaml:2:17: note: the value of 'size' is from here
           2 | params: { size: 4 }
             |                 ^
        """)
    #expect(
      try folder.errors(recipe, set: ["size=2000"]) == """
        r.yaml:4:43: error: 'size' of 'load' must be a whole number from 8 to 1024, not 2000
           4 |   p: { load: { images: faces/*.png, size: "${size}" } }
             |                                           ^
        --set:1:6: note: 'size' is set here
           1 | size=2000
             |      ^
        """)
  }

  @Test func wrongUses() throws {
    let recipe = """
      recipe: r
      params: { sizes: [8, 16], name: a }
      stages:
        p: { load: { images: "faces/${nmae}.png", size: "${bigness}", sha256: "${" } }
        q: { load: { images: "faces/${sizes}.png" } }
        "${name}": { load: { images: faces/a.png } }
      """
    #expect(
      try folder.errors(recipe) == """
        r.yaml:4:24: error: unknown parameter '${nmae}'
           4 |   p: { load: { images: "faces/${nmae}.png", size: "${bigness}", sha256: "${" } }
             |                        ^
             help: did you mean '${name}'?
        r.yaml:4:51: error: unknown parameter '${bigness}'
           4 |   p: { load: { images: "faces/${nmae}.png", size: "${bigness}", sha256: "${" } }
             |                                                   ^
             help: declare it: 'params: {bigness: value}'
        r.yaml:4:73: error: '${' has no '}'
           4 |   p: { load: { images: "faces/${nmae}.png", size: "${bigness}", sha256: "${" } }
             |                                                                         ^
             help: write $${ for the text '${'
        r.yaml:5:24: error: '${sizes}' is a list of whole numbers and has no place inside a text
           5 |   q: { load: { images: "faces/${sizes}.png" } }
             |                        ^
        r.yaml:2:18: note: the value of 'sizes' is from here
           2 | params: { sizes: [8, 16], name: a }
             |                  ^
        r.yaml:6:3: error: '${name}' cannot name a stage
           6 |   "${name}": { load: { images: faces/a.png } }
             |   ^
             help: names are made of letters, digits, '_' and '-', and start with a letter or '_'
        """)
  }

  @Test func wrongDefinitionsDoNotMakeTheirUsesWrong() throws {
    let recipe = """
      recipe: r
      params:
        size: 16
        name: "${size}"
        map: { a: 1 }
        a b: 3
      stages:
        p: { load: { images: "faces/${name}.png", size: "${size}" } }
        q: { load: { images: "faces/a.png", size: "${map}" } }
      """
    #expect(
      try folder.errors(recipe) == """
        r.yaml:4:9: error: the value of a parameter cannot use another parameter
           4 |   name: "${size}"
             |         ^
             help: use both where they are needed: "${a} ${b}"
        r.yaml:5:8: error: parameter 'map' must be a value, a list of values, or a sweep, not a mapping
           5 |   map: { a: 1 }
             |        ^
             help: write {sweep: [a, b]} to try several values, or {type: text} to demand one
        r.yaml:6:3: error: 'a b' cannot name a parameter
           6 |   a b: 3
             |   ^
             help: names are made of letters, digits, '_' and '-', and start with a letter or '_'
        """)
  }
}
