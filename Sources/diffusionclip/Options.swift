import ArgumentParser
import ArtifactStore
import Engine
import Escaping
import Foundation
import Planning
import RecipeSyntax
import RemoteCache
import Runs
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

/// A time on the command line, such as 90s, 45m or 2h: its seconds.
func duration(_ text: String) throws -> Double {
  let units = [("s", 1.0), ("m", 60), ("h", 3600)]
  for (unit, seconds) in units where text.ends(with: unit) {
    guard let number = Double(text.dropLast()), number > 0, number * seconds <= 1e8 else { break }
    return number * seconds
  }
  throw ValidationError("'\(text)' is no time, such as 90s, 45m or 2h.")
}

/// What to change in a recipe.
struct OverlayOptions: ParsableArguments {
  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Override a parameter of the recipe; may be given several times.", valueName: "name=value"))
  var overlays: [String] = []

  @Option(help: ArgumentHelp("Take the values that the recipe's profile of this name gives.", valueName: "name"))
  var profile: String?
}

/// Which recipe, and what to change in it.
struct RecipeOptions: ParsableArguments {
  @Argument(help: "The recipe file.", completion: .file(extensions: ["yaml", "yml"]), transform: path)
  var recipe: String

  @OptionGroup var changes: OverlayOptions

  func plan() throws -> Plan { try plan(recipe) }

  /// Whether the recipes of a folder are meant.
  var isFolder: Bool { RecipeFolder.isFolder(recipe) }

  /// The plan of the recipe, or, where it is a folder, of each recipe in it.
  /// - Throws: all that is wrong with any of them.
  func plans() throws -> [Plan] {
    guard isFolder else { return [try plan()] }
    let files = try RecipeFolder.files(in: recipe)
    var problems = Diagnostics([], sources: [])
    let plans = files.compactMap { file -> Plan? in
      do throws(Diagnostics) { return try plan(file) } catch {
        problems = Diagnostics(problems.errors + error.errors, sources: problems.sources + error.sources)
        return nil
      }
    }
    guard problems.errors.isEmpty else { throw problems }
    return plans
  }

  private func plan(_ file: String) throws(Diagnostics) -> Plan {
    try Planner.plan(recipeAt: file, kinds: Program.kinds, overlays: changes.overlays, profile: changes.profile)
  }
}

/// Recipes in a folder.
enum RecipeFolder {
  /// The recipe files in a folder, and, if asked for, in the folders in it, by name. Other YAML files are none of ours.
  /// - Throws: `InputError` where there is none.
  static func files(in folder: String, andBelow isDeep: Bool = false) throws -> [String] {
    let files = try found(in: folder.ends(with: "/") ? String(folder.dropLast()) : folder, isDeep)
    guard !files.isEmpty else { throw InputError("\(folder): no recipe (a file that ends in .yaml) in this folder") }
    return files
  }

  /// Whether a file says that it is a recipe: `recipe` is the first word of one of its lines. One that cannot be read may be.
  private static func isRecipe(_ path: String) -> Bool {
    guard let data = (try? Files.read(path)) ?? nil else { return true }
    return data.split(separator: UInt8(ascii: "\n")).contains { line in
      let start = line.drop { " \t{\"'".utf8.contains($0) || $0 >= 0x80 }
      return start.starts(with: "recipe".utf8)
        && start.dropFirst(6).drop { " \"'".utf8.contains($0) }.first == UInt8(ascii: ":")
    }
  }

  static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }

  private static func found(in folder: String, _ isDeep: Bool) throws -> [String] {
    // Hidden files are what editors and file systems leave beside recipes: `.#a.yaml`, `._a.yaml`.
    try Files.entries(in: folder).filter { $0.name.utf8.first != UInt8(ascii: ".") }.sorted { $0.name < $1.name }
      .flatMap { entry -> [String] in
        let path = "\(folder)/\(entry.name)"
        if ["yaml", "yml"].contains(entry.name.fileExtension) { return isRecipe(path) ? [path] : [] }
        // A link to a folder is not followed: it may lead back.
        guard isDeep, (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) == nil else { return [] }
        return isFolder(path) ? try found(in: path, isDeep) : []
      }
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

/// What a run is to be called.
struct LabelOptions: ParsableArguments {
  @Option(help: ArgumentHelp("A name for the run, by which it can be found again.", valueName: "word"))
  var name: String?

  @Option(help: ArgumentHelp("What the run is for.", valueName: "text"))
  var note: String?

  @Option(
    name: .customLong("tag"), parsing: .singleValue,
    help: ArgumentHelp("A tag, which several runs may have; may be given several times.", valueName: "word"))
  var tags: [String] = []

  /// - Throws: `ValidationError`.
  func labels() throws -> RunLabels {
    do { return try RunLabels(name: name, note: note, tags: tags) } catch let error as InputError {
      throw ValidationError("\(error)")
    }
  }
}

/// Where runs are looked for.
struct HistoryOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Where runs are kept: runs in the repository around the current folder by default.", valueName: "folder"),
    transform: path)
  var runs: String?

  func history() throws -> RunHistory {
    try RunHistory(
      at: runs, repository: Store.repository(around: FileManager.default.currentDirectoryPath + "/recipe"))
  }
}

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

/// What computes.
struct DeviceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What computes networks: the processor, graphics cards, or, with auto, a card where a stage fits its memory, else the processor; see devices. Else $DIFFUSIONCLIP_DEVICE, else cpu.",
      valueName: "auto|cpu|gpu|gpu:N"))
  var device: DeviceChoice?

  /// - Throws: `InputError` where the environment names none.
  func choice() throws -> DeviceChoice {
    if let device { return device }
    guard let text = ProcessInfo.processInfo.environment["DIFFUSIONCLIP_DEVICE"], !text.isEmpty else { return .cpu }
    guard let choice = DeviceChoice(text) else {
      throw InputError(
        "DIFFUSIONCLIP_DEVICE is '\(text)', expected auto, cpu, gpu or gpu:N")
    }
    return choice
  }
}

extension RunEnvironment {
  /// What people are told of where a run computes; nil where it could not be otherwise.
  var deviceNotice: String? {
    if !devices.isEmpty { return devices.map { "computes on gpu:\($0.number), \($0.name)" }.joined(separator: "; ") }
    guard device == .auto else { return nil }
    return "computes on the processor: there is no graphics card that can be used, see `devices`"
  }
}

extension DeviceChoice: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
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
