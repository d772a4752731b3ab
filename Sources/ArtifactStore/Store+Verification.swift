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

  public var isClean: Bool { damaged.isEmpty && broken.isEmpty }
}

extension Store {
  /// Reads every object, download and record. What is damaged is put out of the way, so that nothing uses it; it is made
  /// or downloaded again by the next run that needs it. In a store that is only read it stays.
  public func verify() throws(StoreError) -> Verification {
    var found = Verification()
    found.isQuarantined = mode != .reading
    var whole: Set<Digest> = []
    for (digest, place, status) in try objects.files() {
      found.objects += 1
      found.bytes += status?.size ?? 0
      if try isWhole(digest, at: place, &found) { whole.insert(digest) }
    }
    for digest in try Files.names(in: root["downloads"]).compactMap({ Digest(hex: $0) }) {
      _ = try isWhole(digest, at: root["downloads/\(digest.hex)"], &found)
    }
    for (key, place, status) in try actions.files() {
      found.actions += 1
      let record: ActionRecord?
      do { record = try self.record(of: key) } catch {
        guard case .link = error else { throw error }
        record = nil
      }
      guard let record else {
        found.broken.insert(key)
        if status == nil { try quarantine(key, at: place) }
        continue
      }
      let lost = record.outputs.flatMap(\.artifact.items).map(\.object).filter { !whole.contains($0) }
      found.missing.formUnion(lost)
      if !lost.isEmpty { found.broken.insert(key) }
    }
    return found
  }

  /// Whether a file has this digest; put out of the way if not. One bad sector, or a link, is not the end of it all.
  private func isWhole(_ digest: Digest, at place: Place, _ found: inout Verification) throws(StoreError) -> Bool {
    do {
      if try Files.digest(of: place, isInterrupted: isInterrupted) == digest { return true }
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
