import Planning
import StageKit
import Testing

struct ParameterTests {
  private let folder: RecipeFolder

  init() throws { folder = try RecipeFolder("base.pt", "mask.png", "faces/a.png") }

  private let before = """
    base: { load: { diffusion: base.pt } }
    p: { load: { images: faces/*.png } }
    l: { invert: { images: p, model: base, steps: 3 } }

    """

  /// The decoded value of one parameter of a `finetune`.
  private func value(_ name: String, _ text: String) throws -> Value? {
    let line = "m: { finetune: { model: base, latents: l, target: x, \(name): \(text) } }"
    return try folder.plan(stages: before + line)["m"]?.parameters[name]
  }

  /// The error about one parameter of a `finetune`, without the line that it shows.
  private func error(_ name: String, _ text: String) throws -> [String] {
    let line = "m: { finetune: { model: base, latents: l, target: x, \(name): \(text) } }"
    return try folder.errors(stages: before + line).split(separator: "\n").map(String.init)
      .filter { !$0.hasPrefix("   6 |") && !$0.hasPrefix("     |") }
  }

  @Test(
    arguments: [
      ("efficient", "true", .bool(true)), ("rate", "1", .double(1)), ("rate", "1e-3", .double(0.001)),
      ("schedule", "constant", .string("constant")), ("schedule", "null", .string("linear")),
      ("layers", "[1, 12]", .list([.int(1), .int(12)])), ("layers", "[]", .list([])), ("layers", "~", nil),
      ("losses", "{ b: 1, a: 0.5 }", .map(["a": .double(0.5), "b": .double(1)])),
      ("masks", "{ eye: mask.png }", .map(["eye": .string("mask.png")])),
    ] as [(String, String, Value?)])
  func decoded(name: String, text: String, expected: Value?) throws {
    #expect(try value(name, text) == expected)
  }

  @Test func defaultsAreFilledIn() throws {
    let line = "m: { finetune: { model: base, latents: l, target: \"3\" } }"
    let parameters = try #require(try folder.plan(stages: before + line)["m"]?.parameters)
    #expect(
      parameters.values == [
        "target": .string("3"), "rate": .double(1e-5), "efficient": .bool(false), "schedule": .string("linear"),
      ])
  }

  @Test(
    arguments: [
      (
        "efficient", "yes", "r.yaml:6:67: error: 'efficient' of 'finetune' must be true or false, not the text 'yes'",
        "write true"
      ),
      ("rate", "1.5", "r.yaml:6:62: error: 'rate' of 'finetune' must be a number from 0 to 1, not 1.5", nil),
      ("rate", ".nan", "r.yaml:6:62: error: 'rate' of 'finetune' must be a number from 0 to 1, not .nan", nil),
      (
        "rate", "'1'", "r.yaml:6:62: error: 'rate' of 'finetune' must be a number from 0 to 1, not the text '1'",
        "write it without quotes"
      ),
      (
        "schedule", "lineer",
        "r.yaml:6:66: error: 'schedule' of 'finetune' must be one of constant, linear, not the text 'lineer'",
        "did you mean 'linear'?"
      ),
      (
        "layers", "3",
        "r.yaml:6:64: error: 'layers' of 'finetune' must be a list, each a whole number from 0 to 12, not 3",
        "for just one, write [3]"
      ),
      (
        "layers", "[3, 13]",
        "r.yaml:6:68: error: the 2nd of 'layers' of 'finetune' must be a whole number from 0 to 12, not 13", nil
      ),
      (
        "losses", "[1]",
        "r.yaml:6:64: error: 'losses' of 'finetune' must be a mapping from names, each to a number from 0 to 10, "
          + "not a list",
        nil
      ),
      (
        "losses", "{ l1: a }",
        "r.yaml:6:70: error: 'losses.l1' of 'finetune' must be a number from 0 to 10, not the text 'a'", nil
      ),
      (
        "masks", "{ left.eye: mask.png }", "r.yaml:6:65: error: 'left.eye' cannot be a name in 'masks' of 'finetune'",
        "names are made of letters, digits, '_' and '-', and start with a letter or '_'"
      ),
      (
        "masks", "{ eye: [a] }",
        "r.yaml:6:70: error: 'masks.eye' of 'finetune' must be the path of a file, or {url: …, sha256: …}, not a list",
        nil
      ),
    ] as [(String, String, String, String?)])
  func refused(name: String, text: String, message: String, help: String?) throws {
    #expect(try error(name, text) == [message] + (help.map { ["     help: \($0)"] } ?? []))
  }

  @Test func textIsNotGuessed() throws {
    #expect(
      try folder.errors(stages: before + "m: { finetune: { model: base, latents: l, target: 1980 } }") == """
        r.yaml:6:53: error: 'target' of 'finetune' must be a text, not 1980
           6 |   m: { finetune: { model: base, latents: l, target: 1980 } }
             |                                                     ^
             help: to mean it as text, put it in quotes: "1980"
        """)
  }

  @Test func rangesReadWell() {
    #expect(ParameterDeclaration.Kind.int(1...Int.max).expectation == "a whole number of at least 1")
    #expect(ParameterDeclaration.Kind.int(Int.min...Int.max).expectation == "a whole number")
    #expect(ParameterDeclaration.Kind.double(-Double.infinity...0.5).expectation == "a number of at most 0.5")
    #expect(
      ParameterDeclaration.Kind.double(Double.leastNonzeroMagnitude...1).expectation == "a number above 0 and up to 1")
    #expect(
      ParameterDeclaration.Kind.double(Double.leastNonzeroMagnitude...Double.infinity).expectation == "a number above 0"
    )
  }
}
