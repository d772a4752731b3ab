import ArgumentParser
import ArtifactStore
import Execution
import Foundation
import Planning
import RecipeSyntax
import StageKit

/// Which recipe, and what to change in it.
struct RecipeOptions: ParsableArguments {
  @Argument(help: "The recipe file.", completion: .file(extensions: ["yaml", "yml"]))
  var recipe: String

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Set a parameter of the recipe anew; may be given several times.", valueName: "name=value"))
  var overlays: [String] = []

  @Option(help: ArgumentHelp("Take the values that the recipe's profile of this name gives.", valueName: "name"))
  var profile: String?

  func plan() throws -> Plan { try plan(recipe) }

  /// The plan of the recipe, or, where it is a folder, of each recipe in it.
  /// - Throws: all that is wrong with any of them.
  func plans() throws -> [Plan] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: recipe, isDirectory: &isFolder), isFolder.boolValue else {
      return [try plan()]
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: recipe).sorted()
      .filter { ["yaml", "yml"].contains(($0 as NSString).pathExtension) }
    guard !names.isEmpty else { throw InputError("\(recipe): no recipe (a file that ends in .yaml) in this folder") }
    var problems = Diagnostics([], sources: [])
    let plans = names.compactMap { name -> Plan? in
      do throws(Diagnostics) { return try plan((recipe as NSString).appendingPathComponent(name)) } catch {
        problems = Diagnostics(problems.errors + error.errors, sources: problems.sources + error.sources)
        return nil
      }
    }
    guard problems.errors.isEmpty else { throw problems }
    return plans
  }

  private func plan(_ file: String) throws(Diagnostics) -> Plan {
    try Planner.plan(recipeAt: file, kinds: Engine.kinds, overlays: overlays, profile: profile)
  }
}

/// Where artifacts are kept.
struct StoreOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The folder of the store; else $DIFFUSIONCLIP_STORE, else .diffusionclip in the recipe's repository.",
      valueName: "folder"))
  var store: String?

  func validate() throws {
    if store?.isEmpty == true { throw ValidationError("--store must name a folder.") }
  }

  func open(
    for plan: Plan, access: Store.Access = .shared, interruption: Interruption? = nil
  ) throws -> Store {
    try Store(at: location(recipe: plan.file), for: access) { interruption?.isRequested ?? false }
  }

  /// The recipe's store, to look at what is in it.
  /// - Throws: `InputError` where there is none.
  func openToRead(for plan: Plan) throws -> Store { try existing(recipe: plan.file, for: .reading) }

  /// The store of the repository around the current folder.
  /// - Throws: `InputError` where there is none.
  func openHere(access: Store.Access) throws -> Store {
    try existing(recipe: FileManager.default.currentDirectoryPath + "/recipe", for: access)
  }

  private func existing(recipe: String, for access: Store.Access) throws -> Store {
    let location = try location(recipe: recipe)
    guard Store.exists(at: location) else {
      throw InputError("there is no store at \(location): run a recipe first, or name another with --store")
    }
    return try Store(at: location, for: access)
  }

  private func location(recipe: String) throws -> String { try Store.trusted(explicit: store, recipe: recipe) }
}

/// Which shared cache to use.
struct CacheOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A cache that others share, by the HTTP protocol of Bazel's remote cache; else $DIFFUSIONCLIP_CACHE.",
      valueName: "url"))
  var cache: String?

  /// - Throws: `ValidationError`.
  func settings(mode: CacheSettings.Mode? = nil, trust: CacheSettings.Trust? = nil) throws -> CacheSettings? {
    do { return try CacheSettings(url: cache, mode: mode, trust: trust) } catch let error as InputError {
      throw ValidationError("\(error)")
    }
  }

  /// The same where nothing can be done without.
  func neededSettings(trust: CacheSettings.Trust? = nil) throws -> CacheSettings {
    guard let settings = try settings(trust: trust) else {
      throw ValidationError("Missing the cache: name it with --cache or in DIFFUSIONCLIP_CACHE.")
    }
    return settings
  }
}

extension CacheSettings.Mode: ExpressibleByArgument {}
extension CacheSettings.Trust: ExpressibleByArgument {}

/// For whom output is made.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print JSON for programs.")
  var json = false
}
