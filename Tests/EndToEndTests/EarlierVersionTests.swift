import Foundation
import JSONSyntax
import Testing

/// What an earlier version left is of use to this one, as Documentation/compatibility.md has it.
struct EarlierVersionTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Earlier").path

  /// Its recipe, pictures, store and run.
  private func repository() throws -> Repository {
    let repository = try Repository("", faces: [])
    for (from, to) in [
      ("kept.yaml", "kept.yaml"), ("plan.json", "plan.json"), ("before", "before"), ("after", "after"),
      ("store", ".diffusionclip"), ("results", "runs"),
    ] {
      try FileManager.default.copyItem(atPath: "\(Self.folder)/\(from)", toPath: repository.path(to))
    }
    return repository
  }

  @Test func itsStoreIsWholeAndItsRunIsListed() throws {
    let repository = try repository()
    let verified = try repository.run("verify")
    #expect(verified.status == 0 && verified.output.contains("12 actions: all is well"), "\(verified)")
    let listed = try repository.run("runs", "list", "--json").lines[0].array ?? []
    #expect(listed.count == 1 && listed.first?["recipe"] == "kept" && listed.first?["state"] == "done", "\(listed)")
    let shown = try repository.run("runs", "show", "kept")
    #expect(
      shown.status == 0 && shown.output.contains("scores.mae   0.3078") && shown.output.contains("expected > 0.1"),
      "\(shown)")
  }

  /// Why all is computed again is said, the results are the same, and both runs can be compared.
  @Test func itsRecipeRunsAndIsComparedWithItsRun() throws {
    let repository = try repository()
    let plan = try repository.run("plan", "kept.yaml")
    #expect(plan.status == 0 && plan.output.contains("numerics revision 3 → "), "\(plan)")
    let objects = try repository.run("verify", "--json").lines[0]["objects"]?.int ?? 0
    #expect(try repository.run("run", "kept.yaml").status == 0)
    // The pictures, noise and numbers are, byte by byte, what they were.
    let verified = try repository.run("verify", "--json").lines[0]
    #expect(verified["actions"] == 24 && (verified["objects"]?.int ?? 99) <= objects + 2, "\(verified)")
    let ids = repository.names(in: "runs/kept").filter { $0 != "latest" }
    #expect(ids.count == 2)
    let numbers = try repository.run("compare", "kept/\(ids[0])", "kept", "--json").lines[0]["numbers"]?.array ?? []
    #expect(numbers.count == 2)
    for number in numbers {
      let values = number["values"]?.array ?? []
      #expect(values.count == 2 && values[0] == values[1], "\(number)")
    }
    let removed = try repository.run("runs", "remove", "kept/\(ids[0])")
    #expect(removed.status == 0, "\(removed)")
    #expect(try repository.run("gc").status == 0)
    #expect(try repository.run("show", "kept.yaml", "table").status == 0)
  }

  @Test func itsPlanIsRefused() throws {
    let repository = try repository()
    let outcome = try repository.run("exec", "--plan", "plan.json", "--action", "table")
    #expect(
      outcome.status == 2 && outcome.errors.contains("a plan of another version of diffusionclip: make it again"),
      "\(outcome)")
  }
}
