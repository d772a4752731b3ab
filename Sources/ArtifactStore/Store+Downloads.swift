import Foundation

extension Store {
  /// Where the file with this digest is, once it has been downloaded.
  public func path(ofDownload digest: Digest) -> String { "\(folder)/downloads/\(digest.hex)" }

  /// Whether the file with this digest has been downloaded, and is what it should be. One that is damaged is put out
  /// of the way, unless the store is only read.
  public func hasDownload(_ digest: Digest) throws(StoreError) -> Bool {
    let path = path(ofDownload: digest)
    guard let found = try sources.digest(of: path) else { return false }
    if found != digest, mode != .reading { try quarantine(digest, at: path) }
    return found == digest
  }

  /// The right to download the file with this digest; nil while somebody else has it. Held as long as the value lives.
  public func downloadLease(for digest: Digest) throws(StoreError) -> FileLock? {
    try FileLock.exclusive("\(folder)/locks/download-\(digest.hex)")
  }
}
