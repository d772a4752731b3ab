import Foundation

/// A `flock` on a file or folder, held as long as this object lives.
///
/// The kernel drops the lock with the process, however that ends; a file left behind holds nothing and is swept up
/// when the store is opened next.
public final class FileLock: Sendable {
  let path: String
  private let file: Int32
  private let removesFile: Bool

  private init(path: String, file: Int32, removesFile: Bool) {
    (self.path, self.file, self.removesFile) = (path, file, removesFile)
  }

  deinit {
    if removesFile { unlink(path) }
    close(file)
  }

  /// Takes the exclusive lock that `path` stands for; nil while another process (or another lock of this one) has it.
  static func exclusive(_ path: String) throws(StoreError) -> FileLock? {
    while true {
      guard let file = try Files.open(path, O_RDWR | O_CREAT) else { throw .last("lock", path, code: ENOENT) }
      guard try take(LOCK_EX | LOCK_NB, on: file, path) else { return nil }
      if isStill(file, path) { return FileLock(path: path, file: file, removesFile: true) }
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
    guard try take(LOCK_EX | LOCK_NB, on: file, path) else { return nil }
    guard isStill(file, path) else {
      close(file)
      return nil
    }
    return FileLock(path: path, file: file, removesFile: false)
  }

  /// Whether the lock could be had; where not, `file` is closed.
  private static func take(_ operation: Int32, on file: Int32, _ path: String) throws(StoreError) -> Bool {
    while flock(file, operation) != 0 {
      if errno == EINTR { continue }
      let code = errno
      close(file)
      if code == EWOULDBLOCK { return false }
      throw .last("lock", path, code: code)
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
