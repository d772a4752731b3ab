import Foundation

/// A `flock` on a file or folder, held as long as this object lives.
///
/// The kernel drops the lock with the process, however that ends; a file left behind holds nothing and is swept up
/// when the store is opened next. Over a network file system a lock may reach no further than this machine, and some
/// have none at all: everybody then has every lock, and work may be done twice (see ``Attempt/publish(_:replacing:)``).
public final class FileLock: Sendable {
  let path: String
  private let file: Int32
  private let removesFile: Bool
  /// Whether the file system has locks, so that nobody else has this one.
  let isHeld: Bool

  private init(path: String, file: Int32, removesFile: Bool, isHeld: Bool = true) {
    (self.path, self.file, self.removesFile, self.isHeld) = (path, file, removesFile, isHeld)
  }

  deinit {
    if removesFile { unlink(path) }
    close(file)
  }

  /// Takes the exclusive lock that `path` stands for; nil while another process (or another lock of this one) has it.
  static func exclusive(_ path: String) throws(StoreError) -> FileLock? {
    while true {
      guard let file = try Files.open(path, O_RDWR | O_CREAT) else { throw .last("lock", path, code: ENOENT) }
      guard let isHeld = try take(LOCK_EX | LOCK_NB, on: file, path) else { return nil }
      if isStill(file, path) { return FileLock(path: path, file: file, removesFile: true, isHeld: isHeld) }
      close(file)  // Its holder removed it between our opening and locking it: a lock nobody else would see.
    }
  }

  /// Takes a lock that others may share, waiting while somebody holds it alone.
  static func shared(_ path: String) throws(StoreError) -> FileLock {
    guard let file = try Files.open(path, O_RDWR | O_CREAT) else { throw .last("lock", path, code: ENOENT) }
    _ = try take(LOCK_SH, on: file, path)
    return FileLock(path: path, file: file, removesFile: false)
  }

  /// The same on a file that is there already, without writing anything; nil where there is none.
  static func sharedIfThere(_ path: String) throws(StoreError) -> FileLock? {
    guard let file = try Files.open(path, O_RDONLY) else { return nil }
    _ = try take(LOCK_SH, on: file, path)
    return FileLock(path: path, file: file, removesFile: false)
  }

  /// Takes a lock that nobody may share; nil where somebody has it for longer than a second.
  /// - Throws: also where the file system has no locks: whoever has to be alone cannot know it.
  static func alone(_ path: String) throws(StoreError) -> FileLock? {
    guard let file = try Files.open(path, O_RDWR | O_CREAT) else { throw .last("lock", path, code: ENOENT) }
    for _ in 0..<50 {
      if flock(file, LOCK_EX | LOCK_NB) == 0 { return FileLock(path: path, file: file, removesFile: false) }
      guard errno == EWOULDBLOCK || errno == EINTR else { break }
      usleep(20_000)
    }
    defer { close(file) }
    guard errno == EWOULDBLOCK || errno == EINTR else { throw .last("lock", path) }
    return nil
  }

  /// Takes an existing folder for oneself; nil where another has it or it has gone.
  static func folder(_ path: String) throws(StoreError) -> FileLock? {
    guard let file = try Files.open(path, O_RDONLY | O_DIRECTORY) else { return nil }
    guard let isHeld = try take(LOCK_EX | LOCK_NB, on: file, path) else { return nil }
    guard isStill(file, path) else {
      close(file)
      return nil
    }
    return FileLock(path: path, file: file, removesFile: false, isHeld: isHeld)
  }

  /// Takes the lock: whether the file system has locks; nil, and `file` is closed, where somebody else has it.
  private static func take(_ operation: Int32, on file: Int32, _ path: String) throws(StoreError) -> Bool? {
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
        throw .last("lock", path, code: code)
      }
    }
    return true
  }

  /// Whether `path` still names the open file.
  private static func isStill(_ file: Int32, _ path: String) -> Bool {
    var (open, named) = (stat(), stat())
    guard fstat(file, &open) == 0, stat(path, &named) == 0 else { return false }
    return open.st_ino == named.st_ino && open.st_dev == named.st_dev
  }
}
