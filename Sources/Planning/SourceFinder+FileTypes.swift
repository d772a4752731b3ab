import FileSystem
import Foundation

extension SourceFinder {
  enum FileType: Equatable {
    case file, folder
    /// What it is instead: a pipe, a device, a socket.
    case other(String)
    /// A link to what is not there.
    case dangling
  }

  /// Follows symbolic links; nil where nothing is.
  static func fileType(_ path: String) -> FileType? {
    var status = stat()
    guard stat(path, &status) == 0 else {
      return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK ? .dangling : nil
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return .file
    case S_IFDIR: return .folder
    default: return .other(FileKind.other(than: status.st_mode) ?? "no plain file")
    }
  }

  /// A name that is not UTF-8 with its wrong bytes by their numbers; nil where the folder has none that reads so.
  static func escapedName(_ name: String, in folder: String) -> String? {
    guard let listing = opendir(folder) else { return nil }
    defer { closedir(listing) }
    while let entry = readdir(listing) {
      let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      guard String(decoding: bytes, as: UTF8.self).utf8.elementsEqual(name.utf8),
        String(validating: bytes, as: UTF8.self) == nil
      else { continue }
      return bytes.map { $0 < 0x80 ? String(Unicode.Scalar($0)) : "\\x" + String($0, radix: 16, uppercase: true) }
        .joined()
    }
    return nil
  }
}
