import ArtifactStore
import Foundation
import Planning
import Synchronization

/// Why an action has to be executed.
public enum Reason: Sendable, Hashable, CustomStringConvertible {
  /// The store knows no action of its stage for its item.
  case neverRun
  /// It was done, and what it made is lost.
  case lost(Lookup.Miss)
  /// What it differs in from the nearest earlier action of its stage, and the recipe that did that, where it is another.
  case changed([Change], since: String? = nil)
  /// So many links of the chain that it makes are done, of so many; with the name of the parameter that says how many.
  case goesOn(after: Int, of: Int, String)
  /// An input is not made yet: the port.
  case blocked(by: String)
  /// The user wants it done again.
  case forced

  public var description: String {
    switch self {
    case .neverRun: "\(Lookup.Miss.neverDone)"
    case .lost(let miss): "\(miss)"
    case .changed(let changes, let recipe):
      (recipe.map { "never run in this recipe; since '\($0)' did it: " } ?? "")
        + changes.map(\.description).joined(separator: "; ")
    case .goesOn(let done, let all, let name): "goes on after \(done) of \(all) \(name)"
    case .blocked(let port): "input '\(port)' will be recomputed"
    case .forced: "forced"
    }
  }
}

/// What the store remembers of earlier actions, for saying why one has to run. Read when it is first asked.
package final class History: Sendable {
  /// The stage's name and the item, as they were when an action was done.
  private struct Place: Hashable {
    let stage: String
    let item: String?
  }

  private let store: Store
  private let recipe: String
  private let records = Mutex<[Place: [ActionRecord]]?>(nil)

  /// - Parameter recipe: the name of the recipe whose actions are to be told of.
  package init(of store: Store, recipe: String) {
    self.store = store
    self.recipe = recipe
  }

  /// Every record that can be read.
  package func all() throws -> [ActionRecord] { try grouped().values.flatMap(\.self) }

  /// Why `action` has to be executed, for which the store has nothing that can be used.
  package func reason(for action: Action, _ miss: Lookup.Miss) throws -> Reason {
    guard case .neverDone = miss else { return .lost(miss) }
    if let name = action.stage.kind.chaining, let links = action.stage.links, let done = try linksDone(of: action) {
      return .goesOn(after: done, of: links, name)
    }
    let inputs = action.preimage.sets
    let place = Place(stage: action.stage.name, item: action.id.item)
    let candidates = try earlier(at: place).filter { $0.kind == action.stage.kind.name }.map { record in
      let sets = (record.inputs + inputs).map { ($0.digest, $0) }
      let changes = Change.changes(
        from: record.preimage, to: action.preimage.text, sets: Dictionary(sets) { first, _ in first })
      return (changes: changes, record: record)
    }
    // What another recipe calls so says less. Of the others the nearest; of equals, the latest.
    let own = candidates.filter { ["", recipe].contains($0.record.recipe) }
    let nearest = (own.isEmpty ? candidates : own).min { a, b in
      (a.changes.count, b.record.provenance.date) < (b.changes.count, a.record.provenance.date)
    }
    return nearest.map { .changed($0.changes, since: own.isEmpty ? $0.record.recipe : nil) } ?? .neverRun
  }

  /// How many links of its chain are done, fewer than it makes, so that it can go on from there; nil for none.
  private func linksDone(of action: Action) throws -> Int? {
    guard let chain = action.chain, let links = action.stage.links, links > 1, try store.hasState(of: chain) else {
      return nil
    }
    return try (1..<links).last { number in
      if case .hit = try store.lookup(Digest(of: action.preimage.text(of: action.stage, links: number))) {
        true
      } else {
        false
      }
    }
  }

  private func earlier(at place: Place) throws -> [ActionRecord] { try grouped()[place] ?? [] }

  private func grouped() throws -> [Place: [ActionRecord]] {
    try records.withLock { records in
      if let known = records { return known }
      let read = Dictionary(grouping: try store.records()) { record in
        Place(stage: record.stage, item: record.item)
      }
      records = read
      return read
    }
  }
}
