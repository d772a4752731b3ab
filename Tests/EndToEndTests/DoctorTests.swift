import ArtifactStore
import Foundation
import Testing

/// `doctor`: what a folder is good for.
struct DoctorTests {
  private static let checks = [
    "space", "exclusive create", "write and fsync", "fsync of a folder", "rename over a file", "hard link", "flock",
    "visibility", "permissions", "names", "clock", "latency",
  ]

  @Test func aFolderOfThisMachine() throws {
    let repository = try Repository("", faces: [])
    let outcome = try repository.run("doctor", "--json")
    #expect(outcome.status == 0, "\(outcome)")
    let found = try outcome.lines[0]
    #expect(found["folder"]?.string == repository.path(".diffusionclip"))
    let checks = try #require(found["checks"]?.array)
    #expect(checks.compactMap { $0["name"]?.string }.suffix(12) == Self.checks)
    #expect(checks.allSatisfy { $0["verdict"] != "unsafe" }, "\(outcome.output)")
    #expect(found["file_system"]?.string != nil && found["options"]?.array != nil)
    #expect(!FileManager.default.fileExists(atPath: repository.path(".diffusionclip")), "it is left as it was")
  }

  /// The program on this machine: its kernels, that they multiply right, its libraries and recipes.
  @Test func theProgramItself() throws {
    let repository = try Repository("", faces: [])
    let program = try #require(repository.run("doctor", "--json", "--threads", "1").lines[0]["program"])
    #expect(program["path"]?.string == Program.executable)
    let checks = try #require(program["checks"]?.array)
    #expect(
      checks.compactMap { $0["name"]?.string }
        == ["processor", "kernels", "downloads", "libraries", "devices", "recipes"])
    let details = checks.compactMap { $0["detail"]?.string }
    #expect(details[0].contains("1 thread,"))
    #expect(checks[1]["verdict"] == "ok" && details[1].contains("a product differs from float64's by"))
    #expect(details[3].contains("/libpng") && details[3].contains("/libopenblas"))
    #expect(details[5].hasSuffix("/Recipes"))
  }

  @Test func textEndsWithTheVerdict() throws {
    let repository = try Repository("", faces: [])
    let lines = try repository.run("doctor", "deep/er/store").output.split(separator: "\n")
    #expect(lines.first?.hasSuffix("/diffusionclip, version 0.1.0") == true)
    #expect(lines.contains { $0.hasPrefix(repository.path("deep/er/store")) })
    #expect(lines.last?.hasPrefix("safe") == true)
    #expect(lines.contains { $0.hasPrefix("ok      hard link ") })
    #expect(!FileManager.default.fileExists(atPath: repository.path("deep")))
  }

  @Test func twoProcessesTogether() throws {
    let repository = try Repository("", faces: [])
    let outcome = try repository.run("doctor", "faces", "--with", "env", "--json")
    #expect(outcome.status == 0, "\(outcome)")
    let found = try outcome.lines[0]
    #expect(found["verdict"] == "safe to share between machines")
    let names = try #require(found["checks"]?.array).compactMap { $0["name"]?.string }
    for name in [
      "flock", "visibility", "visibility after absence", "visibility from there", "replaced content", "hard link",
      "clock",
    ] {
      #expect(names.contains { $0.hasPrefix(name + " (") }, "\(name)")
    }
    #expect(repository.names(in: "faces") == [])
  }

  @Test func anotherMachineThatCannotBeAsked() throws {
    let repository = try Repository("", faces: [])
    let ended = try repository.run("doctor", "faces", "--with", "false")
    #expect(ended.status == 2)
    #expect(ended.errors.hasPrefix("--with: 'false' ended before it answered"))
    let strange = try repository.run("doctor", "two words", "--with", "env")
    #expect(strange.status == 2)
    #expect(strange.errors.contains("two words has characters that a shell takes apart"))
    #expect(try repository.run("doctor", "--with", " ").status == 64)
    #expect(try repository.run("doctor", "--answer", "../x").status == 64)
    #expect(repository.names(in: "") == [".git", "faces", "recipe.yaml"])
  }

  @Test func anInterruptionLeavesNothing() throws {
    let repository = try Repository("", faces: [])
    try repository.write("sleep 120", to: "silent")
    let program = try repository.start(["doctor", "faces", "--with", "timeout 120 sh silent"])
    let patience = Date.now + 100
    while repository.names(in: "faces").isEmpty, .now < patience { usleep(10_000) }
    program.end(by: SIGINT)
    #expect(try program.outcome().status == 130)
    #expect(repository.names(in: "faces") == [])
  }

  /// A second process may be started before which another disk is mounted over the folder.
  @Test(.enabled(if: SmallDisk.canBeMounted, "mounting a small disk takes root"))
  func anotherFolderThere() throws {
    let repository = try Repository("", faces: [])
    try repository.write(
      """
      exec unshare -m sh -c 'mount -t tmpfs tmpfs "$0" && exec "$@"' \(repository.path("faces")) "$@"
      """, to: "elsewhere")
    let outcome = try repository.run("doctor", "faces", "--with", "sh elsewhere")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("it is another folder there"), "\(outcome)")
  }

  @Test(.enabled(if: SmallDisk.canBeMounted, "mounting a small disk takes root"))
  func aFullAndAReadOnlyDisk() throws {
    let repository = try Repository("", faces: [])
    let disk = try SmallDisk(at: repository.path("disk"), kilobytes: 64)
    defer { disk.unmount() }
    let full = try repository.run("doctor", "disk")
    #expect(full.status == 3)
    #expect(full.output.contains("tmpfs: it is in memory"))
    #expect(full.output.contains("unsafe  space "))
    #expect(full.output.hasSuffix("\nunsafe: space\n"))
    try disk.makeReadOnly()
    let readOnly = try repository.run("doctor", "disk/store", "--json")
    #expect(readOnly.status == 3)
    let found = try readOnly.lines[0]
    #expect(found["verdict"] == "unsafe" && found["file_system"] == "tmpfs")
    #expect(found["checks"]?.array?.count == 1)
    #expect(repository.names(in: "disk") == [])
  }
}
