import Foundation

/// A file, or a folder and all that is in it. Symbolic links are not followed.
package struct FileTree {
  private(set) var bytes = 0
  /// When the latest of it was written: nanoseconds since 1970.
  private(set) var modified = Int.min
  private var files: [Place] = []
  /// Each before those in it.
  private var folders: [Place] = []

  /// Nil where there is nothing at `place`.
  package init?(at place: Place) throws(StoreError) { try self.init(at: place, isOpened: false) }

  /// The same of what is to be removed, in which a program may have closed folders to everybody: they are opened.
  package init?(opening place: Place) throws(StoreError) { try self.init(at: place, isOpened: true) }

  private init?(at place: Place, isOpened: Bool) throws(StoreError) {
    var unseen = [place]
    while let place = unseen.popLast() {
      guard let status = try Files.rawStatus(of: place) else { continue }
      modified = max(modified, Files.Status(status).modified)
      if status.st_mode & S_IFMT == S_IFDIR {
        folders.append(place)
        if isOpened, status.st_mode & S_IRWXU != S_IRWXU { try Files.openToOwner(place) }
        for name in try Files.names(in: place) { unseen.append(place[name]) }
      } else {
        files.append(place)
        bytes += Int(status.st_size)
      }
    }
    if modified == .min { return nil }
  }

  package func remove() throws(StoreError) {
    for file in files { try Files.remove(file) }
    for folder in folders.reversed() { try Files.removeFolder(folder) }
  }
}
