import Foundation

/// A file, or a folder and all that is in it. Symbolic links are not followed.
package struct FileTree {
  private let place: Place
  private(set) var bytes = 0
  /// When the latest of it was written: nanoseconds since 1970.
  private(set) var modified = Int.min

  /// No store makes folders in folders to this depth: what is deeper, somebody else made, and is not looked at.
  private static let depth = 50

  /// Nil where there is nothing at `place`.
  package init?(at place: Place) throws(StoreError) {
    self.place = place
    var unseen = [(place: place, depth: 0)]
    while let (place, depth) = unseen.popLast() {
      guard let status = try Files.rawStatus(of: place) else { continue }
      modified = max(modified, Files.Status(status).modified)
      if status.st_mode & S_IFMT == S_IFDIR {
        guard depth < Self.depth else { continue }
        for name in try Files.names(in: place) { unseen.append((place[name], depth + 1)) }
      } else {
        bytes += Int(status.st_size)
      }
    }
    if modified == .min { return nil }
  }

  package func remove() throws(StoreError) { try Files.removeTree(place) }
}

extension Files {
  /// Removes a file, or a folder with all that is in it, whatever that is called, however deep it lies, and though a
  /// program has closed it to everybody. No link is followed.
  ///
  /// The folders of a folder are brought up beside it before it is removed, so that no path is longer than two names.
  package static func removeTree(_ place: Place) throws(StoreError) {
    _ = try place.reach { (parent, name) throws(StoreError) in
      let (code, isGone) = removedTree(parent, name)
      guard isGone else { throw .last("remove", place.path, code: code) }
    }
  }

  /// - Returns: the number of the error, and whether nothing is left.
  private static func removedTree(_ parent: Int32, _ name: String) -> (code: Int32, isGone: Bool) {
    if unlinkat(parent, name, 0) == 0 || errno == ENOENT { return (0, true) }
    guard let top = openedTree(parent, name) else { return (errno, false) }
    defer { close(top) }
    let mark = ".up-\(UInt64.random(in: 0 ... .max))-"
    var count = 0
    // Several times, should somebody go on writing meanwhile.
    for _ in 0..<3 {
      while let names = entries(of: top), !names.isEmpty {
        var isMoving = false
        for name in names where unlinkat(top, name, 0) != 0 {
          guard let folder = openedTree(top, name) else { continue }
          for inner in entries(of: folder) ?? [] where unlinkat(folder, inner, 0) != 0 {
            // It may only be moved by who may write in it.
            if let opened = openedTree(folder, inner) { close(opened) }
            count += 1
            if renameat(folder, inner, top, mark + "\(count)") == 0 { isMoving = true }
          }
          close(folder)
          if unlinkat(top, name, AT_REMOVEDIR) == 0 { isMoving = true }
        }
        if !isMoving { break }
      }
      if unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT { return (0, true) }
    }
    return (errno, false)
  }

  /// A folder, opened to its owner; nil where there is none, or a link.
  private static func openedTree(_ parent: Int32, _ name: UnsafePointer<CChar>) -> Int32? {
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
    var folder = openat(parent, name, flags)
    var status = stat()
    if folder < 0, errno == EACCES, fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0,
      status.st_mode & S_IFMT == S_IFDIR, fchmodat(parent, name, S_IRWXU, 0) == 0
    {
      folder = openat(parent, name, flags)
    }
    guard folder >= 0 else { return nil }
    if fstat(folder, &status) == 0, status.st_mode & S_IRWXU != S_IRWXU { fchmod(folder, S_IRWXU) }
    return folder
  }

  /// The names in an open folder, as the system has them; nil where it cannot be read.
  private static func entries(of folder: Int32) -> [[CChar]]? {
    let copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0 else { return nil }
    guard let stream = fdopendir(copy) else {
      close(copy)
      return nil
    }
    defer { closedir(stream) }
    var names: [[CChar]] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        bytes.prefix { $0 != 0 }.map { CChar(truncatingIfNeeded: $0) } + [0]
      }
      if name != [46, 0], name != [46, 46, 0] { names.append(name) }
    }
    return names
  }
}
