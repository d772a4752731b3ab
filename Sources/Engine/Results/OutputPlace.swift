import ArtifactStore
import Escaping
import Foundation
import JSONSyntax
import Planning
import Runs
import StageKit

/// Where the user wants something written: what can be known of it before the work is said before the work.
public enum OutputPlace {
  /// Makes a folder where there is none, and sees that something can be written into it.
  /// - Parameter option: by what the user names another, such as `--to`.
  /// - Throws: `InputError`.
  public static func requireFolder(_ path: String, option: String) throws {
    guard !path.isEmpty else { throw InputError("\(option) is empty: name a folder") }
    try requireFolder(Place(path), option: option)
  }

  package static func requireFolder(_ folder: Place, option: String) throws {
    let probe = folder[".\(getpid())-\(UInt32.random(in: 0 ... .max)).tmp"]
    do {
      try Files.makeFolder(folder)
      try Files.replace(probe, with: Data())
      try Files.remove(probe)
    } catch {
      // A full disk may have space again by then.
      if case .diskFull = error { return }
      throw InputError(
        "cannot write to the folder \(folder.path): \(reason(error)); choose another with \(option)")
    }
  }

  /// Sees that a file can be written.
  /// - Parameter option: by what the user names it, such as `--junit`.
  /// - Throws: `InputError`.
  public static func requireFile(_ path: String, option: String) throws {
    guard !path.isEmpty else { throw InputError("\(option) is empty: name a file") }
    var status = stat()
    if stat(path, &status) == 0 {
      if status.st_mode & S_IFMT == S_IFDIR { throw InputError("\(option): \(path) is a folder: name a file") }
      guard access(path, W_OK) == 0 else {
        throw InputError("\(option): cannot write \(path): \(String(cString: strerror(errno)))")
      }
      return
    }
    let folder = path.parentFolder
    let parent = folder.isEmpty ? "." : folder
    guard stat(parent, &status) == 0 else {
      throw InputError("\(option): there is no folder \(parent) to write \(path) to: make it first")
    }
    guard access(parent, W_OK | X_OK) == 0 else {
      throw InputError("\(option): cannot write \(path): \(String(cString: strerror(errno)))")
    }
  }

  private static func reason(_ error: StoreError) -> String {
    switch error {
    case .notPermitted: "not permitted"
    case .system(_, let path, let code): "\(path): \(String(cString: strerror(code)))"
    default: "\(error)"
    }
  }
}

/// Where a recipe's runs are kept, each in a folder of its own.
package struct ResultsFolder: Sendable {
  private let plan: Plan
  /// Below it no link is followed.
  private let root: String
  private let name: String
  private let folder: String?

  /// - Parameter folder: where runs are kept; those of a recipe are in a folder in it that is called like the recipe. Nil
  ///   for `runs` in the recipe's repository.
  package init(of plan: Plan, in folder: String?) {
    self.plan = plan
    self.folder = folder
    // A folder that somebody names may be a link; what lies in a repository may have come with it.
    let name = FileName.safe(plan.recipe)
    (root, self.name) = folder.map { ($0, name) } ?? (Store.repository(around: plan.file), "runs/\(name)")
  }

  package var path: String { "\(root)/\(name)" }

  /// The same, as the place that it is.
  package var place: Place { get throws { try Folder(making: root)[name] } }

  /// Begins a run. One of the old form that is here gets a folder of its own.
  /// - Parameter texts: its recipes and programs.
  /// - Throws: `StoreError`.
  package func begin(_ texts: RecipeTexts) throws -> OpenRun {
    let runs = RecipeRuns(at: try place)
    try runs.adopt()
    return try runs.begin(at: GitState(of: Store.repository(around: plan.file)), texts)
  }

  /// Sees that no other run of the recipe is called so.
  /// - Throws: `InputError`; `StoreError`.
  package func requireFree(name: String) throws {
    try RunHistory(at: folder, repository: Store.repository(around: plan.file))
      .requireFree(name: name, in: FileName.safe(plan.recipe))
  }

  /// Whether there is an earlier run, in whatever form.
  package var hasRuns: Bool { (try? RecipeRuns(at: place).hasRuns) ?? false }

  /// Sees, before anything is computed, that the results can be written, and that they do not get among those of another
  /// recipe that is called the same.
  /// - Throws: `InputError`.
  package func require() throws {
    let results: Place
    do { results = try place } catch {
      throw InputError("cannot write to the folder \(path): \(error); choose another with --runs")
    }
    try OutputPlace.requireFolder(results, option: "--runs")
    let latest = try Files.status(of: results["latest"]) == nil ? nil : RecipeRuns(at: results).latest
    let record = latest.map { results["\($0.text)/\(KeptRun.record)"] } ?? results[KeptRun.record]
    guard let data = try Files.read(record), let other = (try? JSON.member("file", of: data))??.string,
      other != plan.fileInRepository
    else { return }
    let file = Store.repository(around: plan.file) + "/" + other
    // A recipe that was moved goes on where it was.
    guard FileName.isInside(other), access(file, F_OK) == 0 else { return }
    throw InputError(
      "\(plan.file) and \(file) are both called '\(plan.recipe)': the runs of the latter are in \(path), and would "
        + "be mixed with those of the former; rename one of them, or choose another folder with --runs")
  }

  /// The same, but leaves no folder behind that was not there.
  /// - Throws: `InputError`.
  package func tryOut() throws {
    var folders = [path]
    while let parent = folders.last?.parentFolder, !parent.isEmpty, parent != "/" { folders.append(parent) }
    let missing = folders.filter { access($0, F_OK) != 0 }
    defer { for folder in missing { rmdir(folder) } }
    try require()
  }
}

extension Run {
  /// As ``ResultsFolder/require()``; and that no other run of the recipe has the name that this is to have.
  /// - Throws: `InputError`.
  public func requireFolder() throws {
    try results.require()
    if let name = labels.name { try results.requireFree(name: name) }
  }

  /// Sees that no two of several runs are kept in the same folder.
  /// - Throws: `InputError`.
  public static func requireDistinct(_ runs: [Run]) throws {
    var seen: [String: Run] = [:]
    for run in runs {
      if let other = seen.updateValue(run, forKey: run.folder) {
        throw InputError(
          "\(other.plan.file) and \(run.plan.file) are both called '\(run.plan.recipe)': their runs would be mixed "
            + "with each other; rename one of them")
      }
    }
  }
}
