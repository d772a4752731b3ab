import ArtifactStore
import Escaping
import Foundation
import Planning
import StageKit

/// What a run is compared with.
extension RunHistory {
  /// The run of the recipe before this one that has results.
  /// - Throws: `InputError` where there is none; `StoreError`.
  public func run(before run: KeptRun) throws -> KeptRun {
    guard let earlier = try runs(of: run.recipe).first(where: { $0.id < run.id && $0.state.hasResults }) else {
      throw InputError(
        "no earlier run of '\(run.recipe)' with results is in \(path): name another run, --with a revision, or --baseline"
      )
    }
    return earlier
  }

  /// The newest run of a recipe at a commit, best without changes to the work tree.
  /// - Parameter revision: the beginning of a commit's name, a branch or a tag.
  /// - Throws: `InputError` where there is none; `StoreError`.
  public func run(of recipe: String, at revision: String, besides other: KeptRun) throws -> KeptRun {
    guard let commit = GitState.commit(revision, of: repository) else {
      throw InputError(
        "--with \(revision): no commit, branch or tag of that name is in \(repository); give the name of the commit, as "
          + "`git rev-parse \(revision)` prints it")
    }
    let runs = try runs(of: recipe).filter { run in
      run.id != other.id && run.state.hasResults && run.facts["git"]?["commit"]?.string?.begins(with: commit) ?? false
    }
    guard let run = runs.first(where: { $0.facts["git"]?["dirty"] == .bool(false) }) ?? runs.first else {
      let others = try self.runs(of: recipe).filter { $0.id != other.id && $0.state.hasResults }
      let known = others.compactMap { $0.facts["git"]?["commit"]?.string?.prefix(12) }.map(String.init)
      let list = known.uniqued.isEmpty ? "none" : known.uniqued.prefix(6).joined(separator: ", ")
      let isOwn = other.facts["git"]?["commit"]?.string?.begins(with: commit) ?? false
      throw InputError(
        "no \(isOwn ? "other " : "")run of '\(recipe)' with results at the commit \(commit) is in \(path); there are others "
          + "at: \(list)")
    }
    return run
  }

  /// Where the numbers are checked in that a run is held against: beside its recipe.
  /// - Throws: `InputError` where the run is of no recipe that is here.
  public func baselineFile(of run: KeptRun) throws -> String { try baselinePlace(of: run).path }

  /// Writes a run's numbers there.
  /// - Returns: the path of the file.
  /// - Throws: as ``baselineFile(of:)``; `StoreError`.
  public func writeBaseline(of run: KeptRun, withItems: Bool) throws -> String {
    let place = try baselinePlace(of: run)
    try Files.replace(place, with: RunBaseline.data(of: run, withItems: withItems))
    return place.path
  }

  /// The record may have come with a checkout: it names a recipe, and leads nowhere by a link.
  private func baselinePlace(of run: KeptRun) throws -> Place {
    let folder = try Folder(at: repository)
    guard let file = run.facts["file"]?.string, FileName.isInside(file), try Files.status(of: folder[file]) != nil
    else {
      throw InputError("\(run.folder) is of no recipe that is in \(repository): name the file of numbers")
    }
    return folder[Baseline.file(ofRecipe: file)]
  }
}

extension KeptRun.State {
  /// Whether there is what the run was to make, or a part of it.
  public var hasResults: Bool { [.done, .missed, .partial].contains(self) }
}
