import Foundation
import Testing

/// A small file system in memory, which only root may mount.
struct SmallDisk {
  let folder: String

  init(at folder: String, kilobytes: Int) throws {
    self.folder = folder
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try #require(Self.does("mount", "-t", "tmpfs", "-o", "size=\(kilobytes)k", "tmpfs", folder))
  }

  func resize(toKilobytes size: Int) throws {
    try #require(Self.does("mount", "-o", "remount,size=\(size)k", folder))
  }

  func makeReadOnly() throws { try #require(Self.does("mount", "-o", "remount,ro", folder)) }

  /// How much of it is taken.
  var usedKilobytes: Int {
    get throws {
      var status = statvfs()
      try #require(statvfs(folder, &status) == 0)
      return Int(status.f_blocks - status.f_bfree) * Int(status.f_frsize) / 1024
    }
  }

  func unmount() { _ = Self.does("umount", folder) }

  static let canBeMounted: Bool = {
    let folder = NSTemporaryDirectory() + "small-disk-\(getpid())"
    defer { rmdir(folder) }
    guard geteuid() == 0, let disk = try? SmallDisk(at: folder, kilobytes: 64) else { return false }
    disk.unmount()
    return true
  }()

  /// Whether a command ends well.
  private static func does(_ command: String...) -> Bool {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = command
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }
}
