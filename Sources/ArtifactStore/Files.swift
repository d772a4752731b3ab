import Crypto
import Escaping
import Foundation

/// The few file operations that the store and the run record need, with typed errors. Absence is nil, not an error.
package enum Files {
  /// Identity and shape of a file, as the file system tells them.
  package struct Status: Hashable, Sendable {
    package let device: UInt64
    package let inode: UInt64
    package let size: Int
    /// Nanoseconds since 1970.
    package let modified: Int
    package let changed: Int

    init(device: UInt64, inode: UInt64, size: Int, modified: Int, changed: Int) {
      (self.device, self.inode, self.size, self.modified, self.changed) = (device, inode, size, modified, changed)
    }

    /// The same file as seen where its device has another number.
    func on(device: UInt64) -> Status {
      Status(device: device, inode: inode, size: size, modified: modified, changed: changed)
    }

    init(_ status: stat) {
      self.init(
        device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int(status.st_size),
        modified: status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec,
        changed: status.st_ctim.tv_sec * 1_000_000_000 + status.st_ctim.tv_nsec)
    }
  }

  package static func status(of path: String) throws(StoreError) -> Status? {
    try status(of: path, in: AT_FDCWD, path)
  }

  /// The status of `name` in an open folder; errors call it by its `path`.
  static func status(
    of name: UnsafePointer<CChar>, in folder: Int32, _ path: @autoclosure () -> String
  ) throws(StoreError) -> Status? {
    var status = stat()
    if fstatat(folder, name, &status, 0) == 0 { return Status(status) }
    if errno == ENOENT || errno == ENOTDIR { return nil }
    // Another machine removed the open folder, and maybe made it anew.
    if errno == ESTALE, folder != AT_FDCWD { return try Files.status(of: path()) }
    throw .last("look at", path())
  }

  /// All bytes of a file.
  package static func read(_ path: String) throws(StoreError) -> Data? {
    try twiceIfStale { () throws(StoreError) in try readOnce(path) }
  }

  /// What `work` makes of a file that it opens by its name: tried again where, between the opening and the reading,
  /// another machine put another file in its place (NFS).
  package static func twiceIfStale<Made>(_ work: () throws(StoreError) -> Made) throws(StoreError) -> Made {
    do { return try work() } catch {
      guard case .system(_, _, ESTALE) = error else { throw error }
      return try work()
    }
  }

  private static func readOnce(_ path: String) throws(StoreError) -> Data? {
    guard let file = try open(path, O_RDONLY) else { return nil }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw .last("read", path) }
    var data = Data(count: Int(status.st_size))
    let count = data.withUnsafeMutableBytes { fill($0, from: file) }
    guard count >= 0 else { throw .last("read", path) }
    return count == data.count ? data : data.prefix(count)
  }

  /// The SHA-256 of a file, read a piece at a time.
  package static func digest(of path: String) throws(StoreError) -> Digest? {
    try twiceIfStale { () throws(StoreError) in try digestOnce(of: path) }
  }

  private static func digestOnce(of path: String) throws(StoreError) -> Digest? {
    guard let file = try open(path, O_RDONLY) else { return nil }
    defer { close(file) }
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { piece.deallocate() }
    var hash = SHA256()
    while true {
      let count = fill(piece, from: file)
      guard count >= 0 else { throw .last("read", path) }
      hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: piece[..<count]))
      if count < piece.count { return Digest(hash.finalize()) }
    }
  }

  /// Makes a new file and waits until its bytes are on the disk.
  static func create(_ path: String, _ data: Data, mode: mode_t = 0o644) throws(StoreError) {
    let file = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard file >= 0 else { throw .last("write", path) }
    defer { close(file) }
    let isWritten = data.withUnsafeBytes { bytes in
      var written = 0
      while written < bytes.count {
        let count = Glibc.write(file, bytes.baseAddress! + written, bytes.count - written)
        if count >= 0 { written += count } else if errno != EINTR { return false }
      }
      return true
    }
    guard isWritten, fsync(file) == 0 else {
      let error = StoreError.last("write", path)
      unlink(path)
      throw error
    }
  }

  /// Moves a file over whatever has the name `target`, in one step.
  static func move(_ path: String, to target: String) throws(StoreError) {
    guard rename(path, target) == 0 else { throw .last("write", target) }
  }

  enum Naming { case given, taken, impossible }

  /// Gives a file a second name, unless that is taken: of several who want a name one gets it, also over a network.
  /// Impossible where the file system has no hard links.
  static func link(_ path: String, to target: String) -> Naming {
    if Glibc.link(path, target) == 0 { return .given }
    guard errno == EEXIST else { return .impossible }
    // Over NFS a question asked twice is answered as if somebody else had the name: it was got by the first asking.
    let (file, named) = (try? status(of: path), try? status(of: target))
    return file != nil && file?.inode == named?.inode ? .given : .taken
  }

  /// Waits until the names in a folder are on the disk, where the file system can tell.
  static func syncFolder(_ path: String) throws(StoreError) {
    guard let folder = try open(path, O_RDONLY | O_DIRECTORY) else { throw .last("write to", path, code: ENOENT) }
    defer { close(folder) }
    guard fsync(folder) == 0 || [EINVAL, ENOSYS, ENOTSUP].contains(errno) else { throw .last("write to", path) }
  }

  /// Makes a folder and those above it.
  package static func makeFolder(_ path: String) throws(StoreError) {
    if mkdir(path, 0o755) == 0 { return }
    switch errno {
    case EEXIST:
      var status = stat()
      guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
        throw .last("make the folder", path, code: EEXIST)
      }
    case ENOENT:
      let parent = path.parentFolder
      guard parent != path, !parent.isEmpty else { throw .last("make the folder", path, code: ENOENT) }
      try makeFolder(parent)
      guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw .last("make the folder", path) }
    default: throw .last("make the folder", path)
    }
  }

  /// The names in a folder, sorted; none where there is no such folder.
  package static func names(in path: String) throws(StoreError) -> [String] {
    try entries(in: path).map(\.name).sorted()
  }

  /// The names in a folder and whether each is surely a plain file, as the folder itself says; none where there is no
  /// such folder.
  package static func entries(in path: String) throws(StoreError) -> [(name: String, isFile: Bool)] {
    try twiceIfStale { () throws(StoreError) in try entriesOnce(in: path) }
  }

  private static func entriesOnce(in path: String) throws(StoreError) -> [(name: String, isFile: Bool)] {
    guard let folder = opendir(path) else {
      if errno == ENOENT || errno == ENOTDIR { return [] }
      throw .last("list", path)
    }
    defer { closedir(folder) }
    var entries: [(name: String, isFile: Bool)] = []
    while true {
      errno = 0
      guard let entry = readdir(folder) else {
        // A part of a list would be taken for all of it.
        guard errno == 0 else { throw .last("list", path) }
        return entries
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { entries.append((name, entry.pointee.d_type == UInt8(DT_REG))) }
    }
  }

  /// Removes a file if it is there.
  package static func remove(_ path: String) throws(StoreError) {
    guard unlink(path) == 0 || errno == ENOENT else { throw .last("remove", path) }
  }

  /// Replaces a file by `data` in one step. What a crash of the machine leaves is either of the two.
  package static func replace(_ path: String, with data: Data) throws(StoreError) {
    let draft = "\(path).\(getpid())-\(UInt32.random(in: 0 ... .max)).tmp"
    try create(draft, data)
    do throws(StoreError) { try move(draft, to: path) } catch {
      unlink(draft)
      throw error
    }
  }

  static func open(_ path: String, _ flags: Int32, mode: mode_t = 0o644) throws(StoreError) -> Int32? {
    let file = Glibc.open(path, flags | O_CLOEXEC, mode)
    if file >= 0 { return file }
    if errno == ENOENT || errno == ENOTDIR { return nil }
    throw .last("open", path)
  }

  /// Reads until `buffer` is full or the file ends: the number of bytes, or -1.
  private static func fill(_ buffer: UnsafeMutableRawBufferPointer, from file: Int32) -> Int {
    var filled = 0
    while filled < buffer.count {
      let count = Glibc.read(file, buffer.baseAddress! + filled, buffer.count - filled)
      if count < 0 {
        if errno == EINTR { continue }
        return -1
      }
      if count == 0 { break }
      filled += count
    }
    return filled
  }
}
