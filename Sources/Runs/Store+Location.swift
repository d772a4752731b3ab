import ArtifactStore
import Escaping
import Foundation
import Planning

/// Where the store of a recipe is, and whether it is to be believed.
extension Store {
  /// The store of a recipe: `explicit`, else `DIFFUSIONCLIP_STORE`, else `.diffusionclip` in the nearest folder around
  /// the recipe that holds `.git`, else beside the recipe.
  public static func location(
    explicit: String?, recipe: String, environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> String {
    if let explicit { return explicit }
    if let named = environment["DIFFUSIONCLIP_STORE"], !named.isEmpty { return named }
    return repository(around: recipe) + "/.diffusionclip"
  }

  /// The nearest folder around `file` that holds `.git`, else the folder of `file`. What came with the program is in
  /// nobody's repository, and maybe where nobody may write: a recipe of it is run as if it lay in the current folder.
  public static func repository(around file: String) -> String {
    let isInstalled = Installation.name(of: file) != nil
    let home = isInstalled ? FileManager.default.currentDirectoryPath : file.parentFolder
    var folder = home
    while folder != "/", !folder.isEmpty {
      if access(folder + "/.git", F_OK) == 0 { return folder }
      folder = folder.parentFolder
    }
    return home
  }

  /// The store of a recipe, as ``location(explicit:recipe:environment:)`` finds it. What nobody named is believed only
  /// where it did not come with the repository.
  /// - Throws: ``StoreError/untrusted(_:reason:)``.
  public static func trusted(
    explicit: String?, recipe: String, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(StoreError) -> String {
    let found = location(explicit: explicit, recipe: recipe, environment: environment)
    let isNamed = explicit != nil || environment["DIFFUSIONCLIP_STORE"].map { !$0.isEmpty } ?? false
    if !isNamed, let reason = try objection(to: found, in: repository(around: recipe)) {
      throw .untrusted(found, reason: reason)
    }
    return found
  }

  /// What lies in a store, or in its folders of records and objects, and belongs to another user: whoever owns a folder
  /// says what is in it.
  private static func foreignPart(of path: String) throws(StoreError) -> String? {
    for part in ["", "actions", "objects"] {
      for entry in try Files.names(in: part.isEmpty ? path : "\(path)/\(part)") {
        let name = part.isEmpty ? entry : "\(part)/\(entry)"
        var status = stat()
        if lstat("\(path)/\(name)", &status) == 0, status.st_uid != geteuid() { return name }
      }
    }
    return nil
  }

  /// Why a store that lies in a repository is not to be taken for the user's own.
  private static func objection(to path: String, in repository: String) throws(StoreError) -> String? {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    if status.st_mode & S_IFMT == S_IFLNK { return "is a symbolic link" }
    if status.st_uid != geteuid() { return "belongs to another user" }
    if let part = try foreignPart(of: path) { return "has '\(part)' in it, which belongs to another user" }
    do {
      let isTracked = try GitIndex(of: repository)?.tracks(path.fileName) ?? false
      return isTracked ? "came with the repository: git tracks it" : nil
    } catch let error as StoreError {
      throw error
    } catch {
      return "may have come with the repository, whose git index cannot be read"
    }
  }
}
