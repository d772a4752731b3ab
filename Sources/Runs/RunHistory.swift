import ArtifactStore
import Escaping
import Foundation
import JSONSyntax
import RecipeSyntax
import StageKit

/// The folder in which the runs of all recipes are kept: `RECIPE/ID/run.json` and the run's files, and in `RECIPE/latest`
/// the ID of the run that ended last. All who look for a run look here.
public struct RunHistory: Sendable {
  /// Where it is.
  public let path: String
  /// The repository of the recipes.
  public let repository: String
  let folder: Folder
  /// The place of the recipes' folders in it.
  private let prefix: String

  /// - Parameters:
  ///   - folder: a folder of runs, which may be reached by a link; nil for `runs` in the repository.
  ///   - repository: a folder in which no link is followed.
  /// - Throws: `StoreError`.
  public init(at folder: String?, repository: String) throws(StoreError) {
    self.repository = repository
    self.folder = try Folder(at: folder ?? repository)
    prefix = folder == nil ? "runs" : ""
    path = folder ?? repository + "/runs"
  }

  private func content(_ name: String) -> KeptRun.Content {
    KeptRun.Content(folder: folder, name: prefix.isEmpty ? name : "\(prefix)/\(name)")
  }

  // MARK: Looking

  /// The names of the folders of recipes, sorted: those that have a run.
  /// - Throws: `StoreError`.
  public func recipes() throws(StoreError) -> [String] {
    let place = prefix.isEmpty ? Place(folder.path) : folder[prefix]
    return try Files.names(in: place).filter { !$0.begins(with: ".") && hasRuns($0) }
  }

  private func hasRuns(_ recipe: String) -> Bool { (try? !Self.entries(of: content(recipe)).isEmpty) ?? false }

  /// The runs of a recipe, the newest first.
  /// - Throws: `StoreError`.
  public func runs(of recipe: String) throws(StoreError) -> [KeptRun] { try Self.runs(in: content(recipe), recipe) }

  /// The runs of all recipes, the newest first. A folder that cannot be looked at has none.
  /// - Throws: `StoreError`.
  public func runs() throws(StoreError) -> [KeptRun] {
    try recipes().flatMap { (try? runs(of: $0)) ?? [] }.sorted { ($1.id, $1.recipe) < ($0.id, $0.recipe) }
  }

  /// The run of a recipe that ended last; nil where none did.
  /// - Throws: `StoreError`.
  public func latest(of recipe: String) throws(StoreError) -> KeptRun? { try Self.latest(in: content(recipe), recipe) }

  /// The latest run of a recipe that has results; where none has, the one that ended last.
  private static func latestWithResults(
    in content: KeptRun.Content, _ recipe: String
  ) throws(StoreError) -> KeptRun? {
    let last = try latest(in: content, recipe)
    if last?.state.hasResults ?? true { return last }
    return try runs(in: content, recipe).first { $0.state.hasResults } ?? last
  }

  /// Sees that no other run of a recipe is called `name`.
  /// - Parameters:
  ///   - recipe: the name of its folder.
  ///   - run: the one that is to be called so; nil for a new one.
  /// - Throws: `InputError`; `StoreError`.
  public func requireFree(name: String, in recipe: String, for run: KeptRun? = nil) throws {
    guard let other = try runs(of: recipe).first(where: { $0.name?.isSame(as: name) ?? false && $0.id != run?.id })
    else { return }
    throw InputError(
      "\(other.recipe)/\(other.id) is called '\(name)' already: choose another name, or give that run another one with "
        + "`diffusionclip runs tag \(other.recipe)/\(other.id) --name WORD`")
  }

  /// What is in a recipe's folder: IDs, and nil for a run of the old form, which lies in the folder itself.
  private static func entries(of content: KeptRun.Content) throws(StoreError) -> [RunID?] {
    let names = try Files.names(in: content.place)
    return names.compactMap { RunID($0) } + (names.contains(KeptRun.record) ? [nil] : [])
  }

  static func runs(in content: KeptRun.Content, _ recipe: String) throws(StoreError) -> [KeptRun] {
    try entries(of: content).map { run($0, in: content, recipe) }.sorted { $1.id < $0.id }
  }

  private static func run(_ id: RunID?, in content: KeptRun.Content, _ recipe: String) -> KeptRun {
    let name = [content.name, id?.text ?? ""].filter { !$0.isEmpty }.joined(separator: "/")
    return KeptRun(at: KeptRun.Content(folder: content.folder, name: name), recipe: recipe, id: id)
  }

