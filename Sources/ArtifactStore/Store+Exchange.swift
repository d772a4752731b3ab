import Escaping
import Foundation

/// What goes from store to store: objects and records, each checked before it is given or taken.
extension Store {
  /// Where an object that comes from elsewhere is put together, before it is one of the store's.
  package func path(ofArrival digest: Digest) -> String { "\(folder)/downloads/\(digest.hex).object" }

  /// Makes the file at `path`, which has been found to have this digest and is on the disk, an object of the store.
  package func adopt(_ path: String, as digest: Digest) throws(StoreError) {
    let target = objects.path(of: digest)
    let shelf = target.parentFolder
    try Files.makeFolder(shelf)
    guard chmod(path, 0o444) == 0 else { throw .last("write", path) }
    try Files.move(path, to: target)
    try Files.syncFolder(shelf)
  }

  /// Where the bytes of an object are, verified.
  /// - Throws: as ``read(_:)`` does.
  package func file(of digest: Digest) throws(StoreError) -> String {
    let path = objects.path(of: digest)
    switch try Files.digest(of: path) {
    case digest: return path
    case nil: throw .missing(digest)
    default: throw .damaged(digest, quarantined: try quarantine(digest, at: path))
    }
  }
}

extension ActionRecord {
  /// The record that somebody else made and sealed; nil where it is damaged or has no seal.
  package init?(sealed data: Data) {
    guard case .object(let members)? = try? JSON(parsing: data), members.last?.name == "seal" else { return nil }
    self.init(data)
  }

  /// The distinct objects that it names, with their sizes, in order.
  package var objects: [Artifact.Item] {
    var seen: Set<Digest> = []
    return outputs.flatMap(\.artifact.items).filter { seen.insert($0.object).inserted }
  }
}
