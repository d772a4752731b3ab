import Foundation

/// What a look at every byte of a store found.
public struct Verification: Sendable {
  public var objects = 0
  public var bytes = 0
  public var actions = 0
  /// Objects and downloads whose bytes are not what they were, or cannot be read.
  public var damaged: [Digest] = []
  /// Of these, why they cannot be read.
  public var reasons: [Digest: String] = [:]
  /// Whether what is damaged is in quarantine now.
  public var isQuarantined = true
  /// Objects that a record names and that are not there, the damaged ones included.
  public var missing: Set<Digest> = []
  /// Actions whose record cannot be read, or names an object that is missing.
  public var broken: Set<Digest> = []
  /// Of these, the ones whose record cannot be read.
  public var unreadable: Set<Digest> = []
  /// Of objects that are damaged or missing, what made them, as records tell: `edited/ada`, the stage and the item.
  public var makers: [Digest: [String]] = [:]
  /// Which of what is damaged was downloaded.
  public var downloads: Set<Digest> = []

  public var isClean: Bool { damaged.isEmpty && broken.isEmpty }
}

extension Store {
  /// Reads every object, download and record. What is damaged is put out of the way, so that nothing uses it; it is made
  /// or downloaded again by the next run that needs it. In a store that is only read it stays.
  ///
  /// Others may work in the store meanwhile: what they remove, with the record that names it, and what they make is no
  /// damage.
  public func verify() throws(StoreError) -> Verification {
    var found = Verification()
    found.isQuarantined = mode != .reading
    var whole: Set<Digest> = []
    for (digest, place, status) in try objects.files() {
      guard let isWhole = try isWhole(digest, at: place, &found) else { continue }
      found.objects += 1
      found.bytes += status?.size ?? 0
      if isWhole { whole.insert(digest) }
    }
    for digest in try Files.names(in: root["downloads"]).compactMap({ Digest(hex: $0) }) {
      if try isWhole(digest, at: root["downloads/\(digest.hex)"], &found) == false { found.downloads.insert(digest) }
    }
    let damaged = Set(found.damaged)
    for (key, place, status) in try actions.files() {
      guard var record = try recordUnlessLinked(of: key) else {
        guard try Files.rawStatus(of: place) != nil else { continue }
        found.actions += 1
        found.broken.insert(key)
        found.unreadable.insert(key)
        if status == nil { try quarantine(key, at: place) }
        continue
      }
      while true {
        var lost: [Artifact.Item] = []
        for item in record.outputs.flatMap(\.artifact.items) where !whole.contains(item.object) {
          // It may have been made since the objects were listed.
          if !damaged.contains(item.object), try isWhole(item.object, at: objects[item.object], &found) == true {
            whole.insert(item.object)
          } else {
            lost.append(item)
          }
        }
        // Where something lacks, the record may have been removed or made anew since it was read.
        guard !lost.isEmpty, let again = try recordUnlessLinked(of: key) else {
          if lost.isEmpty { found.actions += 1 }
          break
        }
        guard again == record else {
          record = again
          continue
        }
        found.actions += 1
        found.broken.insert(key)
        for item in lost {
          found.missing.insert(item.object)
          let maker = record.stage + (item.name.isEmpty ? "" : "/\(item.name)")
          if !record.stage.isEmpty, found.makers[item.object]?.contains(maker) != true {
            found.makers[item.object, default: []].append(maker)
          }
        }
        break
      }
    }
    return found
  }

  /// The record of an action; nil also where there is a link in its place.
  private func recordUnlessLinked(of key: Digest) throws(StoreError) -> ActionRecord? {
    do { return try record(of: key) } catch {
      guard case .link = error else { throw error }
      return nil
    }
  }

  /// Whether a file has this digest; put out of the way if not. Nil where it is not there. One bad sector, or a link, is
  /// not the end of it all.
  private func isWhole(_ digest: Digest, at place: Place, _ found: inout Verification) throws(StoreError) -> Bool? {
    do {
      guard let now = try Files.digest(of: place, isInterrupted: isInterrupted) else { return nil }
      if now == digest { return true }
    } catch {
      switch error {
      case .link, .notPlain, .system: found.reasons[digest] = "\(error)"
      // It may be whole for others, and stays.
      case .notPermitted:
        found.reasons[digest] = "\(error)"
        found.damaged.append(digest)
        return false
      default: throw error
      }
    }
    try quarantine(digest, at: place)
    found.damaged.append(digest)
    return false
  }

  /// Removes the records of actions, so that they are executed again.
  public func forget(_ keys: some Sequence<Digest>) throws(StoreError) {
    for key in keys { try Files.remove(actions[key]) }
  }
}
