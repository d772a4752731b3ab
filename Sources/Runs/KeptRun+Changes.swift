import ArtifactStore
import Escaping
import Foundation
import JSONSyntax
import StageKit

extension KeptRun {
  /// Gives the run other labels.
  /// - Throws: `StoreError`, or `InputError` where its record cannot be changed.
  public func relabel(_ labels: RunLabels) throws {
    guard state != .unreadable, let members = try ownRecord().members, !members.isEmpty else {
      throw InputError("\(folder)/\(Self.record) cannot be read, so nothing can be added to it")
    }
    let changed: [JSON.Member] = [
      .init("name", .optional(labels.name)), .init("note", .optional(labels.note)),
      .init("tags", .array(labels.tags.map(JSON.string))),
    ]
    // In the place of what was there, or in front of what is long.
    var rest = members.filter { member in !changed.contains { $0.name == member.name } }
    let place = members.firstIndex { member in changed.contains { $0.name == member.name } } ?? min(3, rest.count)
    rest.insert(contentsOf: changed, at: min(place, rest.count))
    try Files.replace(content[Self.record], with: JSON.object(rest).prettyData)
  }

  /// What it is called now.
  public var labels: RunLabels { RunLabels(keeping: name, note: note, tags: tags) }

  // MARK: Removing

  /// Removes what the record says that the run wrote, where it is still as it was written, and then the record: what
  /// somebody added or changed stays.
  /// - Returns: the paths of what is left in the folder.
  /// - Throws: `InputError` for a run that goes on; `StoreError`.
  public func remove() throws -> [String] {
    guard state != .running else {
      throw InputError("the run \(recipe)/\(id) goes on\(host.map { " on \($0)" } ?? ""): end it before you remove it")
    }
    // The page first: whether it is as it was written can be told while its pictures are there.
    for name in files.filter({ $0 == FileName.report }) + files where try isAsWritten(name) {
      try Files.remove(content[name])
      var folder = name.parentFolder
      while !folder.isEmpty, (try? Files.removeFolder(content[folder])) == true { folder = folder.parentFolder }
    }
    // Nobody but the program calls a file so there.
    if RunID(content.path.fileName) != nil {
      try Files.remove(content[Self.events])
      try Files.removeTree(content[Self.failedWork])
      try Files.removeTree(content[Self.previews])
    }
    // A folder of the old form is that of the recipe, in which there may be newer runs.
    if try Files.status(of: content[Self.record]) != nil { try Files.remove(content[Self.record]) }
    guard RunID(content.path.fileName) != nil, (try? Files.removeFolder(content.place)) != true else { return [] }
    return try Files.names(in: content.place).map { "\(folder)/\($0)" }
  }

  private func isAsWritten(_ name: String) throws -> Bool {
    guard let digest = digest(of: name), let data = try? Files.read(content[name]) else { return false }
    if Digest(of: data).hex == digest { return true }
    return name == FileName.report && Digest(of: withPicturesInside(data)).hex == digest
  }

  // MARK: The page

  /// The run's page with its pictures in it.
  /// - Throws: `InputError` where it has none; `StoreError`.
  public func page() throws -> Data {
    guard let page = try file(FileName.report) else { throw InputError("\(folder) has no page \(FileName.report)") }
    return withPicturesInside(page)
  }

  private func withPicturesInside(_ page: Data) -> Data {
    RunPage.withPicturesInside(page, files: files) { (try? file($0)) ?? nil }
  }

  // MARK: What it used

  /// Whether it has a tag, or a record that does not tell.
  public var mayBeTagged: Bool { state == .unreadable || !tags.isEmpty }

  /// The keys of the actions whose results it used.
  /// - Throws: `StoreError`, `JSON.SyntaxError`, or `InputError` where its actions are not listed.
  public func keys() throws -> [Digest] {
    guard let actions = try wholeRecord()["actions"]?.array else {
      throw InputError("no list of its actions is in \(Self.actions) or \(Self.record)")
    }
    return actions.compactMap { $0["key"]?.string.flatMap { Digest(hex: $0) } }
  }

  /// Its recipes as they were written; nil where they are not kept.
  public var texts: RecipeTexts? { ((try? file(RecipeTexts.file)) ?? nil).flatMap(RecipeTexts.init) }

  /// What was measured of single items; nil where that is not kept.
  public var numbers: RunNumbers? { ((try? file(RunNumbers.file)) ?? nil).flatMap(RunNumbers.init) }

  /// What was edited since the run before it.
  public var edits: [RecipeTexts.Edit] {
    (facts["changed"]?["literals"]?.array ?? []).compactMap(RecipeTexts.Edit.init(json:))
  }
}

extension RunHistory {
  /// Removes a run, and lets another be the latest of its recipe where it was that.
  /// - Returns: the paths of what is left in its folder.
  /// - Throws: as ``KeptRun/remove()``.
  public func remove(_ run: KeptRun) throws -> [String] {
    let left = try run.remove()
    guard RunID(run.id) != nil, run.content.path.fileName == run.id else { return left }
    let runs = try run.content.parent
    if RecipeRuns.latest(runs["latest"])?.text == run.id {
      let next = try Self.runs(in: runs, run.recipe).first { $0.state.hasEnded }
      if let next, RunID(next.id) != nil {
        try Files.replace(runs["latest"], with: Data("\(next.id)\n".utf8))
      } else {
        try Files.remove(runs["latest"])
      }
    }
    // The folder of the recipe's runs, where that is one of the history.
    if runs.folder === folder { _ = try? Files.removeFolder(runs.place) }
    return left
  }
}

extension KeptRun.State {
  /// Whether it came to its end, whatever that was.
  public var hasEnded: Bool { ![.running, .killed, .unreadable].contains(self) }
}
