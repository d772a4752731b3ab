import Foundation

extension Store {
  /// Where the file with this digest is, once it has been downloaded.
  public func path(ofDownload digest: Digest) -> String { "\(folder)/downloads/\(digest.hex)" }

  /// Whether the file with this digest has been downloaded, and is what it should be. One that is damaged is put out
  /// of the way, unless the store is only read.
  public func hasDownload(_ digest: Digest) throws(StoreError) -> Bool {
    let place = root["downloads/\(digest.hex)"]
    var found: Digest?
    do {
      found = try sources.digest(of: place)
      if found == nil { return false }
    } catch let error where error.isUnreadable {}
    if found != digest { try quarantine(digest, at: place) }
    return found == digest
  }

  /// The right to download the file with this digest; nil while somebody else has it. Held as long as the value lives.
  public func downloadLease(for digest: Digest) throws(StoreError) -> FileLock? {
    let lease = try FileLock.exclusive(root["locks/download-\(digest.hex)"])
    // What arrives is written into what is there of it already.
    for suffix in [".part", ".object", ".object.part"] where lease != nil {
      try Files.requireOwn(root["downloads/\(digest.hex)\(suffix)"])
    }
    return lease
  }
}
