import Foundation
import Testing

struct FullDiskTests {
  /// A small file system of its own, which only root may mount.
  private struct SmallDisk {
    let folder: String

    init(at folder: String, megabytes: Int) throws {
      self.folder = folder
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try #require(Self.does("mount", "-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", folder))
    }

    func grow(to megabytes: Int) throws {
      try #require(Self.does("mount", "-o", "remount,size=\(megabytes)m", folder))
    }

    func unmount() { _ = Self.does("umount", folder) }

    static let canBeMounted: Bool = {
      let folder = NSTemporaryDirectory() + "small-disk-\(getpid())"
      defer { rmdir(folder) }
      guard geteuid() == 0, let disk = try? SmallDisk(at: folder, megabytes: 1) else { return false }
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

  @Test(.enabled(if: SmallDisk.canBeMounted, "mounting a small disk takes root"))
  func aFullDiskIsSaidAndTheStoreGoesOnLater() throws {
    let repository = try Repository(
      """
      recipe: many
      stages:
        few: { synthesize: { count: 10, size: 64 } }
        many: { synthesize: { count: 200, size: 64, seed: 2 } }
      """)
    let disk = try SmallDisk(at: repository.path("disk"), megabytes: 1)
    defer { disk.unmount() }
    let command = ["run", "recipe.yaml", "--json", "--store", "disk/store"]
    let outcome = try repository.run(command)
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.hasPrefix("recipe.yaml:4:3: error: stage 'many' failed: no space left on the disk while writing "))
    #expect(outcome.errors.hasSuffix("; free some, then run again: finished work is kept\n"))
    #expect(try outcome.finished["ran"] == 1)
    #expect(try outcome.finished["failed"] == 1)

    try disk.grow(to: 20)
    let second = try repository.run(command)
    #expect(second.status == 0)
    #expect(try second.finished["cached"] == 1)
    #expect(try second.finished["ran"] == 1)
  }
}
