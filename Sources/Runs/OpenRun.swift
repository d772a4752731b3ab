import ArtifactStore
import Escaping
import Foundation
import JSONSyntax
import OrderedCollections
import Synchronization

/// A run that goes on: its folder is its own, and locked for as long as this lives.
package final class OpenRun: Sendable {
  package let id: RunID
  package let place: Place
  package let started = Date.now
  /// What is known of other runs of the recipe.
  package let others: RecipeRuns
  /// The run that had ended last when this one began.
  package let before: RunID?
  /// The commit that it began at.
  package let git: GitState?
  /// Its recipes and programs as they were when it began.
  package let texts: RecipeTexts
  /// The digests, in hex, of the files that were written so far, by their names.
  private let written = Mutex<OrderedDictionary<String, String>>([:])
  /// Tells everybody on this machine that the run goes on; nil where the file system has no locks.
  private let lock: FileLock?

  init(_ id: RunID, in runs: RecipeRuns, at git: GitState?, _ texts: RecipeTexts) {
    self.id = id
    self.git = git
    self.texts = texts
    place = runs.place[id.text]
    others = runs
    before = runs.latest
    lock = (try? FileLock.folder(place)).flatMap { $0.isHeld ? $0 : nil }
  }

  /// When it began, in ISO 8601.
  package var date: String { started.ISO8601Format() }

  /// The files that were written so far.
  package var files: OrderedDictionary<String, String> { written.withLock { $0 } }

  /// Where what programs leave that fail is kept.
  package var failedWork: Place { place[KeptRun.failedWork] }

  /// Where actions show how they stand.
  package var previews: Place { place[KeptRun.previews] }

  /// What its record says as long as it goes on.
  package var signs: [JSON.Member] {
    [
      .init("host", .string(HostName.current)), .init("pid", .int(Int(getpid()))), .init("locked", .bool(lock != nil)),
    ]
  }

  // MARK: Writing

  /// In so many runs before this one a file of the same bytes is looked for.
  private static let memory = 8

  /// Writes the run's files. One that the store or an earlier run of the recipe has as well is not written again, but
  /// gets a second name, and nobody may write into any: an editor would change two things.
  package func write(_ files: [(path: String, data: Data)], sharedWith store: Store) throws(StoreError) {
    var earlier = ((try? others.ids()) ?? []).filter { $0 < id }.suffix(Self.memory)
    var known: [String: Place] = [:]
    func sharable(_ digest: String) -> Place? {
      while known[digest] == nil, let run = earlier.popLast() {
        let folder = others.place[run.text]
        guard let data = try? Files.read(folder[KeptRun.record]),
          let digests = (try? JSON.member("digests", of: data))??.members
        else { continue }
        for member in digests where FileName.isInside(member.name) {
          if let text = member.value.string, known[text] == nil { known[text] = folder[member.name] }
        }
      }
      return known[digest]
    }
    for file in files {
      let target = place[file.path]
      let digest = Digest(of: file.data)
      defer { written.withLock { $0[file.path] = digest.hex } }
      if let parent = target.parent { try Files.makeFolder(parent) }
      if try Files.read(target) == file.data { continue }
      if Files.share(store.place(of: digest), as: target, holding: file.data) { continue }
      if let source = sharable(digest.hex), Files.share(source, as: target, holding: file.data) { continue }
      try Files.replace(target, with: file.data, mode: 0o444)
    }
  }

  /// What the run before this one had written in its recipes, and its parameters.
  package var previous: (texts: RecipeTexts?, params: [JSON.Member]) {
    guard let before else { return (nil, []) }
    let folder = others.place[before.text]
    let record = (try? Files.read(folder[KeptRun.record])) ?? nil
    let texts = (try? Files.read(folder[RecipeTexts.file])) ?? nil
    return (
      texts.flatMap(RecipeTexts.init), (record.flatMap { try? JSON.member("params", of: $0) }??.members) ?? []
    )
  }

  /// Takes back a folder in which nothing is.
  package func discardIfEmpty() { _ = try? Files.removeFolder(place) }

  /// Writes the record as it is as long as the run goes on.
  package func note(_ record: JSON) throws(StoreError) {
    try Files.replace(place[KeptRun.record], with: record.prettyData, isDurable: false)
  }

  /// What the run is called by now: somebody may have tagged it while it went on.
  package var labels: RunLabels? {
    guard let data = (try? Files.read(place[KeptRun.record])) ?? nil, let json = try? JSON(parsing: data) else {
      return nil
    }
    return RunLabels(
      keeping: json["name"]?.string, note: json["note"]?.string,
      tags: (json["tags"]?.array ?? []).compactMap(\.string))
  }

  /// Writes the page of a run that has ended.
  package func write(page: Data) throws(StoreError) {
    try Files.replace(place[FileName.report], with: page)
    written.withLock { $0[FileName.report] = Digest(of: page).hex }
  }

  /// Writes the record of a run that has ended, and makes it the latest.
  package func end(_ record: JSON) throws(StoreError) {
    try Files.replace(place[KeptRun.record], with: record.prettyData)
    let last = others.latest
    try others.makeLatest(id)
    // Nothing is lost where this cannot be done.
    if let last, last != id { try? others.refersToPictures(last) }
  }
}

extension RecipeRuns {
  /// Has the page of an earlier run refer to its pictures, which lie beside it: as part of pages they would cost every
  /// run their size again.
  fileprivate func refersToPictures(_ id: RunID) throws(StoreError) {
    let folder = place[id.text]
    guard let data = try Files.read(folder[KeptRun.record]), let page = try Files.read(folder[FileName.report]),
      let digests = (try? JSON.member("digests", of: data))??.members,
      digests.contains(where: { $0.name == FileName.report && $0.value == .string(Digest(of: page).hex) })
    else { return }
    let files = digests.compactMap { member in member.value.string.map { (path: member.name, digest: $0) } }
    let smaller = RunPage.withPicturesBeside(page, files: files)
    if smaller != page { try Files.replace(folder[FileName.report], with: smaller, isDurable: false) }
  }
}
