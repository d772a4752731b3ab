import Foundation
import Imaging
import Planning
import RecipeSyntax
import StageKit
import Stages
import Testing

/// Numbers of every size for every parameter of every kind: a recipe with them is planned or refused, and nothing traps.
struct ExtremesTests {
  private static let numbers = [
    "0", "1", "-1", "2", "7", "63", "64", "65", "4097", "1000001", "9223372036854775807", "-9223372036854775808",
    "9223372036854775808", "1e30", "-1e30", "1e308", "1e-320", "0.5", "-0.0", ".inf", "-.inf", ".nan", "1e999", "''",
  ]

  /// The spellings of a parameter's value that are tried; none for one without numbers.
  private static func samples(of kind: ParameterDeclaration.Kind) -> [String] {
    switch kind {
    case .int(let range): numbers + ["\(range.lowerBound)", "\(range.upperBound)"]
    case .double(let range): numbers + ["\(range.lowerBound)", "\(range.upperBound)"]
    case .size:
      numbers.flatMap { [$0, "[\($0), 64]", "[64, \($0)]", "[\($0)]", "[\($0), \($0), \($0)]"] }
    case .list(let element):
      samples(of: element).flatMap { ["[\($0)]", "[\(Array(repeating: $0, count: 40).joined(separator: ", "))]"] }
    case .map(let element): samples(of: element).map { "{a: \($0)}" }
    case .scalar, .word: numbers
    case .bool, .string, .choice, .path: []
    }
  }

  /// What a stage of each kind needs beside the parameter that is tried.
  private static let stages: [String: String] = [
    "load": "images: 'p.png'", "align": "images: pictures, detector: detector", "crop": "images: pictures",
    "paste": "into: pictures, images: cut, placements: cut.placements", "synthesize": "count: 1",
    "train": "images: pictures, network: diffusion, steps: 1",
    "perturb": "images: pictures", "invert": "images: pictures, model: base",
    "finetune": "model: base, latents: latents, clip: clip, target: x", "sample": "latents: latents, model: base",
    "guide": "model: base, latents: latents, clip: clip, target: x", "mask": "images: pictures, box: [0, 0, 8, 8]",
    "metric": "images: pictures, reference: pictures, measures: [mae, ssim]",
    "distance": "images: pictures, reference: pictures, perceptual: perceptual", "cost": "of: {it: pictures}",
    "select": "models: [base], scores: [scores], by: mae", "figure": "rows: [pictures]",
    "plot": "curves: [scores], x: step", "table": "rows: [scores], intervals: t",
    "survey": "first: [pictures], second: [pictures], names: [a, b]",
    "tally": "key: questions.key, votes: [questions.key]", "script": "command: [sh], outputs: {t: table}",
  ]

  private static let others = """
      pictures: { synthesize: { count: 2, size: 16 } }
      cut: { crop: { images: pictures } }
      base: { train: { images: pictures, network: diffusion, steps: 1 } }
      clip: { train: { images: pictures, table: pictures.table, network: clip, steps: 1 } }
      perceptual:
        { train: { images: pictures, table: pictures.table, network: perceptual, attributes: [age], steps: 1 } }
      detector: { load: { detector: "p.png" } }
      latents: { perturb: { images: pictures } }
      scores: { metric: { images: pictures, reference: pictures, measures: [mae] } }
      questions: { survey: { first: [pictures], second: [pictures], names: [a, b] } }
    """

  @Test(arguments: Catalog.kinds.map(\.name)) func everyNumberIsTakenOrRefused(name: String) throws {
    let kind = try #require(Catalog.kinds.first { $0.name == name })
    let needed = try #require(Self.stages[name], "what does a stage of '\(name)' need?")
    let folder = NSTemporaryDirectory() + "extremes-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Image(width: 1, height: 1, color: .white).pngData().write(to: URL(filePath: "\(folder)/p.png"))
    var taken = 0
    for parameter in kind.parameters {
      for sample in Self.samples(of: parameter.kind) {
        let rest = needed.components(separatedBy: ", ").filter { !$0.hasPrefix("\(parameter.name):") }
        let body = (rest + ["\(parameter.name): \(sample)"]).joined(separator: ", ")
        try "recipe: r\nstages:\n\(Self.others)\n  it: { \(name): { \(body) } }\n"
          .write(toFile: "\(folder)/r.yaml", atomically: false, encoding: .utf8)
        do throws(Diagnostics) {
          let plan = try Planner.plan(recipeAt: "\(folder)/r.yaml", kinds: Catalog.kinds)
          _ = plan.problemsAhead()
          taken += 1
        } catch { #expect(!error.errors.isEmpty) }
      }
    }
    #expect(taken > 0 || kind.parameters.allSatisfy { Self.samples(of: $0.kind).isEmpty })
  }

  private func run(_ kind: String, _ values: [String: Value], _ inputs: [String: BenchContext.Input]) -> String? {
    do {
      try BenchContext(kind, values, inputs: inputs).run()
      return nil
    } catch { return "\(error)" }
  }

  /// Pictures too small for a network's levels, and networks too large for any machine.
  @Test func networksThatCannotBeAreRefused() throws {
    let world = try BenchContext("synthesize", ["count": .int(2), "size": .int(24)]).run()
    let inputs: [String: BenchContext.Input] = [
      "images": .one(.images, world["images"] ?? []), "table": .one(.table, world["table"] ?? []),
      "labels": .one(.images, world["labels"] ?? []),
    ]
    func trained(_ network: String, _ values: [String: Value] = [:]) -> String? {
      let usual: [String: Value] = [
        "network": .string(network), "steps": .int(1), "batch_size": .int(1), "attributes": .list([.string("age")]),
      ]
      return run("train", usual.merging(values) { $1 }, inputs)
    }
    #expect(
      trained("classifier")
        == "the pictures are 24×24, but this network needs pictures of sides that are multiples of 16: "
        + "load them with `size`")
    #expect(trained("perceptual") == nil)
    #expect(
      trained("diffusion", ["multipliers": .list(Array(repeating: .int(1), count: 5))])?
        .contains("a resolution of 24 cannot be halved 4 times") == true)
    for values in [["channels": Value.int(1024), "multipliers": .list([.int(64)])], ["channels": .int(200)]] {
      let context = try BenchContext(
        "train", ["network": .string("diffusion"), "steps": .int(1)].merging(values) { $1 }, inputs: inputs)
      #expect(context.issues(["images": [.images]]).isEmpty == (values.count == 1))
    }
    #expect(
      trained("diffusion", ["channels": .int(1024), "multipliers": .list([.int(64)]), "groups": .int(1)])?
        .hasPrefix("the network would have ") == true)
  }
}
