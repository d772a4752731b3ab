import Escaping
import Foundation
import JSONSyntax

/// What goes from store to store: objects and records, each checked before it is given or taken.
extension Store {
  /// Where an object that comes from elsewhere is put together, before it is one of the store's.
  package func path(ofArrival digest: Digest) -> String { "\(folder)/downloads/\(digest.hex).object" }

  /// Makes what has arrived, which has been found to have this digest and is on the disk, an object of the store.
  package func adopt(arrival digest: Digest) throws(StoreError) {
    let arrival = root["downloads/\(digest.hex).object"]
    guard let (file, status) = try Files.openInput(arrival) else { throw .missing(digest) }
    defer { close(file) }
    guard fchmod(file, status.st_mode & 0o444) == 0 else { throw .last("write", arrival.path) }
    let target = objects[digest]
    guard let shelf = target.parent else { return }
    try Files.makeFolder(shelf)
    try publish(arrival, as: target, digest)
    try Files.syncFolder(shelf)
  }

  /// Where the bytes of an object are, verified.
  /// - Throws: as ``read(_:)`` does.
  package func file(of digest: Digest) throws(StoreError) -> String {
    let place = objects[digest]
    var found: Digest?
    do throws(StoreError) {
      found = try Files.digest(of: place, isInterrupted: isInterrupted)
      if found == nil { throw .missing(digest) }
    } catch let error where error.isUnreadable {}
    guard found == digest else { throw .damaged(digest, quarantined: try quarantine(digest, at: place)) }
    return place.path
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
