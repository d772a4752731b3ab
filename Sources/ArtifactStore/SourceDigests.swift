import Foundation
import Synchronization

/// Digests of files outside the store, remembered by device, inode, size, modification and change time.
///
/// A digest is remembered only if the file had been left alone for two seconds when it was read: a change within the
/// file system's clock granularity would otherwise go unnoticed.
public final class SourceDigests: Sendable {
  private struct Memory {
    var digests: [Files.Status: Digest] = [:]
    var used: Set<Files.Status> = []
    var isChanged = false
  }

  private let file: String
  private let memory: Mutex<Memory>

  /// Files older than this when they are read are remembered; nanoseconds.
  private static let settled = 2_000_000_000
  /// With more entries than this, those of files not met in this run are dropped.
  private static let limit = 400_000

  /// Remembers what `file` holds; one that is damaged or missing holds nothing.
  init(file: String) {
    self.file = file
    memory = Mutex(Memory(digests: (try? Files.read(file)).flatMap { $0 }.flatMap(Self.decoded) ?? [:]))
  }

  /// The digest of a file; nil where there is none.
  /// - Throws: ``StoreError`` where it cannot be read.
  public func digest(of path: String) throws(StoreError) -> Digest? {
    guard let status = try Files.status(of: path) else { return nil }
    let known = memory.withLock { memory in
      memory.used.insert(status)
      return memory.digests[status]
    }
    if let known { return known }
    guard let digest = try Files.digest(of: path) else { return nil }
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let isSettled = max(status.modified, status.changed) < now.tv_sec * 1_000_000_000 + now.tv_nsec - Self.settled
    if isSettled, try Files.status(of: path) == status {
      memory.withLock { memory in
        memory.digests[status] = digest
        memory.isChanged = true
      }
    }
    return digest
  }

  /// Writes down what was learnt, in one step. Where that cannot be written, it is learnt again the next time.
  func save() {
    let data: Data? = memory.withLock { memory in
      guard memory.isChanged else { return nil }
      memory.isChanged = false
      if memory.digests.count > Self.limit { memory.digests = memory.digests.filter { memory.used.contains($0.key) } }
      return Self.encoded(memory.digests)
    }
    if let data { try? Files.replace(file, with: data) }
  }

  private static func encoded(_ digests: [Files.Status: Digest]) -> Data {
    var writer = PackedWriter()
    writer.write(UInt32(digests.count))
    for (status, digest) in digests {
      writer.write(status)
      writer.write(digest)
    }
    return writer.sealed
  }

  private static func decoded(_ data: Data) -> [Files.Status: Digest]? {
    PackedReader.open(data) { reader in
      guard let count = reader.number(UInt32.self) else { return nil }
      var digests = [Files.Status: Digest](minimumCapacity: min(Int(count), data.count))
      for _ in 0..<count {
        guard let status = reader.status(), let digest = reader.digest() else { return nil }
        digests[status] = digest
      }
      return digests
    }
  }
}
