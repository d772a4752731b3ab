import Foundation

/// Opens what is already there under the name of an output, where that must not be replaced by a file: a link, a
/// terminal, a pipe, /dev/null.
package enum OutputFile {
  package enum Refusal: Error, Hashable, Sendable {
    /// What is there, into which nothing can be written.
    case occupied(String)
    case system(code: Int32)
  }

  /// An open file to write through; nil where nothing is at `path` or a plain file, which may be replaced in one step.
  /// What a link leads to is written through the link, as shells do.
  package static func openInPlace(_ path: String) throws(Refusal) -> Int32? {
    guard !path.utf8.contains(0) else { throw .system(code: ENOENT) }
    var status = stat()
    guard lstat(path, &status) == 0, let kind = FileKind.other(than: status.st_mode) else { return nil }
    if ["a folder", "a socket"].contains(kind) { throw .occupied(kind) }
    // What the program prints goes on behind it.
    var (target, standard) = (stat(), stat())
    if stat(path, &target) == 0 {
      for file in [STDOUT_FILENO, STDERR_FILENO] where fstat(file, &standard) == 0 {
        if (standard.st_dev, standard.st_ino) == (target.st_dev, target.st_ino) { return dup(file) }
      }
    }
    // A pipe that nobody reads is not waited for.
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0o666)
    guard file >= 0 else {
      switch errno {
      case ENXIO: throw .occupied("\(kind) that nobody reads")
      case EISDIR: throw .occupied("a link to a folder")
      case let code: throw .system(code: code)
      }
    }
    guard fstat(file, &status) == 0, status.st_mode & S_IFMT != S_IFBLK else {
      close(file)
      throw .occupied("a disk")
    }
    // From here on the reader may take its time.
    _ = fcntl(file, F_SETFL, fcntl(file, F_GETFL) & ~O_NONBLOCK)
    return file
  }

  /// Whether all of the bytes could be written.
  package static func write(_ data: Data, to file: Int32) -> Bool {
    data.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return true }
      var written = 0
      while written < bytes.count {
        let count = Glibc.write(file, start + written, bytes.count - written)
        if count >= 0 { written += count } else if errno != EINTR { return false }
      }
      return true
    }
  }
}
