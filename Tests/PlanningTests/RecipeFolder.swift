import Foundation
import Planning
import RecipeSyntax
import StageKit
import Testing

/// A folder that holds a recipe and files for it, as long as a test needs it.
final class RecipeFolder {
  let path: String

  init(_ files: String...) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "planning-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    path = folder.resolvingSymlinksInPath().path
    for file in files { try add(file) }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func add(_ file: String, _ data: Data = Data()) throws {
    let url = URL(filePath: "\(path)/\(file)")
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: url)
  }

  /// Plans `recipe` as the file `r.yaml` in this folder.
  func plan(_ recipe: String, set overlays: [String] = [], profile: String? = nil) throws -> Plan {
    try add("r.yaml", Data(recipe.utf8))
    return try Planner.plan(recipeAt: "\(path)/r.yaml", kinds: TestKinds.all, overlays: overlays, profile: profile)
  }

  /// All that is wrong with `recipe`, as it is shown, with this folder's path left out.
  func errors(_ recipe: String, set overlays: [String] = [], profile: String? = nil) throws -> String {
    do {
      _ = try plan(recipe, set: overlays, profile: profile)
      return "no errors"
    } catch let error as Diagnostics {
      return error.description.replacing("\(path)/", with: "").replacing(path, with: ".")
    }
  }

  /// All that is wrong with a recipe of these stages, whose first one is on line 3.
  func errors(stages: String, set overlays: [String] = []) throws -> String {
    try errors("recipe: r\nstages:\n" + stages.split(separator: "\n").map { "  \($0)\n" }.joined(), set: overlays)
  }

  /// The plan of a recipe of these stages.
  func plan(stages: String) throws -> Plan {
    try plan("recipe: r\nstages:\n" + stages.split(separator: "\n").map { "  \($0)\n" }.joined())
  }
}
