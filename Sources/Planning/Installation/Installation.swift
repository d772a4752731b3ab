import Escaping
import Foundation

/// What came with the program: its recipes, and the weights and pictures that they load, in the folders `Recipes` and
/// `Fixtures` of one folder, so that the paths in the recipes hold.
public struct Installation: Sendable, Hashable {
  /// That folder: absolute, without symbolic links.
  public let folder: String
  /// Whether it is a clone in which the program was built, which is the user's own: results lie in it as in any other.
  public let isClone: Bool

  /// That of this program; nil where there is none.
  public static let current = places.first { SourceFinder.fileType($0.recipes) == .folder }

  /// Where it is looked for, by where the program lies: in `../share/diffusionclip`, which is right for what packages,
  /// archives and Python's environments install; and around the `.build` in which the program was built.
  public static let places = Self.places(ofProgram: program)

  static func places(ofProgram program: String?) -> [Installation] {
    guard let program else { return [] }
    let prefix = program.parentFolder.parentFolder
    let installed = Installation(
      folder: (prefix == "/" ? "" : prefix) + "/share/diffusionclip", isClone: false)
    let parts = program.parts(at: "/")
    guard let build = parts.lastIndex(of: ".build") else { return [installed] }
    return [installed, Installation(folder: "/" + parts[..<build].joined(separator: "/"), isClone: true)]
  }

  /// The program's file, without symbolic links.
  private static var program: String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  }

  /// The folder of the recipes.
  public var recipes: String { folder + "/Recipes" }

  /// The folders that belong to it.
  static let parts = ["Recipes", "Fixtures"]

  /// Says that nothing came with the program.
  public static var absence: String {
    let looked = places.map(\.recipes)
    return "no recipes came with this program; "
      + (looked.isEmpty ? "where it lies cannot be told without /proc" : "looked for " + looked.joined(separator: ", "))
  }

  // MARK: Names

  /// What a file is called in every installation: `diffusionclip/Recipes/library/strokes.yaml`. Nil for a file that did
  /// not come with the program, or lies in a clone.
  public static func name(of file: String) -> String? {
    guard let current, !current.isClone, file.begins(with: current.folder + "/") else { return nil }
    return "diffusionclip" + file.dropping(bytes: current.folder.utf8.count)
  }

  /// The path of what a recipe calls `library/NAME`, where that is not beside it; nil for what is called otherwise.
  func library(_ written: String) -> String? {
    Self.namesLibrary(written) ? recipes + "/" + written : nil
  }

  /// Whether a path is one of the library: `library/NAME`, without a way out of it.
  static func namesLibrary(_ written: String) -> Bool {
    let parts = written.parts(at: "/", omittingEmpty: false)
    return parts.count > 1 && parts[0] == "library" && !written.utf8.contains(0)
      && parts.allSatisfy { !["", ".", ".."].contains($0) }
  }
}
