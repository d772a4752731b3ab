import Foundation
import Planning
import RecipeSyntax
import StageKit
import Stages
import Testing

/// How recipes give several CLIPs, and what plans say of one that guides and measures.
final class GuidingInputTests {
  private let folder: String

  init() throws {
    folder =
      FileManager.default.temporaryDirectory.appending(path: "guiding-\(UUID().uuidString)")
      .resolvingSymlinksInPath().path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for file in ["base.pt", "a.pt", "b.pt", "p.png"] { try Data().write(to: URL(filePath: "\(folder)/\(file)")) }
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private func plan(_ clip: String, _ more: String = "", measuring: String = "b") throws -> Plan {
    let recipe = """
      recipe: r
      stages:
        base: { load: { diffusion: base.pt } }
        a: { load: { clip: a.pt } }
        b: { load: { clip: b.pt } }
        again: { load: { clip: a.pt } }
        p: { load: { images: [p.png] } }
        l: { invert: { images: p, model: base } }
        m: { finetune: { model: base, latents: l, clip: \(clip), target: zombie } }
        mixed: { sample: { latents: l, models: { m: 0.5, base: 0.5 } } }
        before: { metric: { images: p, reference: p, clip: a, target: zombie, measures: [s_dir] } }
        scores: { metric: { images: mixed, reference: p, clip: \(measuring), target: zombie, measures: [s_dir] } }

      """
    try Data((recipe + more).utf8).write(to: URL(filePath: "\(folder)/r.yaml"))
    return try Planner.plan(recipeAt: "\(folder)/r.yaml", kinds: Catalog.kinds)
  }

  private func errors(_ clip: String) -> String {
    do {
      _ = try plan(clip)
      return "no errors"
    } catch { return "\(error)".replacing("\(folder)/", with: "") }
  }

  private func weights(_ clip: String) throws -> [String: Double]? {
    switch try plan(clip)["m"]?.inputs["clip"] {
    case .one(let reference)?: [reference.stage: 1]
    case .mixture(let mixture)?:
      Dictionary(uniqueKeysWithValues: mixture.segments[0].weights.map { ($0.member.stage, $0.weight) })
    default: nil
    }
  }

  @Test func oneOrSeveral() throws {
    #expect(try weights("a") == ["a": 1] && weights("[a]") == ["a": 1] && weights("{ a: 3 }") == ["a": 1])
    #expect(try weights("[a, b]") == ["a": 0.5, "b": 0.5])
    #expect(try weights("{ a: 3, b: 1 }") == ["a": 0.75, "b": 0.25])
    // One is bound as ever, so that its key stays.
    guard case .one? = try plan("[a]")["m"]?.inputs["clip"] else {
      Issue.record("one of a list is no list")
      return
    }
  }

  @Test(arguments: [
    ("[]", "r.yaml:9:51: error: 'clip' of 'finetune' lists no stage"),
    ("[a, a]", "r.yaml:9:55: error: 'clip' of 'finetune' lists 'a' twice"),
    ("{ a: 1, b: 0 }", "r.yaml:9:62: error: the weight of 'b' in 'clip' of 'finetune' must be above 0, not 0"),
    ("{ a: much }", "r.yaml:9:56: error: the weight of 'a' in 'clip' of 'finetune' must be a number, not the text"),
    ("[a, base]", "r.yaml:9:55: error: 'clip' of 'finetune' takes clip, but 'base' gives diffusion"),
    ("[a, c]", "r.yaml:9:55: error: unknown stage 'c' in 'clip'"),
  ]) func wrongOnes(_ clip: String, _ expected: String) {
    #expect(errors(clip).hasPrefix(expected), "\(errors(clip))")
  }

  /// A sweep over CLIPs repeats the stage, in a list as alone.
  @Test func sweepsRepeatTheStage() throws {
    let more = "params: { size: { sweep: [300, 400] } }\n"
    try Data("x".utf8).write(to: URL(filePath: "\(folder)/300.pt"))
    try Data("x".utf8).write(to: URL(filePath: "\(folder)/400.pt"))
    let recipe = """
      \(more)recipe: r
      stages:
        base: { load: { diffusion: base.pt } }
        a: { load: { clip: a.pt } }
        s: { load: { clip: "${size}.pt" } }
        p: { load: { images: [p.png] } }
        l: { invert: { images: p, model: base } }
        m: { finetune: { model: base, latents: l, clip: [a, s], target: zombie } }
      """
    try Data(recipe.utf8).write(to: URL(filePath: "\(folder)/s.yaml"))
    let plan = try Planner.plan(recipeAt: "\(folder)/s.yaml", kinds: Catalog.kinds)
    #expect(plan.stages.filter { $0.name == "m" }.map(\.id) == ["m[size=300]", "m[size=400]"])
  }

  /// A plan's file says it, and is read again.
  @Test func plansKeepIt() throws {
    let plan = try plan("{ a: 3, b: 1 }")
    let file = try PlanFile(PlanFile.data(of: plan), kinds: Catalog.kinds, from: "plan.json").plan
    #expect(file["m"]?.inputs == plan["m"]?.inputs)
  }

  @Test func whatGuidesIsNoJudge() throws {
    let note =
      "'scores' measures by the clip that guided 'm': what it guided has learned to please it; measure by another one, too"
    #expect(try plan("b").notes.map(\.message) == [note])
    #expect(try plan("[a, b]").notes.map(\.message) == [note])
    #expect(try plan("a").notes == [])
    // The same file is the same CLIP, whoever loads it.
    let found = try plan("a", measuring: "again").notes
    #expect(found.map(\.message) == [note] && found[0].location.line == 12)
  }
}
