import Escaping
import Foundation
import Synchronization

/// A folder of the store whose files are named by digests, spread over folders named by the first two digits.
final class ShardedDirectory: Sendable {
  private let place: Place
  /// The open folder, so that a file in it is found without walking the way to it; -1 where there is none.
  private let descriptor: Int32
  /// The folders in it, by their numbers, that have been seen to be no links.
  private let shelves = Mutex(Set<UInt8>())

  init(_ place: Place) throws(StoreError) {
    self.place = place
    descriptor = try Files.openFolder(place) ?? -1
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Where the file of `digest` is, or would be.
  subscript(digest: Digest) -> Place {
    let hex = digest.hex
    return place["\(hex.prefix(2))/\(hex)"]
  }

  /// The status of the file of `digest`; nil where it is not there.
  /// - Throws: also where it is no plain file.
  func status(of digest: Digest) throws(StoreError) -> Files.Status? {
    guard descriptor >= 0, try hasShelf(of: digest) else { return nil }
    var status = stat()
    let outcome = Self.withName(of: digest) { fstatat(descriptor, $0, &status, AT_SYMLINK_NOFOLLOW) }
    guard outcome == 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      // Another machine removed the open folder, and maybe made it anew.
      return try Files.status(of: self[digest])
    }
    try Files.requirePlain(status, self[digest].path)
    return Files.Status(status)
  }

  /// Whether the folder is there that the file of `digest` belongs to.
  private func hasShelf(of digest: Digest) throws(StoreError) -> Bool {
    let number = digest.withBytes { $0[0] }
    if shelves.withLock({ $0.contains(number) }) { return true }
    var open = stat()
    let name = String(digest.hex.prefix(2))
    // From the open folder, which is there unless another machine removed it.
    let isFound = fstatat(descriptor, name, &open, AT_SYMLINK_NOFOLLOW) == 0
    guard let folder = self[digest].parent, let status = isFound ? open : try Files.rawStatus(of: folder) else {
      return false
    }
    if status.st_mode & S_IFMT == S_IFLNK { throw .link(folder.path) }
    guard status.st_mode & S_IFMT == S_IFDIR else { return false }
    _ = shelves.withLock { $0.insert(number) }
    return true
  }

  /// Gives `body` the name `ab/ab…`.
  private static func withName<Result>(of digest: Digest, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    var hex = digest.hex
    return hex.withUTF8 { digits in
      withUnsafeTemporaryAllocation(of: CChar.self, capacity: 68) { name in
        for index in 0..<64 { name[index + 3] = CChar(digits[index]) }
        (name[0], name[1], name[2], name[67]) = (name[3], name[4], CChar(UInt8(ascii: "/")), 0)
        return body(UnsafePointer(name.baseAddress!))
      }
    }
  }

  /// Makes a network file system look for the file of `digest` again. One that found a name absent may believe so for a
  /// minute, until the folders around it are opened anew.
  func lookAnew(at digest: Digest) {
    for folder in [place, self[digest].parent] {
      if let folder, let file = try? Files.openFolder(folder) { close(file) }
    }
  }

  /// Waits until this machine sees the file of `digest`, which is there: at the latest when its file system forgets
  /// that it was absent. Gives up after 90 seconds.
  func waitUntilSeen(_ digest: Digest) throws(StoreError) {
    let deadline = ContinuousClock.now + .seconds(90)
    lookAnew(at: digest)
    while try isAbsent(digest), ContinuousClock.now < deadline {
      usleep(100_000)
      lookAnew(at: digest)
    }
  }

  private func isAbsent(_ digest: Digest) throws(StoreError) -> Bool {
    do { return try status(of: digest) == nil } catch let error where error.isUnreadable { return false }
  }

  /// Makes it look for all files again.
  func lookAnew() throws(StoreError) {
    for shelf in try Files.names(in: place) { _ = try Files.names(in: place[shelf]) }
  }

  /// Everything that is named as the store names its files: the digest, where it is, and its status; nil for what is no
  /// plain file.
  func files() throws(StoreError) -> [(digest: Digest, place: Place, status: Files.Status?)] {
    var files: [(digest: Digest, place: Place, status: Files.Status?)] = []
    for shelf in try Files.names(in: place) where shelf.utf8.count == 2 {
      for name in try Files.names(in: place[shelf]) {
        guard let digest = Digest(hex: name), digest.hex == name, name.hasPrefix(shelf) else { continue }
        let file = place[shelf][name]
        guard let status = try Files.rawStatus(of: file) else { continue }
        files.append((digest, file, status.st_mode & S_IFMT == S_IFREG ? Files.Status(status) : nil))
      }
    }
    return files
  }
}
