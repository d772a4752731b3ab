import ArgumentParser
import ArtifactStore
import Engine
import Escaping
import Foundation
import Planning
import RecipeSyntax
import RemoteCache
import StageKit

/// A path on the command line. An empty one is a slip, most likely of a variable in a script: as a name of the current
/// folder, or of `/`, it would be taken for something else.
func path(_ text: String) throws -> String {
  guard !text.isEmpty else { throw ValidationError("a path must not be empty.") }
  return text
}

/// An address on the command line, of which the same holds.
func address(_ text: String) throws -> String {
  guard !text.isEmpty else { throw ValidationError("a URL must not be empty.") }
  return text
}

/// Which recipe, and what to change in it.
struct RecipeOptions: ParsableArguments {
  @Argument(help: "The recipe file.", completion: .file(extensions: ["yaml", "yml"]), transform: path)
  var recipe: String

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Override a parameter of the recipe; may be given several times.", valueName: "name=value"))
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
      // Hidden files are what editors and file systems leave beside recipes: `.#a.yaml`, `._a.yaml`.
      .filter { $0.utf8.first != UInt8(ascii: ".") && ["yaml", "yml"].contains($0.fileExtension) }
    guard !names.isEmpty else { throw InputError("\(recipe): no recipe (a file that ends in .yaml) in this folder") }
    var problems = Diagnostics([], sources: [])
    let plans = names.compactMap { name -> Plan? in
      do throws(Diagnostics) { return try plan(recipe.ends(with: "/") ? recipe + name : "\(recipe)/\(name)") } catch {
        problems = Diagnostics(problems.errors + error.errors, sources: problems.sources + error.sources)
        return nil
      }
    }
    guard problems.errors.isEmpty else { throw problems }
    return plans
  }

  private func plan(_ file: String) throws(Diagnostics) -> Plan {
    try Planner.plan(recipeAt: file, kinds: Program.kinds, overlays: overlays, profile: profile)
  }
}

/// Where artifacts are kept.
struct StoreOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      The folder of the store; else $DIFFUSIONCLIP_STORE, else .diffusionclip in the repository around the recipe, for \
      gc and verify around the current folder; where there is no repository, in that folder itself.
      """,
      valueName: "folder"), transform: path)
  var store: String?

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
      valueName: "url"), transform: address)
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

/// What is taken from a shared cache.
struct FetchOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Which results are taken from the cache; else $DIFFUSIONCLIP_CACHE_TRUST, else all.", valueName: "all|signed|none"
    ))
  var cacheTrust: CacheSettings.Trust?
}

extension CacheSettings.Mode: ExpressibleByArgument {}
extension CacheSettings.Trust: ExpressibleByArgument {}

/// Where a run writes.
struct ResultOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Where results go: runs in the recipe's repository by default.", valueName: "folder"),
    transform: path)
  var runs: String?
}

/// How much an action may compute at once.
struct ThreadOptions: ParsableArguments {
  @Option(help: "How many threads to compute with: one for each processor by default.")
  var threads: Int = ProcessInfo.processInfo.activeProcessorCount

  func validate() throws { try require(threads, in: 1...1024, "--threads") }
}

/// Whether recipes may start programs.
struct ScriptOptions: ParsableArguments {
  @Flag(
    help:
      "Let the recipe's `script` stages start the programs that they name; else $DIFFUSIONCLIP_ALLOW_SCRIPTS=1 does.")
  var allowScripts = false

  /// - Throws: `InputError`.
  func permission() throws -> ProgramPermission { try ProgramPermission(isGiven: allowScripts) }
}

/// - Throws: `ValidationError` where a number is not one that the program can work with.
func require<Number: Comparable>(_ number: Number, in range: ClosedRange<Number>, _ option: String) throws {
  guard range.contains(number) else {
    throw ValidationError("\(option) must be from \(range.lowerBound) to \(range.upperBound).")
  }
}

/// For whom output is made.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print JSON for programs.")
  var json = false
}
