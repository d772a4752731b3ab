import ArtifactStore
import Foundation
import JSONSyntax
import RecipeSyntax
import Testing

/// The schema takes every recipe of this repository, and refuses broken ones.
struct SchemaTests {
  private static let recipes = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Recipes").path

  private static let schema = Result {
    try JSON(parsing: Data(try Repository("recipe: r").run("schema").output.utf8))
  }

  private func problems(_ recipe: String) throws -> [String] {
    var ignored = Problems()
    let node = try NodeReader.read(SourceText(file: "r.yaml", text: recipe), into: &ignored)
    return Validator(root: try Self.schema.get()).problems(node.json, "recipe")
  }

  @Test func everyCheckedInRecipeIsValid() throws {
    let files = try FileManager.default.subpathsOfDirectory(atPath: Self.recipes).filter { $0.hasSuffix(".yaml") }
    #expect(files.count > 20)
    for file in files {
      let text = try String(contentsOfFile: "\(Self.recipes)/\(file)", encoding: .utf8)
      #expect(try problems(text) == [], "\(file)")
    }
  }

  @Test(arguments: [
    ("invert: { images: p, model: m, retrun_step: 3 }", "recipe.stages.s.invert.retrun_step is not allowed"),
    ("invert: { images: p }", "recipe.stages.s.invert lacks model"),
    ("invert: { images: p, model: m, return_step: 1000 }", "recipe.stages.s.invert.return_step fits nothing"),
    ("finetune: { model: m, latents: l, clip: c, target: 3 }", "recipe.stages.s.finetune.target fits nothing"),
    ("sample: { latents: l, sampler: ddpn }", "recipe.stages.s.sample.sampler fits nothing"),
    ("smaple: { latents: l }", "recipe.stages.s.smaple is not allowed"),
    ("load: { images: a.png }, figure: { rows: [a] }", "recipe.stages.s fits 2 of one"),
    ("use: { images: a }", "recipe.stages.s.use lacks recipe"),
  ])
  func aBrokenStageIsNot(stage: String, problem: String) throws {
    #expect(try problems("recipe: r\nstages: { s: { \(stage) } }").contains(problem))
  }

  @Test func aBrokenRecipeIsNot() throws {
    #expect(try problems("recipe: r") == ["recipe lacks stages"])
    #expect(
      try problems("recipe: r\nstages: {}\nparams: { a: { sweeep: [1] } }\noutput: [a]").sorted()
        == ["recipe.output is not allowed", "recipe.params.a fits nothing"])
  }

  @Test func parametersMayBeExpressions() throws {
    #expect(
      try problems("recipe: r\nstages: { s: { invert: { images: p, model: m, return_step: \"${t}\" } } }") == [])
  }
}

/// As much of JSON Schema as the schema of recipes needs.
private struct Validator {
  let root: JSON

  /// What is wrong with `value`, which stands at `path`.
  func problems(_ value: JSON, _ path: String) -> [String] { problems(value, path, root) }

  private func problems(_ value: JSON, _ path: String, _ schema: JSON) -> [String] {
    if let name = schema["$ref"]?.string?.split(separator: "/").last {
      return root["$defs"]?[String(name)].map { problems(value, path, $0) } ?? ["\(path): no definition \(name)"]
    }
    var found: [String] = []
    if let types = schema["type"].map({ $0.array ?? [$0] }), !types.contains(where: { value.has(type: $0) }) {
      found.append("\(path) has another type")
    }
    if let choices = schema["enum"]?.array, !choices.contains(value) { found.append("\(path) is none of the choices") }
    if let low = schema["minimum"]?.double, let number = value.double, number < low { found.append("\(path) is low") }
    if let high = schema["maximum"]?.double, let number = value.double, number > high {
      found.append("\(path) is high")
    }
    if schema["pattern"]?.string == #"\$\{"#, let text = value.string, !text.contains("${") {
      found.append("\(path) is no expression")
    }
    if let members = value.members {
      let known = schema["properties"]
      for member in members {
        if let schema = known?[member.name] {
          found += problems(member.value, "\(path).\(member.name)", schema)
        } else if schema["additionalProperties"] == .bool(false) {
          found.append("\(path).\(member.name) is not allowed")
        } else if let more = schema["additionalProperties"] {
          found += problems(member.value, "\(path).\(member.name)", more)
        }
      }
      for case let name? in (schema["required"]?.array ?? []).map(\.string) where value[name] == nil {
        found.append("\(path) lacks \(name)")
      }
    }
    if let items = schema["items"] {
      for (index, element) in (value.array ?? []).enumerated() { found += problems(element, "\(path).\(index)", items) }
    }
    if let choices = schema["anyOf"]?.array, !choices.contains(where: { problems(value, path, $0).isEmpty }) {
      found.append("\(path) fits nothing")
    }
    if let choices = schema["oneOf"]?.array {
      let fitting = choices.count { problems(value, path, $0).isEmpty }
      if fitting > 1 { found.append("\(path) fits \(fitting) of one") }
      if fitting == 0 { found.append("\(path) fits none") }
    }
    return found
  }
}

extension JSON {
  fileprivate func has(type: JSON) -> Bool {
    switch (type.string, self) {
    case ("string", .string), ("boolean", .bool), ("null", .null), ("array", .array), ("object", .object),
      ("integer", .int), ("number", .int), ("number", .double):
      true
    default: false
    }
  }
}

extension Node {
  fileprivate var json: JSON {
    switch content {
    case .sequence(let nodes): .array(nodes.map(\.json))
    case .mapping(let entries): .object(entries.map { JSON.Member($0.key.text, $0.value.json) })
    case .scalar(let scalar):
      switch scalar.meaning {
      case .null: .null
      case .bool(let value): .bool(value)
      case .int(let value): .int(value)
      case .double(let value): .double(value)
      case .string: .string(scalar.text)
      }
    }
  }
}
