import ArtifactStore
import Foundation
import StageKit
import Stages
import Testing

/// `select`: the best of several models.
struct SelectTests {
  private typealias Member = (label: String, axes: [Axis], type: ArtifactType, items: [(name: String, data: Data)])

  private func epoch(_ number: Int) -> [Axis] { [Axis(name: "epochs", value: .int(number))] }

  private func model(_ number: Int, _ objects: Int = 1) -> Member {
    let items = (0..<objects).map { (name: $0 == 0 ? "" : "base \($0)", data: Data("model \(number).\($0)".utf8)) }
    return ("angry", epoch(number), .diffusion, items)
  }

  private func scores(_ number: Int, _ items: String...) -> Member {
    ("scores", epoch(number), .metrics, items.enumerated().map { ("item \($0)", Data($1.utf8)) })
  }

  private func selecting(
    _ values: [String: Value], models: [Member], scores: [Member]
  ) throws -> BenchContext {
    try BenchContext(
      "select", ["by": .string("s_dir")].merging(values) { $1 },
      inputs: ["models": .swept(models), "scores": .swept(scores)])
  }

  private var three: [Member] {
    [
      scores(3, #"{"s_dir": 0.7, "identity": 0.5}"#, #"{"s_dir": 0.9, "identity": 0.7}"#),
      scores(1, #"{"s_dir": 0.2, "identity": 0.9}"#, #"{"s_dir": 0.2, "identity": 0.9}"#),
      scores(2, #"{"s_dir": 0.6, "identity": 0.8}"#, #"{"s_dir": 0.4, "identity": 0.8}"#),
    ]
  }

  private func taken(_ values: [String: Value]) throws -> String {
    let written = try selecting(values, models: [1, 2, 3].map { model($0) }, scores: three).run()
    return String(decoding: written["model"]?[0].data ?? Data(), as: UTF8.self)
  }

  @Test func theBestByItsMeanIsTaken() throws {
    #expect(try taken([:]) == "model 3.0")
    #expect(try taken(["best": .string("lowest")]) == "model 1.0")
    func conditions(_ text: String) -> [String: Value] {
      ["where": .map([.init(key: "identity", value: .string(text))])]
    }
    #expect(try taken(conditions(">= 0.7")) == "model 2.0")
    #expect(try taken(conditions("> 0.85")) == "model 1.0")
  }

  @Test func theTableSaysWhy() throws {
    let conditions: [String: Value] = ["where": .map([.init(key: "identity", value: .string(">= 0.7"))])]
    let context = try selecting(conditions, models: [1, 2, 3].map { model($0, 2) }, scores: three)
    let written = try context.run()
    // With what it stands on.
    #expect(written["model"]?.map(\.data) == [Data("model 2.0".utf8), Data("model 2.1".utf8)])
    let table = try context.table("table")
    #expect(table.header == ["name", "epochs", "s_dir", "identity", "meets", "taken"])
    #expect(
      table.rows == [
        ["angry", "1", "0.2", "0.9", "yes", ""], ["angry", "2", "0.5", "0.8", "yes", "yes"],
        ["angry", "3", "0.8", "0.6", "no", ""],
      ])
  }

  @Test func equalsAreTakenInTheirOrder() throws {
    let same = [1, 2].map { scores($0, #"{"s_dir": 0.5}"#) }
    let written = try selecting([:], models: [2, 1].map { model($0) }, scores: same).run()
    #expect(written["model"]?[0].data == Data("model 2.0".utf8))
  }

  @Test func noneThatMeetsTheConditionsIsSaid() throws {
    let conditions: [String: Value] = ["where": .map([.init(key: "identity", value: .string("> 0.95"))])]
    let context = try selecting(conditions, models: [1, 2].map { model($0) }, scores: Array(three[1...]))
    let error = #expect(throws: ResultError.self) { try context.run() }
    #expect(
      error?.description
        == "no model meets 'where': angry[epochs=1]: identity is 0.9, not > 0.95; angry[epochs=2]: identity is 0.8, not > 0.95: ask for less, or for models that do"
    )
  }

  @Test func whatIsNotANumberIsNotTaken() throws {
    let odd = [scores(1, #"{"s_dir": "NaN"}"#), scores(2, #"{"s_dir": 0.1}"#)]
    let written = try selecting([:], models: [1, 2].map { model($0) }, scores: odd).run()
    #expect(written["model"]?[0].data == Data("model 2.0".utf8))
    let none = try selecting([:], models: [model(1)], scores: [odd[0]])
    let error = #expect(throws: ResultError.self) { try none.run() }
    #expect(error?.description == "no model that meets 'where' has a finite mean of 's_dir': measure that of each")
  }

  @Test func scoresBelongToModels() throws {
    let missing = try selecting([:], models: [1, 2, 3].map { model($0) }, scores: Array(three[1...]))
    #expect(
      issue { try missing.run() }
        == "'scores' has none for 'angry[epochs=3]': measure each of the models, and, of several at one place, name the scores as they are named"
    )
    let stray = try selecting([:], models: [model(1)], scores: Array(three[1...]))
    #expect(
      issue { try stray.run() }
        == "'scores[epochs=2]' in 'scores' belongs to none of 'models': give the models that were measured")
  }

  @Test func conditionsAreComparisons() throws {
    let context = try selecting(
      ["where": .map([.init(key: "identity", value: .string("high"))])], models: [model(1)], scores: [three[1]])
    #expect(
      context.issues()
        == ["the condition of 'identity' must be a comparison such as \">= 0.7\", not 'high'"])
  }
}