  /// What `latest` names, else the newest that has ended.
  private static func latest(in content: KeptRun.Content, _ recipe: String) throws(StoreError) -> KeptRun? {
    if let named = RecipeRuns.latest(content["latest"]), try Files.status(of: content["\(named)/run.json"]) != nil {
      return run(named, in: content, recipe)
    }
    let runs = try runs(in: content, recipe)
    return runs.first { $0.state.hasEnded } ?? runs.first
  }

  /// What the folder of a recipe's runs is called.
  public func folderName(of recipe: String) -> String {
    FileName.isInside(recipe) && !recipe.has("/") && hasRuns(recipe) ? recipe : FileName.safe(recipe)
  }

  // MARK: Finding

  /// What people may call a run by, for help.
  public static let nameHelp =
    "A run: its recipe (the latest run with results), RECIPE/latest (the run that ended last), RECIPE/previous, RECIPE/ID, its ID or the beginning of that, a tag, its name, or its folder."

  /// The run that somebody means.
  /// - Parameter name: a run's folder or the `run.json` in it, or the folder of a recipe's runs; a recipe, for its latest
  ///   run with results; an ID or its beginning, a tag or a name, of which the newest run counts; or these behind `RECIPE/`.
  /// - Throws: `InputError` where that is none, or several; `StoreError`.
  public func run(called name: String) throws -> KeptRun {
    if let run = try Self.run(atPath: name) { return run }
    let parts = name.parts(at: "/", maxSplits: 1, omittingEmpty: false)
    let recipe = folderName(of: name)
    if hasRuns(recipe), let run = try Self.latestWithResults(in: content(recipe), recipe) { return run }
    if parts.count == 2 {
      let folder = folderName(of: parts[0])
      if hasRuns(folder) {
        if parts[1] == "latest", let run = try latest(of: folder) { return run }
        if parts[1] == "previous", let run = try Self.latestWithResults(in: content(folder), folder) {
          return try self.run(before: run)
        }
        if let run = try Self.chosen(parts[1], among: runs(of: folder)) { return run }
      }
    } else if let run = try Self.chosen(name, among: runs()) {
      return run
    }
    throw InputError(
      "\(name) is no run: name a recipe, an ID or a tag, as `diffusionclip runs list` shows them, or the folder of a run"
        + (Files.isThere(path) ? "" : "; there is no folder \(path), name another with --runs"))
  }

  /// A run by its path; nil where there is none.
  private static func run(atPath path: String) throws -> KeptRun? {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return nil }
    guard isFolder.boolValue else {
      let folder = path.parentFolder
      return path.fileName == KeptRun.record ? try run(atPath: folder.isEmpty ? "." : folder) : nil
    }
    var named = path
    while named.utf8.count > 1, named.ends(with: "/") { named.removeLast() }
    let content = KeptRun.Content(folder: try Folder(at: named), name: "")
    if try Files.status(of: content[KeptRun.record]) != nil {
      let id = RunID(named.fileName)
      let recipe = id == nil ? named.fileName : named.parentFolder.fileName
      let run = KeptRun(at: content, recipe: recipe, id: id)
      return run.facts["recipe"] == nil && run.facts["artifacts"] == nil && id == nil ? nil : run
    }
    return try latestWithResults(in: content, named.fileName)
  }

  private static func chosen(_ word: String, among runs: [KeptRun]) throws -> KeptRun? {
    if let run = try only(runs.filter { $0.id.isSame(as: word) }, word) { return run }
    if word.utf8.count >= 4, word.utf8.allSatisfy({ RunID.isDigit($0) || $0 == UInt8(ascii: "-") }),
      let run = try only(runs.filter { $0.id.begins(with: word) }, word)
    {
      return run
    }
    for named in [{ $0.tags.contains { $0.isSame(as: word) } }, { $0.name?.isSame(as: word) ?? false }]
      as [(KeptRun) -> Bool]
    {
      let found = runs.filter(named)
      // Of one recipe's runs the newest counts: a tag goes along with what is new.
      if Set(found.map(\.recipe)).count == 1 { return found[0] }
      if let run = try only(found, word) { return run }
    }
    return nil
  }

  private static func only(_ runs: [KeptRun], _ word: String) throws -> KeptRun? {
    guard runs.count > 1 else { return runs.first }
    let names = Suggestion.list(runs.map { "\($0.recipe)/\($0.id)" }, upTo: 5)
    throw InputError("\(word) is the name of \(runs.count) runs: say which, of \(names)")
  }
}
