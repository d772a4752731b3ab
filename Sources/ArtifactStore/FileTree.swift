import Foundation

/// A file, or a folder and all that is in it. Symbolic links are not followed.
struct FileTree {
  private(set) var bytes = 0
  /// When the latest of it was written: nanoseconds since 1970.
  private(set) var modified = Int.min
  private var files: [String] = []
  /// Each before those in it.
  private var folders: [String] = []

  /// Nil where there is nothing at `path`.
  init?(at path: String) throws(StoreError) {
    var unseen = [path]
    while let path = unseen.popLast() {
      var status = stat()
      guard lstat(path, &status) == 0 else {
        if errno == ENOENT { continue }
        throw .last("look at", path)
      }
      modified = max(modified, Files.Status(status).modified)
      if status.st_mode & S_IFMT == S_IFDIR {
        folders.append(path)
        for name in try Files.names(in: path) { unseen.append("\(path)/\(name)") }
      } else {
        files.append(path)
        bytes += Int(status.st_size)
      }
    }
    if modified == .min { return nil }
  }

  func remove() throws(StoreError) {
    for file in files { try Files.remove(file) }
    for folder in folders.reversed() {
      // Over NFS a file that somebody has open stays for as long.
      guard rmdir(folder) == 0 || errno == ENOENT || errno == ENOTEMPTY else { throw .last("remove", folder) }
    }
  }
}
