import Foundation

/// A `flock` on a file or folder, held as long as this object lives.
///
/// The kernel drops the lock with the process, however that ends; a file left behind holds nothing and is swept up
/// when the store is opened next. Over a network file system a lock may reach no further than this machine, and some
/// have none at all: everybody then has every lock, and work may be done twice (see ``StagingTransaction/publish(_:replacing:)``).
public final class FileLock: Sendable {
  let place: Place
  private let file: Int32
  private let removesFile: Bool
  /// Whether the file system has locks, so that nobody else has this one.
  package let isHeld: Bool

  private init(_ place: Place, file: Int32, removesFile: Bool, isHeld: Bool = true) {
    (self.place, self.file, self.removesFile, self.isHeld) = (place, file, removesFile, isHeld)
  }

  deinit {
    if removesFile { try? Files.remove(place) }
    close(file)
  }

  /// Takes the exclusive lock that `place` stands for; nil while another process (or another lock of this one) has it.
  package static func exclusive(_ place: Place) throws(StoreError) -> FileLock? {
    while true {
      guard let file = try open(place, O_RDWR | O_CREAT) else { throw .last("lock", place.path, code: ENOENT) }
      guard let isHeld = try take(LOCK_EX | LOCK_NB, on: file, place) else { return nil }
      if isStill(file, place) { return FileLock(place, file: file, removesFile: true, isHeld: isHeld) }
      close(file)  // Its holder removed it between our opening and locking it: a lock nobody else would see.
    }
  }

  /// Takes a lock that others may share, waiting while somebody holds it alone.
  package static func shared(_ place: Place) throws(StoreError) -> FileLock {
    guard let file = try open(place, O_RDWR | O_CREAT) else { throw .last("lock", place.path, code: ENOENT) }
    _ = try take(LOCK_SH, on: file, place)
    return FileLock(place, file: file, removesFile: false)
  }

  /// The same on a file that is there already, without writing anything; nil where there is none.
  static func sharedIfThere(_ place: Place) throws(StoreError) -> FileLock? {
    guard let file = try open(place, O_RDONLY) else { return nil }
    _ = try take(LOCK_SH, on: file, place)
    return FileLock(place, file: file, removesFile: false)
  }

  /// Takes a lock that nobody may share; nil where somebody has it for longer than a second.
  /// - Throws: also where the file system has no locks: whoever has to be alone cannot know it.
  package static func alone(_ place: Place) throws(StoreError) -> FileLock? {
    guard let file = try open(place, O_RDWR | O_CREAT) else { throw .last("lock", place.path, code: ENOENT) }
    for _ in 0..<50 {
      if flock(file, LOCK_EX | LOCK_NB) == 0 { return FileLock(place, file: file, removesFile: false) }
      guard errno == EWOULDBLOCK || errno == EINTR else { break }
      usleep(20_000)
    }
    defer { close(file) }
    guard errno == EWOULDBLOCK || errno == EINTR else { throw .last("lock", place.path) }
    return nil
  }

  /// Takes an existing folder for oneself; nil where another has it or it has gone.
  package static func folder(_ place: Place) throws(StoreError) -> FileLock? {
    guard let file = try Files.openFolder(place) else { return nil }
    guard let isHeld = try take(LOCK_EX | LOCK_NB, on: file, place) else { return nil }
    guard isStill(file, place) else {
      close(file)
      return nil
    }
    return FileLock(place, file: file, removesFile: false, isHeld: isHeld)
  }

  /// Opens a lock's file, which must be a plain one; nil where it is not there and not made.
  private static func open(_ place: Place, _ flags: Int32) throws(StoreError) -> Int32? {
    try place.reach { (folder, name) throws(StoreError) -> Int32? in
      let file = openat(folder, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0o666)
      if file < 0, errno == ENOENT || errno == ENOTDIR { return nil }
      let code = errno
      var status = stat()
      if file < 0 {
        if let status = try Files.rawStatus(of: place) { try Files.requirePlain(status, place.path) }
        throw .last("lock", place.path, code: code)
      }
      guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
        close(file)
        try Files.requirePlain(status, place.path)
        throw .last("lock", place.path)
      }
      return file
    } ?? nil
  }

  /// Takes the lock: whether the file system has locks; nil, and `file` is closed, where somebody else has it.
  private static func take(_ operation: Int32, on file: Int32, _ place: Place) throws(StoreError) -> Bool? {
    while flock(file, operation) != 0 {
      let code = errno
      switch code {
      case EINTR: continue
      case ENOSYS, ENOTSUP, ENOLCK: return false
      case EWOULDBLOCK:
        close(file)
        return nil
      default:
        close(file)
        throw .last("lock", place.path, code: code)
      }
    }
    return true
  }

  /// Whether `place` still names the open file.
  private static func isStill(_ file: Int32, _ place: Place) -> Bool {
    var open = stat()
    guard fstat(file, &open) == 0, let named = try? Files.rawStatus(of: place) else { return false }
    return open.st_ino == named.st_ino && open.st_dev == named.st_dev
  }
}
