import FileSystem
import Foundation
import Hashing

/// Programs as OpenCL drivers built them, in files of one folder, so that the next start need not wait for the compiler. What is
/// there is only taken where it is whole, of this user, and made for the same key; else it is as if it were not there.
///
/// A file is `magic`, the length of its key, the key, the SHA-256 of the rest, and the program.
package struct KernelCache: Sendable {
  private let folder: String
  private static let magic = Array("diffusionclip kernels 1\n".utf8)
  /// No program of the kernels' is larger.
  private static let most = 1 << 28

  /// - Parameter folder: is made when something is first kept.
  package init(folder: String) { self.folder = folder }

  /// `$XDG_CACHE_HOME/diffusionclip/kernels`, else the same in `~/.cache`; nil where neither is known. CUDA's driver has a cache
  /// of its own; so has PoCL, which takes a minute to give a program.
  static func usual(for device: GPUDescription) -> KernelCache? {
    guard device.runtime == .openCL, !device.isProcessor else { return nil }
    let environment = ProcessInfo.processInfo.environment
    // What is relative is to be ignored, as the XDG Base Directory Specification has it.
    let named = environment["XDG_CACHE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
    let home = environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 + "/.cache" : nil }
    return (named ?? home).map { KernelCache(folder: $0 + "/diffusionclip/kernels") }
  }

  /// What a program is kept by: all that its driver made it from.
  package static func key(_ program: KernelProgram, on device: GPUDescription) -> [UInt8] {
    let parts = [
      device.runtime.rawValue, device.vendor, device.name, device.version, device.driver, program.name,
      program.sourceDigest,
    ]
    return Array(parts.joined(separator: "\n").utf8)
  }

  /// What was kept for a key; nil where there is nothing that can be trusted.
  func program(for key: [UInt8]) -> [UInt8]? {
    guard isOwn(folder, S_IFDIR),
      let (file, status) = try? InputFile.open(path(of: key), followsLinks: false)
    else { return nil }
    defer { close(file) }
    guard Self.isOwn(status), status.st_size > 0, status.st_size <= Self.most else { return nil }
    let size = Int(status.st_size)
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { room, count in
      count = max(0, InputFile.fill(UnsafeMutableRawBufferPointer(room), from: file))
    }
    let head = Self.head(of: key)
    guard bytes.count == size, size > head.count + SHA256.byteCount, bytes.starts(with: head) else { return nil }
    let digest = bytes[head.count..<head.count + SHA256.byteCount]
    let program = Array(bytes[(head.count + SHA256.byteCount)...])
    return SHA256.digest(program) == Array(digest) ? program : nil
  }

  /// Keeps a program. What prevents that is of no concern: it is built anew next time.
  package func keep(_ program: [UInt8], for key: [UInt8]) {
    let size = Self.magic.count + key.count + 64 + program.count
    guard !program.isEmpty, size <= Self.most, makeFolder() else { return }
    let path = path(of: key)
    let temporary = "\(path).\(UUID().uuidString)"
    let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { return }
    let isWritten = OutputFile.write(Data(Self.head(of: key) + SHA256.digest(program) + program), to: file)
    guard close(file) == 0, isWritten, rename(temporary, path) == 0 else {
      unlink(temporary)
      return
    }
  }

  /// The folder and those that it is in, for this user alone where they are new.
  private func makeFolder() -> Bool {
    if !isOwn(folder, S_IFDIR) {
      try? FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }
    return isOwn(folder, S_IFDIR)
  }

  /// Whether this user alone can write what is at a path, and it is of this kind and no link.
  private func isOwn(_ path: String, _ kind: mode_t) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == kind && Self.isOwn(status)
  }

  private static func isOwn(_ status: stat) -> Bool { status.st_uid == geteuid() && status.st_mode & 0o022 == 0 }

  private func path(of key: [UInt8]) -> String { "\(folder)/\(SHA256.digest(key).hexadecimal)" }

  private static func head(of key: [UInt8]) -> [UInt8] { magic + Array("\(key.count)\n".utf8) + key }
}
