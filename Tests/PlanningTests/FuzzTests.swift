import Foundation
import Planning
import RecipeSyntax
import TestSupport
import Testing

/// Recipes that are mutated at random: each is planned or refused, and in less than a second. A few thousand;
/// `DIFFUSIONCLIP_FUZZ=1000000` makes it a million.
struct FuzzTests {
  private static let count = ProcessInfo.processInfo.environment["DIFFUSIONCLIP_FUZZ"].flatMap { Int($0) } ?? 3000

  private static let seeds = [
    """
    recipe: one
    description: A recipe with most things in it.
    params: { step: { sweep: [300, 400] }, rate: { sweep: [0.1, 0.2] }, target: "clown", layers: [1, 2] }
    zip: [step, rate]
    stages:
      base: { load: { diffusion: base.pt } }
      far: { load: { diffusion: { url: "https://a.org/b.pt", sha256: "\(String(repeating: "a0", count: 32))" } } }
      p: { load: { images: faces/*.png, size: &size 64 } }
      q: { load: { images: [faces/a.png], size: *size } }
      l: { invert: { images: p, model: base, return_step: "${step}", steps: 3 } }
      m:
        finetune: { model: base, latents: l, target: "${target} face", rate: "${rate}", layers: "${layers}" }
        description: it follows
      s: { sample: { latents: l, models: { base: 0.4, m: 0.6 } } }
      t: { sample: { latents: l, models: [{ from: 300, mix: { m: 1 } }, { from: 0, mix: { base: 2 } }], normalize: true } }
      k: { metric: { images: s, reference: p, measures: [mae] }, expect: { mae: "0.020 ± 0.003" } }
      f: { figure: { rows: { before: p, after: "s[step=300,rate=0.1]" } } }
    outputs: [f, "s[step=400]", m.losses]
    """,
    """
    recipe: two
    params: { rounds: 2 }
    stages:
      base: { load: { diffusion: base.pt } }
      p: { load: { images: faces/*.png } }
      z:
        use: { recipe: lib.yaml, images: p, model: base, step: "${round}", word: hi, repeat: "${rounds}", carry: { images: out } }
      f: { figure: { rows: [z.out] } }
    """,
  ]

  private static let library = """
    recipe: lib
    inputs: { images: images, model: diffusion, more: { type: images, optional: true } }
    params: { step: 5, word: { type: text } }
    stages:
      l: { invert: { images: images, model: model, steps: 3, return_step: "${step}" } }
      s: { sample: { latents: l, model: model } }
    outputs: { out: s }
    """

  /// What recipes are made of, to be put in at random.
  private static let pieces = [
    "{", "}", "[", "]", ":", ",", "\n", "  ", "- ", "&a ", "*a", "*size", "${", "}", "${step}", "${a", "\"", "'", "#",
    "|", ">", "!!str ", "sweep", "zip", "use", "repeat", "carry", "inputs", "outputs", "null", "~", ".inf", "-1", "1e9",
    "99999999999999999999", "\t", "\u{0}", "é", "\u{FEFF}", "recipe: lib.yaml", "p[step=300]", "[step=", "]", "..",
    "---\n", "...\n", "%YAML 1.2\n", "? ", "<<: *size\n",
  ]

  @Test func mutatedRecipesArePlannedOrRefused() throws {
    let folder = try RecipeFolder("base.pt", "faces/a.png", "faces/b.png")
    try folder.add("lib.yaml", Data(Self.library.utf8))
    for seed in Self.seeds { _ = try folder.plan(seed) }
    var random = SeededGenerator(seed: 7)
    var slowest = (seconds: 0.0, recipe: "")
    var planned = 0
    let clock = ContinuousClock()
    for _ in 0..<Self.count {
      let recipe = mutated(Self.seeds.randomElement(using: &random) ?? "", using: &random)
      try folder.add("r.yaml", recipe)
      let start = clock.now
      do throws(Diagnostics) {
        _ = try Planner.plan(recipeAt: "\(folder.path)/r.yaml", kinds: TestKinds.all)
        planned += 1
      } catch {
        #expect(!error.errors.isEmpty && !error.description.isEmpty)
      }
      let seconds = (clock.now - start) / .seconds(1)
      if seconds > slowest.seconds { slowest = (seconds, String(decoding: recipe, as: UTF8.self)) }
    }
    #expect(slowest.seconds < 1, "\(slowest.recipe)")
    #expect(planned > 0 && planned < Self.count)
  }

  private func mutated(_ recipe: String, using random: inout SeededGenerator) -> Data {
    var bytes = Array(recipe.utf8)
    for _ in 0..<Int.random(in: 1...6, using: &random) {
      let place = Int.random(in: 0...bytes.count, using: &random)
      let end = min(bytes.count, place + Int.random(in: 0...12, using: &random))
      switch Int.random(in: 0..<5, using: &random) {
      case 0: bytes.removeSubrange(place..<end)
      case 1: bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0...bytes.count, using: &random))
      case 2 where place < bytes.count: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 3 where place < bytes.count: bytes[place] = UInt8.random(in: 0x20...0x7E, using: &random)
      default: bytes.insert(contentsOf: Array((Self.pieces.randomElement(using: &random) ?? "").utf8), at: place)
      }
    }
    return Data(bytes)
  }

  /// What is meant to exhaust memory or time, whole.
  @Test func bombs() throws {
    let folder = try RecipeFolder("base.pt")
    let aliases = (1...9).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1), *a\($0 - 1), *a\($0 - 1), *a\($0 - 1)]\n" }
    let deep = String(repeating: "[", count: 100_000)
    let wide = "recipe: r\nstages: { " + String(repeating: "a: {}, ", count: 50_000) + "}"
    let long = "recipe: r\ndescription: \"" + String(repeating: "x", count: 900_000) + "\"\nstages: {}"
    for text in ["a0: &a0 [x, x, x, x, x]\n" + aliases.joined(), deep, wide, long] {
      let start = threadSeconds()
      // Not `#expect(throws:)`, which would describe fifty thousand errors while the clock runs.
      var refused = false
      do { _ = try folder.plan(text) } catch is Diagnostics { refused = true }
      let time = threadSeconds() - start
      #expect(refused && time < 1)
    }
  }
}

/// Seconds of processor time that this thread has taken: other tests, which run beside it, do not count.
func threadSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
