import Foundation
import Testing

/// Every message about a wrong recipe, whole: `check` says of each recipe in the folder Snapshots what stands in the
/// text beside it, and no more.
///
/// With `DIFFUSIONCLIP_SNAPSHOTS=write` in the environment the texts are written anew instead, to be read before they
/// are checked in.
struct SnapshotTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().resolvingSymlinksInPath()
    .appending(path: "Snapshots")

  private static let isWriting = ProcessInfo.processInfo.environment["DIFFUSIONCLIP_SNAPSHOTS"] == "write"

  /// The names of the recipes; those in sub-folders are only used by these.
  private static let recipes = names.filter { $0.hasSuffix(".yaml") }.sorted()

  private static var names: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
  }

  @Test(arguments: recipes) func theWholeMessage(_ recipe: String) throws {
    let found = try Self.message(of: recipe)
    let snapshot = Self.folder.appending(path: Self.text(beside: recipe))
    if Self.isWriting {
      try Data(found.utf8).write(to: snapshot)
    } else {
      let expected = String(decoding: try Data(contentsOf: snapshot), as: UTF8.self)
      #expect(Self.lines(found) == Self.lines(expected))
    }
  }

  @Test func everyTextHasItsRecipe() {
    let texts = Self.names.filter { $0.hasSuffix(".txt") }
    #expect(Set(texts).subtracting(Self.recipes.map(Self.text(beside:))).isEmpty)
    #expect(Self.recipes.count > 40)
  }

  /// The name of the text with the message about a recipe.
  private static func text(beside recipe: String) -> String { "\(recipe.dropLast(".yaml".count)).txt" }

  private static func lines(_ text: String) -> [Substring] {
    text.split(separator: "\n", omittingEmptySubsequences: false)
  }

  /// What `check` says of a recipe, and a line with the exit status; `<folder>` stands for the path of the folder.
  private static func message(of recipe: String) throws -> String {
    let errors = FileManager.default.temporaryDirectory.appending(path: "snapshot-\(UUID().uuidString)")
    try Data().write(to: errors)
    defer { try? FileManager.default.removeItem(at: errors) }
    let process = Process()
    // The program lies beside the tests.
    process.executableURL = Bundle.main.executableURL?.deletingLastPathComponent().appending(path: "diffusionclip")
    process.arguments = try ["check", recipe] + overlays(in: recipe)
    process.currentDirectoryURL = folder
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    process.waitUntilExit()
    let status = process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0)
    let said = String(decoding: try Data(contentsOf: errors), as: UTF8.self)
    return said.replacing(folder.path, with: "<folder>") + "exit \(status)\n"
  }

  /// The arguments that a recipe's first line asks for: `# --set a=1 --set b=2`.
  private static func overlays(in recipe: String) throws -> [String] {
    let text = String(decoding: try Data(contentsOf: folder.appending(path: recipe)), as: UTF8.self)
    guard let first = lines(text).first, first.hasPrefix("# --set ") else { return [] }
    return first.dropFirst(2).split(separator: " ").map(String.init)
  }
}
