import Foundation

/// What a look at every byte of a store found.
public struct Verification: Sendable {
  public var objects = 0
  public var bytes = 0
  public var actions = 0
  /// Objects and downloads whose bytes are not what they were; they are in quarantine now.
  public var damaged: [Digest] = []
  /// Objects that a record names and that are not there, the damaged ones included.
  public var missing: Set<Digest> = []
  /// Actions whose record cannot be read, or names an object that is missing.
  public var broken: Set<Digest> = []

  public var isClean: Bool { damaged.isEmpty && broken.isEmpty }
}

extension Store {
  /// Reads every object, download and record. What is damaged is put out of the way, so that nothing uses it; it is made
  /// or downloaded again by the next run that needs it.
  public func verify() throws(StoreError) -> Verification {
    var found = Verification()
    var whole: Set<Digest> = []
    for (name, path, status) in try objects.files() {
      found.objects += 1
      found.bytes += status.size
      guard let digest = Digest(hex: name) else { continue }
      if try Files.digest(of: path) == digest {
        whole.insert(digest)
      } else {
        try quarantine(digest, at: path)
        found.damaged.append(digest)
      }
    }
    for digest in try Files.names(in: folder + "/downloads").compactMap({ Digest(hex: $0) }) {
      let path = path(ofDownload: digest)
      if try Files.digest(of: path) != digest {
        try quarantine(digest, at: path)
        found.damaged.append(digest)
      }
    }
    for (name, _, _) in try actions.files() {
      guard let key = Digest(hex: name) else { continue }
      found.actions += 1
      guard let record = try self.record(of: key) else {
        found.broken.insert(key)
        continue
      }
      let lost = record.outputs.flatMap(\.artifact.items).map(\.object).filter { !whole.contains($0) }
      found.missing.formUnion(lost)
      if !lost.isEmpty { found.broken.insert(key) }
    }
    return found
  }

  /// Removes the records of actions, so that they are executed again.
  public func forget(_ keys: some Sequence<Digest>) throws(StoreError) {
    for key in keys { try Files.remove(actions.path(of: key)) }
  }
}
