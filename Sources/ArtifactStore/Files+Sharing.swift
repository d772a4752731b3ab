import Foundation

extension Files {
  /// Makes a folder that nobody else has made: of several who want the name one gets it.
  /// - Returns: whether it is new.
  package static func makeNewFolder(_ place: Place) throws(StoreError) -> Bool {
    let isNew = try place.reach { (folder, name) throws(StoreError) -> Bool in
      if mkdirat(folder, name, 0o777) == 0 { return true }
      guard errno == EEXIST else { throw .last("make the folder", place.path) }
      return false
    }
    guard let isNew else { throw .last("make the folder", place.path, code: ENOENT) }
    return isNew
  }

  /// Gives the bytes of a file a second name, where nobody can change them by the first one: a plain file of this user
  /// that nobody may write into, and that holds `data`.
  /// - Returns: false where it is anything else, or the file system has no hard links: then `target` is not there.
  package static func share(_ source: Place, as target: Place, holding data: Data) -> Bool {
    guard link(source, to: target) == .given else { return false }
    // Looked at by its new name, which nobody else gives to something else.
    if let status = try? rawStatus(of: target), status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o222 == 0,
      status.st_uid == geteuid(), (try? read(target)) == data
    {
      return true
    }
    try? remove(target)
    return false
  }

  /// Whether there is anything at a path.
  package static func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Whether nobody holds a folder's lock (``FileLock/folder(_:)``); nil where that cannot be told.
  package static func isUnlocked(_ place: Place) -> Bool? {
    guard let file = try? openFolder(place) else { return nil }
    defer { close(file) }
    if flock(file, LOCK_SH | LOCK_NB) == 0 { return true }
    return errno == EWOULDBLOCK ? false : nil
  }
}
