import Escaping
import FileSystem
import Foundation
import Hashing

/// The few file operations that the store and the run record need, with typed errors. Absence is nil, not an error;
/// something else than a plain file is an error, and is never waited for.
package enum Files {
  package static func status(of path: String) throws(StoreError) -> Status? { try status(of: Place(path)) }

  /// - Throws: also where it is no plain file. Folders named by a path are let pass.
  package static func status(of place: Place) throws(StoreError) -> Status? {
    try plainStatus(of: place).map(Status.init)
  }

  /// What there is, a link as such.
  static func rawStatus(of place: Place) throws(StoreError) -> stat? {
    try place.reach { (folder, name) throws(StoreError) -> stat? in
      var status = stat()
      if fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 { return status }
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw .last("look at", place.path)
    } ?? nil
  }

  private static func plainStatus(of place: Place) throws(StoreError) -> stat? {
    try place.reach { (folder, name) throws(StoreError) -> stat? in
      var status = stat()
      guard fstatat(folder, name, &status, place.followsLinks ? 0 : AT_SYMLINK_NOFOLLOW) == 0 else {
        if errno == ENOENT || errno == ENOTDIR { return nil }
        throw .last("look at", place.path)
      }
      if place.isInFolder { try requirePlain(status, place.path) }
      return status
    } ?? nil
  }

  static func requirePlain(_ status: stat, _ path: @autoclosure () -> String) throws(StoreError) {
    guard let kind = FileKind.other(than: status.st_mode) else { return }
    throw status.st_mode & S_IFMT == S_IFLNK ? .link(path()) : .notPlain(path(), kind: kind)
  }

  /// - Throws: unless nothing is there, or a plain file that has no other name: one that may be written into.
  static func requireOwn(_ place: Place) throws(StoreError) {
    guard let status = try plainStatus(of: place), status.st_nlink > 1 else { return }
    throw .notPlain(place.path, kind: "a file that has another name, too (a hard link)")
  }

  // MARK: Reading

  /// All bytes of a file.
  package static func read(_ path: String) throws(StoreError) -> Data? { try read(Place(path)) }

  package static func read(_ place: Place, isInterrupted: () -> Bool = { false }) throws(StoreError) -> Data? {
    try twiceIfStale { () throws(StoreError) in try readOnce(place, isInterrupted) }
  }

  /// What `work` makes of a file that it opens by its name: tried again where, between the opening and the reading,
  /// another machine put another file in its place (NFS).
  package static func twiceIfStale<Made>(_ work: () throws(StoreError) -> Made) throws(StoreError) -> Made {
    do { return try work() } catch {
      guard case .system(_, _, ESTALE) = error else { throw error }
      return try work()
    }
  }

  private static func readOnce(_ place: Place, _ isInterrupted: () -> Bool) throws(StoreError) -> Data? {
    guard let (file, status) = try openInput(place) else { return nil }
    defer { close(file) }
    let size = Int(status.st_size)
    guard size > 0 else { return Data() }
    guard let memory = malloc(size) else { throw .last("read", place.path, code: ENOMEM) }
    var wasInterrupted = false
    let count = InputFile.fill(UnsafeMutableRawBufferPointer(start: memory, count: size), from: file) {
      wasInterrupted = isInterrupted()
      return !wasInterrupted
    }
    guard count >= 0, !wasInterrupted else {
      let error = wasInterrupted ? StoreError.interrupted : .last("read", place.path)
      free(memory)
      throw error
    }
    let data = Data(bytesNoCopy: memory, count: size, deallocator: .free)
    return count == size ? data : data.prefix(count)
  }

  /// The SHA-256 of a file, read a piece at a time.
  package static func digest(of path: String) throws(StoreError) -> Digest? { try digest(of: Place(path)) }

  /// - Parameter isInterrupted: asked after every piece.
  /// - Throws: also ``StoreError/interrupted``.
  package static func digest(
    of place: Place, isInterrupted: () -> Bool = { false }
  ) throws(StoreError) -> Digest? {
    try twiceIfStale { () throws(StoreError) in try digestOnce(of: place, isInterrupted) }
  }

  private static func digestOnce(of place: Place, _ isInterrupted: () -> Bool) throws(StoreError) -> Digest? {
    guard let (file, _) = try openInput(place) else { return nil }
    defer { close(file) }
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { piece.deallocate() }
    var hash = SHA256()
    while true {
      let count = InputFile.fill(piece, from: file)
      guard count >= 0 else { throw .last("read", place.path) }
      hash.update(UnsafeRawBufferPointer(rebasing: piece[..<count]))
      if count < piece.count { return Digest(hash.finalize()) }
      if isInterrupted() { throw .interrupted }
    }
  }

  static func openInput(_ place: Place) throws(StoreError) -> (file: Int32, status: stat)? {
    try place.reach { (folder, name) throws(StoreError) -> (file: Int32, status: stat)? in
      do throws(InputFile.Refusal) {
        return try InputFile.open(name, in: folder, followsLinks: place.followsLinks)
      } catch {
        switch error {
        case .absent: return nil
        case .link: throw .link(place.path)
        case .notPlain(let kind): throw .notPlain(place.path, kind: kind)
        case .system(let code): throw .last("open", place.path, code: code)
        }
      }
    } ?? nil
  }

  // MARK: Writing

  /// Makes a new file and waits until its bytes are on the disk.
  /// - Parameter isDurable: whether to wait.
  package static func create(
    _ place: Place, _ data: Data, mode: mode_t = 0o666, isDurable: Bool = true
  ) throws(StoreError) {
    let isDone: Void? = try place.reach { (folder, name) throws(StoreError) in
      let file = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
      guard file >= 0 else { throw .last("write", place.path) }
      defer { close(file) }
      guard OutputFile.write(data, to: file), !isDurable || fsync(file) == 0 else {
        let error = StoreError.last("write", place.path)
        unlinkat(folder, name, 0)
        throw error
      }
    }
    if isDone == nil { throw .last("write", place.path, code: ENOENT) }
  }

  /// Moves a file over whatever has the name `target`, in one step.
  package static func move(_ place: Place, to target: Place) throws(StoreError) {
    let isDone = try place.reach { (folder, name) throws(StoreError) in
      try target.reach { (targetFolder, targetName) throws(StoreError) in
        guard renameat(folder, name, targetFolder, targetName) == 0 else { throw .last("write", target.path) }
        return true
      } ?? false
    }
    if isDone != true { throw .last("write", target.path, code: ENOENT) }
  }

  package enum Naming { case given, taken, impossible }

  /// Gives a file a second name, unless that is taken: of several who want a name one gets it, also over a network.
  /// Impossible where the file system has no hard links.
  package static func link(_ place: Place, to target: Place) -> Naming {
    let code = try? place.reach { (folder, name) throws(StoreError) in
      try target.reach { (targetFolder, targetName) throws(StoreError) in
        linkat(folder, name, targetFolder, targetName, 0) == 0 ? 0 : errno
      } ?? ENOENT
    }
    if code == 0 { return .given }
    guard code == EEXIST else { return .impossible }
    // Over NFS a question asked twice is answered as if somebody else had the name: it was got by the first asking.
    let (file, named) = (try? rawStatus(of: place), try? rawStatus(of: target))
    return file != nil && file?.st_ino == named?.st_ino ? .given : .taken
  }

  /// Waits until the names in a folder are on the disk, where the file system can tell.
  package static func syncFolder(_ place: Place) throws(StoreError) {
    guard let folder = try openFolder(place) else { throw .last("write to", place.path, code: ENOENT) }
    defer { close(folder) }
    guard fsync(folder) == 0 || [EINVAL, ENOSYS, ENOTSUP].contains(errno) else { throw .last("write to", place.path) }
  }

  /// Makes a folder and those above it.
  package static func makeFolder(_ path: String) throws(StoreError) {
    if mkdir(path, 0o777) == 0 { return }
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
      guard mkdir(path, 0o777) == 0 || errno == EEXIST else { throw .last("make the folder", path) }
    default: throw .last("make the folder", path)
    }
  }

  /// The same in a folder of the program's own.
  package static func makeFolder(_ place: Place) throws(StoreError) {
    guard place.isInFolder else { return try makeFolder(place.path) }
    let isDone: Void? = try place.reach(makingFolders: true) { (folder, name) throws(StoreError) in
      if mkdirat(folder, name, 0o777) == 0 { return }
      guard errno == EEXIST else { throw .last("make the folder", place.path) }
      var status = stat()
      guard fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFDIR else {
        throw status.st_mode & S_IFMT == S_IFLNK
          ? .link(place.path) : .last("make the folder", place.path, code: EEXIST)
      }
    }
    if isDone == nil { throw .last("make the folder", place.path, code: ENOENT) }
  }

  /// The names in a folder, sorted; none where there is no such folder.
  package static func names(in path: String) throws(StoreError) -> [String] { try names(in: Place(path)) }

  package static func names(in place: Place) throws(StoreError) -> [String] {
    try entries(in: place).map(\.name).sorted()
  }

  /// The names in a folder and whether each is surely a plain file, as the folder itself says; none where there is no
  /// such folder.
  package static func entries(in path: String) throws(StoreError) -> [(name: String, isFile: Bool)] {
    try entries(in: Place(path))
  }

  private static func entries(in place: Place) throws(StoreError) -> [(name: String, isFile: Bool)] {
    try twiceIfStale { () throws(StoreError) in try entriesOnce(in: place) }
  }

  private static func entriesOnce(in place: Place) throws(StoreError) -> [(name: String, isFile: Bool)] {
    guard let file = try openFolder(place) else { return [] }
    guard let folder = fdopendir(file) else {
      let error = StoreError.last("list", place.path)
      close(file)
      throw error
    }
    defer { closedir(folder) }
    var entries: [(name: String, isFile: Bool)] = []
    while true {
      errno = 0
      guard let entry = readdir(folder) else {
        // A part of a list would be taken for all of it.
        guard errno == 0 else { throw .last("list", place.path) }
        return entries
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { entries.append((name, entry.pointee.d_type == UInt8(DT_REG))) }
    }
  }

  package static func openFolder(_ place: Place) throws(StoreError) -> Int32? {
    try place.reach { (folder, name) throws(StoreError) -> Int32? in
      let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (place.followsLinks ? 0 : O_NOFOLLOW)
      let file = openat(folder, name, flags)
      if file >= 0 { return file }
      let code = errno
      if code == ENOENT { return nil }
      if place.isInFolder, let status = try rawStatus(of: place), status.st_mode & S_IFMT == S_IFLNK {
        throw .link(place.path)
      }
      if code == ENOTDIR { return nil }
      throw .last("list", place.path, code: code)
    } ?? nil
  }

  /// Removes a file if it is there.
  package static func remove(_ path: String) throws(StoreError) { try remove(Place(path)) }

  package static func remove(_ place: Place) throws(StoreError) {
    _ = try place.reach { (folder, name) throws(StoreError) in
      guard unlinkat(folder, name, 0) == 0 || errno == ENOENT else { throw .last("remove", place.path) }
    }
  }

  /// Removes a folder if it is there and nothing is in it.
  /// - Returns: whether it is gone.
  @discardableResult
  package static func removeFolder(_ place: Place) throws(StoreError) -> Bool {
    try place.reach { (folder, name) throws(StoreError) in
      if unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT { return true }
      // Over NFS a file that somebody has open stays for as long.
      guard [ENOTEMPTY, EEXIST, ENOTDIR].contains(errno) else { throw .last("remove", place.path) }
      return false
    } ?? true
  }

  /// Replaces a file by `data` in one step. What a crash of the machine leaves is either of the two.
  /// - Parameters:
  ///   - mode: what it may be at most; the process's mask takes from that.
  ///   - isDurable: whether that holds: what can be told or made again need not be waited for.
  package static func replace(
    _ place: Place, with data: Data, mode: mode_t = 0o666, isDurable: Bool = true
  ) throws(StoreError) {
    let suffix = ".\(getpid())-\(UInt32.random(in: 0 ... .max)).tmp"
    let draft = place.suffixed(suffix)
    try create(draft, data, mode: mode, isDurable: isDurable)
    do throws(StoreError) { try move(draft, to: place) } catch {
      try? remove(draft)
      throw error
    }
  }

  /// Writes an output to where somebody wants it: in one step, but through what is no plain file (a link, a terminal, a
  /// pipe, /dev/null), which stays.
  /// - Throws: ``StoreError/notPlain(_:kind:)`` where nothing can be written into that.
  package static func write(_ data: Data, to path: String) throws(StoreError) {
    let open: Int32?
    do { open = try OutputFile.openInPlace(path) } catch {
      switch error {
      case .occupied(let kind): throw .notPlain(path, kind: kind)
      case .system(let code): throw .last("write", path, code: code)
      }
    }
    guard let file = open else {
      // Beside what the user named, a draft is nobody's to find.
      return try DeferredSignals.during { () throws(StoreError) in try replace(Place(path), with: data) }
    }
    defer { close(file) }
    guard OutputFile.write(data, to: file) else { throw .last("write", path) }
  }
}
