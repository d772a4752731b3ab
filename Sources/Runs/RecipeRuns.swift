import ArtifactStore
import Escaping
import Foundation
import JSONSyntax

/// The folder of a recipe's runs, as those see it who write to it.
package struct RecipeRuns: Sendable {
  package let place: Place

  package init(at place: Place) { self.place = place }

  /// Every run's ID, in the order of time.
  package func ids() throws(StoreError) -> [RunID] { try Files.names(in: place).compactMap { RunID($0) } }

  /// Whether something of a run is here, in the old form or the new one.
  package var hasRuns: Bool {
    ((try? Files.status(of: place[KeptRun.record])) ?? nil) != nil || ((try? ids())?.isEmpty == false)
  }

  // MARK: The latest

  /// The run that ended last.
  package var latest: RunID? { Self.latest(place["latest"]) }

  static func latest(_ file: Place) -> RunID? {
    guard let data = try? Files.read(file) else { return nil }
    return RunID(String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
  }

  package func makeLatest(_ id: RunID) throws(StoreError) {
    try Files.replace(place["latest"], with: Data("\(id.text)\n".utf8), isDurable: false)
  }

  // MARK: A new run

  /// Makes the folder of a run that begins now.
  /// - Parameters:
  ///   - git: the commit that it begins at.
  ///   - texts: its recipes and programs.
  package func begin(
    at git: GitState? = nil, _ texts: RecipeTexts = RecipeTexts([])
  ) throws(StoreError) -> OpenRun {
    try Files.makeFolder(place)
    var milliseconds = Int(Date.now.timeIntervalSince1970 * 1000)
    while true {
      let id = RunID(milliseconds: milliseconds)
      if try Files.makeNewFolder(place[id.text]) { return OpenRun(id, in: self, at: git, texts) }
      milliseconds += 1
    }
  }

  // MARK: The old form

  /// Moves a run of the old form, which lies in the recipe's folder itself, into a folder of its own: its record, and
  /// what this says the run wrote and that is still as it was written. All else in the folder is the user's.
  package func adopt() throws(StoreError) {
    let record = place[KeptRun.record]
    guard let data = try Files.read(record), let status = try Files.status(of: record) else { return }
    func member(_ name: String) -> JSON? { (try? JSON.member(name, of: data)) ?? nil }
    let date = member("provenance")?["date"]?.string
    var id = date.flatMap(RunID.init(date:)) ?? RunID(milliseconds: status.modified / 1_000_000)
    // One that was adopted in part goes on where it was.
    while try !Files.makeNewFolder(place[id.text]) {
      if try Files.status(of: place["\(id.text)/\(KeptRun.record)"]) == nil { break }
      id = id.next
    }
    let folder = place[id.text]
    let digests = member("digests")
    let names = ["files", "earlier_files"].flatMap { member($0)?.array?.compactMap(\.string) ?? [] }
    for name in names where FileName.isInside(name) && RunID(name.parts(at: "/")[0]) == nil {
      guard let digest = digests?[name]?.string.flatMap({ Digest(hex: $0) }),
        let size = try? Files.status(of: place[name]),
        size.size >= 0, (try? Files.digest(of: place[name])) == digest
      else { continue }
      if let parent = folder[name].parent { try Files.makeFolder(parent) }
      try Self.moveIfThere(place[name], to: folder[name])
      if name.has("/"), let parent = place[name].parent { _ = try? Files.removeFolder(parent) }
    }
    // Last: what is not moved yet is found again.
    try Self.moveIfThere(record, to: folder[KeptRun.record])
    if latest == nil { try makeLatest(id) }
  }

  /// Of two that move the same file at once, one finds it gone.
  private static func moveIfThere(_ file: Place, to target: Place) throws(StoreError) {
    do { try Files.move(file, to: target) } catch {
      guard case .system(_, _, ENOENT) = error else { throw error }
    }
  }
}

extension RunID {
  /// The millisecond behind it, for names that are taken: not always a time, but always in order.
  fileprivate var next: RunID {
    let count = (Int(text.utf8.suffix(3).map { Int($0) - 48 }.reduce(0) { $0 * 10 + $1 }) + 1) % 1000
    let digits = String(1000 + count).dropFirst()
    return RunID(text.prefix(16) + digits) ?? self
  }
}
