import Foundation

/// The one place where files are opened that somebody named, or that lie where anybody may have put them: only plain
/// files, and without waiting for what is none.
package enum InputFile {
  /// Why a file is not opened.
  package enum Refusal: Error, Hashable, Sendable {
    case absent
    /// A symbolic link where none is followed.
    case link
    /// What it is instead: "a folder", "a named pipe (FIFO)".
    case notPlain(String)
    case system(code: Int32)

    package var reason: String {
      switch self {
      case .absent: String(cString: strerror(ENOENT))
      case .link: "it is a symbolic link"
      case .notPlain(let kind): "it is \(kind), not a plain file"
      case .system(let code): String(cString: strerror(code)) + Limits.advice(code)
      }
    }
  }

  /// Opens the plain file `name` for reading: its descriptor and its status.
  /// - Parameters:
  ///   - folder: the open folder that a relative name starts from.
  ///   - followsLinks: whether the name itself may be a symbolic link.
  package static func open(
    _ name: String, in folder: Int32 = AT_FDCWD, followsLinks: Bool = true
  ) throws(Refusal) -> (file: Int32, status: stat) {
    // To the system the name would end there, and be another one.
    guard !name.utf8.contains(0) else { throw .absent }
    let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (followsLinks ? 0 : O_NOFOLLOW)
    let file = openat(folder, name, flags)
    guard file >= 0 else {
      switch errno {
      case ENOENT, ENOTDIR: throw .absent
      case ELOOP where !followsLinks: throw .link
      case ENXIO: throw .notPlain("a socket")
      case let code: throw .system(code: code)
      }
    }
    var status = stat()
    guard fstat(file, &status) == 0 else {
      let code = errno
      close(file)
      throw .system(code: code)
    }
    if let kind = FileKind.other(than: status.st_mode) ?? FileKind.ofSystem(status) {
      close(file)
      throw .notPlain(kind)
    }
    return (file, status)
  }

  /// Reads from the place `offset`, if there is one, until `buffer` is full or the file ends: the number of bytes, or -1.
  package static func fill(
    _ buffer: UnsafeMutableRawBufferPointer, from file: Int32, check: () -> Bool = { true }
  ) -> Int {
    guard let start = buffer.baseAddress else { return 0 }
    var filled = 0
    while filled < buffer.count {
      // In pieces, so that an interruption is heeded.
      let count = read(file, start + filled, min(buffer.count - filled, 1 << 26))
      if count < 0 {
        if errno == EINTR { continue }
        return -1
      }
      if count == 0 { break }
      filled += count
      guard check() else { break }
    }
    return filled
  }
}

/// Limits of the shell, of which the system only says that they are reached.
package enum Limits {
  /// What to do about an error of the system; empty where that is not about a limit.
  package static func advice(_ code: Int32) -> String {
    switch code {
    case ENOMEM: "; allow more memory (`ulimit -v`)"
    case EMFILE, ENFILE: "; allow more open files (`ulimit -n`)"
    default: ""
    }
  }

  /// What to do where no thread can be started: its stack is memory, too.
  package static let threadAdvice = "; allow more memory (`ulimit -v`) or more processes (`ulimit -u`)"

  /// Whether so many more files can be opened now: Swift's own tasks end the program by a trap where they find none.
  package static func canOpen(_ count: Int) -> Bool {
    var files: [Int32] = []
    defer { for file in files { close(file) } }
    for _ in 0..<count {
      let file = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      if file >= 0 { files.append(file) } else if [EMFILE, ENFILE].contains(errno) { return false }
    }
    return true
  }
}

/// What there is in a file system besides plain files, as people call it.
package enum FileKind {
  /// What something of this mode is; nil for a plain file.
  package static func other(than mode: mode_t) -> String? {
    switch mode & S_IFMT {
    case S_IFREG: nil
    case S_IFDIR: "a folder"
    case S_IFLNK: "a symbolic link"
    case S_IFIFO: "a named pipe (FIFO)"
    case S_IFSOCK: "a socket"
    case S_IFCHR, S_IFBLK: "a device"
    default: "no plain file"
    }
  }

  /// Whether a file is one that the kernel makes up, whose bytes are other ones each time: of /proc or /sys.
  static func ofSystem(_ status: stat) -> String? {
    systemDevices.contains(status.st_dev) ? "an entry of /proc or /sys" : nil
  }

  private static let systemDevices: Set<dev_t> = {
    func device(_ path: String) -> dev_t? {
      var status = stat()
      return stat(path, &status) == 0 ? status.st_dev : nil
    }
    // A folder of that name where nothing is mounted is like any other.
    return Set(["/proc", "/sys"].compactMap(device)).subtracting([device("/")].compactMap(\.self))
  }()
}
