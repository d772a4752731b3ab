import FileSystem
import Foundation

/// An open folder that is the program's own: a store, or the results of a run. Everything in it is reached through the
/// open folder, by names in which no part is a symbolic link, so that what somebody put there leads nowhere else.
package final class Folder: Sendable {
  package let path: String
  /// -1 where there is no such folder.
  let descriptor: Int32

  /// The folder at `path`, which may be reached through links.
  package init(at path: String) throws(StoreError) {
    self.path = path
    descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor < 0, errno != ENOENT, errno != ENOTDIR { throw .last("open", path) }
  }

  /// The same; made where there is none.
  package convenience init(making path: String) throws(StoreError) {
    try Files.makeFolder(path)
    try self.init(at: path)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  package var exists: Bool { descriptor >= 0 }

  /// What is called so in it; `/` separates the names of folders on the way.
  package subscript(name: String) -> Place { Place(name, in: self) }
}

/// Where a file or folder is, or would be.
package struct Place: Sendable {
  private let folder: Folder?
  package let name: String

  /// A path as somebody names it: links are followed.
  package init(_ path: String) {
    folder = nil
    name = path
  }

  fileprivate init(_ name: String, in folder: Folder) {
    self.folder = folder
    self.name = name
  }

  package var path: String { folder.map { "\($0.path)/\(name)" } ?? name }

  /// What is called so in the folder that is here.
  package subscript(name: String) -> Place {
    folder.map { Place("\(self.name)/\(name)", in: $0) } ?? Place("\(self.name)/\(name)")
  }

  /// The folder that it is in; nil for one in the open folder itself.
  package var parent: Place? {
    guard let slash = name.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
    let parent = String(name[..<slash])
    return folder.map { Place(parent, in: $0) } ?? Place(parent)
  }

  /// What is called the same with something behind it.
  func suffixed(_ suffix: String) -> Place {
    folder.map { Place(name + suffix, in: $0) } ?? Place(name + suffix)
  }

  var followsLinks: Bool { folder == nil }
  var isInFolder: Bool { folder != nil }

  /// Gives `body` an open folder and the name in it; nil where a folder on the way is not there.
  /// - Parameter makesFolders: whether to make those.
  /// - Throws: ``StoreError/link(_:)`` where one is a link; what `body` throws.
  func reach<Found>(
    makingFolders makesFolders: Bool = false, _ body: (Int32, String) throws(StoreError) -> Found
  ) throws(StoreError) -> Found? {
    guard let folder else { return try body(AT_FDCWD, name) }
    guard folder.exists else { return nil }
    let names = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { String($0) ?? "" }
    guard let last = names.last, !names.contains(where: { ["", ".", ".."].contains($0) || $0.utf8.contains(0) }) else {
      throw .system(operation: "use the name", path: path, code: EINVAL)
    }
    var open = folder.descriptor
    defer { if open != folder.descriptor { close(open) } }
    for (depth, name) in names.dropLast().enumerated() {
      if makesFolders, mkdirat(open, name, 0o777) != 0, errno != EEXIST { throw .last("make the folder", path) }
      let next = openat(open, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      guard next >= 0 else {
        let code = errno
        var status = stat()
        let way = "\(folder.path)/\(names[...depth].joined(separator: "/"))"
        if fstatat(open, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFLNK {
          throw .link(way)
        }
        if code == ENOENT || code == ENOTDIR { return nil }
        throw .last("open", way, code: code)
      }
      if open != folder.descriptor { close(open) }
      open = next
    }
    return try body(open, last)
  }
}
