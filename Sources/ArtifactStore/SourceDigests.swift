import Foundation

/// Digests of files outside the store, remembered by device, inode, size, modification and change time.
///
/// A digest is remembered only if the file had been left alone for two seconds when it was read: a change within the
/// file system's clock granularity would otherwise go unnoticed. Device numbers mean something else on every machine
/// that shares the store, and after a restart: what is remembered is for the kernel that read the file alone.
public final class SourceDigests: Sendable {
  private let cache: PackedIndex<Files.Status, Digest>

  /// Files older than this when they are read are remembered; nanoseconds.
  private static let settled = 2_000_000_000

  private let isInterrupted: @Sendable () -> Bool

  init(file: Place, isInterrupted: @escaping @Sendable () -> Bool) {
    cache = PackedIndex(file: file)
    self.isInterrupted = isInterrupted
  }

  /// The digest of a file; nil where there is none.
  /// - Throws: ``StoreError`` where it cannot be read or is no plain file.
  public func digest(of path: String) throws(StoreError) -> Digest? { try digest(of: Place(path)) }

  func digest(of place: Place) throws(StoreError) -> Digest? {
    guard let status = try Files.status(of: place) else { return nil }
    let identity = status.on(device: status.device ^ Kernel.number)
    if let known = cache.value(of: identity) { return known }
    guard let digest = try Files.digest(of: place, isInterrupted: isInterrupted) else { return nil }
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let isSettled = max(status.modified, status.changed) < now.tv_sec * 1_000_000_000 + now.tv_nsec - Self.settled
    if isSettled, try Files.status(of: place) == status { cache.remember(digest, as: identity) }
    return digest
  }

  /// Writes down what was learnt, so that the next process knows it.
  func save() { cache.save() }
}
