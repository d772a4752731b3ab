import Foundation

/// A file system as the kernel lists it: what is known of it before anything is tried.
public struct Mount: Sendable, Hashable {
  /// Where it is mounted.
  public let folder: String
  /// Such as "ext4" or "nfs4".
  public let kind: String
  /// Those of the mount, then those of the file system.
  public let options: [String]

  /// The file system that the absolute path of an existing folder is on; nil where the kernel does not tell.
  public init?(of path: String) {
    let file = FileHandle(forReadingAtPath: "/proc/self/mountinfo")
    guard let data = try? file?.read(upToCount: 4 << 20) else { return nil }
    let mounts = Mount.list(String(decoding: data, as: UTF8.self))
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    guard let mount = Mount.around(String(cString: real), in: mounts) else { return nil }
    self = mount
  }

  /// One line of `/proc/self/mountinfo`; nil where it is none.
  init?(line: Substring) {
    // 36 35 98:0 /root /folder rw,noatime master:1 - ext3 /dev/root rw,errors=continue
    let fields = line.split(separator: " ")
    guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count >= dash + 3,
      let folder = Self.unescaped(fields[4]), folder.hasPrefix("/")
    else { return nil }
    let more = fields.count > dash + 3 ? fields[dash + 3] : ""
    let options = (fields[5].split(separator: ",") + more.split(separator: ",")).map(String.init)
    (self.folder, kind) = (folder, String(fields[dash + 1]))
    self.options = options.enumerated().filter { options.firstIndex(of: $1) == $0 }.map(\.element)
  }

  package static func list(_ text: String) -> [Mount] { text.split(separator: "\n").compactMap { Mount(line: $0) } }

  /// The mount that a path lies on: the deepest around it, of several on one folder the last.
  package static func around(_ path: String, in mounts: [Mount]) -> Mount? {
    mounts.filter { $0.folder == "/" || path == $0.folder || path.hasPrefix($0.folder + "/") }
      .enumerated().max { ($0.element.folder.utf8.count, $0.offset) < ($1.element.folder.utf8.count, $1.offset) }?
      .element
  }

  /// Spaces and the like are written as `\040`.
  private static func unescaped(_ field: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = field.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        bytes.append(byte)
        continue
      }
      guard let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8) else { return nil }
      bytes.append(code)
      rest = rest.dropFirst(3)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}

// MARK: - What is known of file systems

extension Mount {
  /// Whom a lock keeps out, as far as the kind and the options tell.
  public enum Reach: Sendable {
    /// Processes on every machine.
    case everywhere
    /// Those of the same machine, while others use the files too.
    case oneMachine
    /// The files are of this machine alone.
    case unshared
    case unknown
  }

  /// How far `flock` reaches, and what to know besides.
  package var known: (reach: Reach, remark: String) {
    let localLock = options.first { $0.hasPrefix("local_lock=") }?.dropFirst("local_lock=".count)
    switch kind {
    case "nfs", "nfs4":
      var remarks = ["whether the server exports it with `async`, and may lose what it confirmed, cannot be seen here"]
      if options.contains("soft") { remarks.append("`soft` turns a slow server into failed actions: mount it `hard`") }
      if options.contains("noac") || options.contains("actimeo=0") { remarks.append("without its cache it is slow") }
      let isLocal = options.contains("nolock") || localLock == "flock" || localLock == "all"
      return (isLocal ? .oneMachine : .everywhere, remarks.joined(separator: "; "))
    case "luster":
      if options.contains("flock") { return (.everywhere, "a cluster's file system") }
      return (
        .oneMachine,
        options.contains("localflock")
          ? "mount it with `flock`, and locks reach every machine"
          : "it has no locks, and `gc` will not work: mount it with `flock`"
      )
    case "ceph": return (.everywhere, "a cluster's file system")
    case "cifs", "smb3", "9p", "fuse.sshfs", "beegfs":
      return (.oneMachine, "locks stay on this machine unless it is set up otherwise: see what --with finds")
    case "tmpfs", "ramfs": return (.unshared, "it is in memory, and gone when the machine restarts")
    case "overlay": return (.unshared, "a container's own layer, and gone with the container")
    case "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs":
      return (.unshared, "a file system of this machine")
    default: return (.unknown, "nothing is known of this kind of file system")
    }
  }
}
