import ArtifactStore
import Escaping
import Foundation
import Testing

/// Files that are no plain files, or whose bytes cannot be read.
struct OddFilesTests {
  private static let recipe = """
    recipe: small
    stages:
      faces: { load: { images: [faces/ada.png, faces/odd.png], size: 16 } }
      sheet: { figure: { rows: { faces: faces } } }
    outputs: [sheet]
    """

  @Test(arguments: [
    (ForeignFilesTests.Plant.pipe, "a named pipe (FIFO)"), (.socket, "a socket"), (.device, "a device"),
  ])
  func aSourceIsAPlainFile(_ plant: ForeignFilesTests.Plant, _ kind: String) throws {
    guard plant != .device || geteuid() == 0 else { return }
    let repository = try Repository(Self.recipe)
    try plant.put(at: repository.path("faces/odd.png"), outside: repository.folder)
    for command in ["check", "plan", "run"] {
      let outcome = try repository.start([command, "recipe.yaml"]).outcome(within: 10)
      #expect(outcome.status == 2)
      #expect(
        outcome.errors.contains("'faces/odd.png' in 'images' of 'load' takes \(kind), not a plain file"),
        "\(command): \(outcome)")
    }
  }

  @Test func entriesOfTheSystemAreNoSources() throws {
    let recipe = Self.recipe.replacing("faces/odd.png", with: "/proc/self/environ")
    let outcome = try Repository(recipe).start(["run", "recipe.yaml"]).outcome(within: 10)
    #expect(outcome.status == 2 && outcome.errors.contains("an entry of /proc or /sys"), "\(outcome)")
  }

  @Test(arguments: [["run"], ["plan"], ["check"], ["exec", "--action", "x", "--plan"], ["inspect"], ["compare", "x"]])
  func whatIsReadIsNotWaitedFor(_ command: [String]) throws {
    let repository = try Repository(Self.recipe)
    try ForeignFilesTests.Plant.pipe.put(at: repository.path("pipe"), outside: "")
    try FileManager.default.createDirectory(atPath: repository.path("x"), withIntermediateDirectories: true)
    let outcome = try repository.start(command + ["pipe"]).outcome(within: 10)
    #expect(outcome.status == 2, "\(outcome)")
    #expect(outcome.errors.contains("pipe") || command[0] == "compare", "\(outcome)")
  }

  @Test(arguments: ["x", "-", "é", "./y"]) func outputsMayHaveShortNames(_ name: String) throws {
    let repository = try Repository(Self.recipe.replacing(", faces/odd.png", with: ""))
    for arguments in [
      ["plan", "recipe.yaml", "--out=\(name)"], ["plan", "recipe.yaml", "--cost", "--plot=\(name).svg"],
      ["run", "recipe.yaml", "--junit=\(name)"], ["run", "recipe.yaml", "--runs=r/\(name)"],
      ["export", "recipe.yaml", "faces", "--to=e\(name)"],
    ] {
      let outcome = try repository.run(arguments)
      #expect(outcome.status == 0, "\(arguments): \(outcome)")
    }
    #expect(try repository.run("plan", "recipe.yaml", "--out", "plan.json").status == 0)
    let outcome = try repository.run("exec", "--plan", "plan.json", "--action", "faces", "--receipt=\(name)")
    #expect(try outcome.status == 0 && repository.text(name).begins(with: "{"), "\(outcome)")
  }

  @Test func outputsAreWrittenThroughWhatIsThere() throws {
    let repository = try Repository(Self.recipe.replacing("odd", with: "bob"))
    try #require(try repository.run("run", "recipe.yaml").status == 0)
    let printed = try repository.run("plan", "recipe.yaml", "--out", "/dev/stdout").output
    #expect(printed.hasPrefix("{\n  \"plan\": "))
    try FileManager.default.createSymbolicLink(atPath: repository.path("link.json"), withDestinationPath: "plan.json")
    #expect(try repository.run("plan", "recipe.yaml", "--out", "link.json").status == 0)
    let kind = try FileManager.default.attributesOfItem(atPath: repository.path("link.json"))[.type]
    #expect(kind as? FileAttributeType == .typeSymbolicLink, "the link stays")
    #expect(try repository.text("plan.json").contains("\"numerics\""))
    for target in ["/dev/null", "link.json"] {
      let outcome = try repository.run("exec", "--plan", "plan.json", "--action", "sheet", "--receipt", target)
      #expect(outcome.status == (target == "/dev/null" ? 0 : 0), "\(outcome)")
    }
    var status = stat()
    #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
    #expect(try repository.text("plan.json").contains("\"actions\""))
    try ForeignFilesTests.Plant.pipe.put(at: repository.path("pipe"), outside: "")
    let commands = [["plan", "recipe.yaml", "--out"], ["run", "recipe.yaml", "--junit"]]
    for (command, place) in commands.flatMap({ command in ["pipe", "faces"].map { (command, $0) } }) {
      let outcome = try repository.start(command + [place]).outcome(within: 10)
      // Whether somebody reads a pipe is known once there is something to write.
      #expect(outcome.status == (place == "pipe" && command[0] == "run" ? 1 : 2), "\(outcome)")
      let what = place == "pipe" ? "a named pipe (FIFO) that nobody reads, not a plain file" : "a folder: name a file"
      #expect(outcome.errors.contains("\(place) is \(what)"), "\(outcome)")
    }
  }

  @Test func hashingALongFileIsInterrupted() throws {
    let repository = try Repository(Self.recipe)
    let file = try #require(fopen(repository.path("faces/odd.png"), "w"))
    try #require(ftruncate(fileno(file), 1 << 40) == 0)
    fclose(file)
    // Where others compute, not every answer comes within a second.
    let times = try (0..<5).map { _ in
      let program = try repository.start(["run", "recipe.yaml"])
      usleep(400_000)
      let clock = ContinuousClock()
      let start = clock.now
      program.send(SIGINT)
      let outcome = try program.outcome(within: 20)
      #expect(outcome.status == 130, "\(outcome)")
      return clock.now - start
    }
    #expect(times.contains { $0 < .seconds(1) }, "\(times)")
  }

  // MARK: Bad sectors

  /// A library that makes reading of files fail whose path has `DIFFUSIONCLIP_BAD_SECTOR` in it.
  private static let badSectors: String? = {
    let folder = NSTemporaryDirectory() + "bad-sectors-\(getpid())"
    let source = """
      #define _GNU_SOURCE
      #include <dlfcn.h>
      #include <errno.h>
      #include <stdio.h>
      #include <stdlib.h>
      #include <string.h>
      #include <unistd.h>
      ssize_t read(int file, void *buffer, size_t count) {
        static ssize_t (*next)(int, void *, size_t);
        if (!next) next = (ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
        char link[64], path[4096];
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ssize_t size = readlink(link, path, sizeof path - 1);
        const char *bad = getenv("BAD_SECTOR");
        if (bad && size > 0) {
          path[size] = 0;
          if (strstr(path, bad)) { errno = EIO; return -1; }
        }
        return next(file, buffer, count);
      }
      """
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      atexit { try? FileManager.default.removeItem(atPath: NSTemporaryDirectory() + "bad-sectors-\(getpid())") }
      try source.write(toFile: folder + "/read.c", atomically: true, encoding: .utf8)
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = ["cc", "-shared", "-fPIC", "-o", folder + "/read.so", folder + "/read.c", "-ldl"]
      try process.run()
      process.waitUntilExit()
      return process.terminationStatus == 0 ? folder + "/read.so" : nil
    } catch { return nil }
  }()

  @Test(.enabled(if: badSectors != nil, "there is no C compiler")) func oneUnreadableFileIsNotTheEnd() throws {
    let library = try #require(Self.badSectors)
    let repository = try Repository(Self.recipe.replacing("odd", with: "bob"))
    try #require(try repository.run("run", "recipe.yaml").status == 0)
    let digests = try repository.digests("small")
    let record = try repository.json("\(repository.latest("small"))/run.json")
    let object = try #require(record["artifacts"]?.array?.last?["items"]?.array?.first?["object"]?.string)
    let key = try #require(
      repository.json("\(repository.latest("small"))/actions.json")["actions"]?.array?.first?["key"]?.string)
    for bad in ["/objects/\(object.prefix(2))/\(object)", "/actions/\(key.prefix(2))/\(key)"] {
      let broken = ["LD_PRELOAD": library, "BAD_SECTOR": bad]
      // Once the file is written anew, its sectors are good: a disk does so, and the library does not.
      let copy = try Repository(copying: repository)
      let run = try copy.start(["run", "recipe.yaml"], with: broken).outcome(within: 20)
      #expect((0...1).contains(run.status), "\(bad): \(run)")
      let looked = try Repository(copying: repository)
      let verified = try looked.start(["verify"], with: broken).outcome(within: 20)
      #expect(verified.status == 1 && !verified.errors.contains("could not"), "\(bad): \(verified)")
      if bad.hasPrefix("/objects") { #expect(verified.output.contains("Input/output error"), "\(verified)") }
      let repaired = try copy.start(["verify", "--repair"], with: broken).outcome(within: 20)
      #expect(repaired.output.contains("after repair"), "\(bad): \(repaired)")
      #expect(try copy.run("verify", "--repair").status == 0)
      #expect(try copy.run("run", "recipe.yaml").status == 0)
      #expect(try copy.digests("small") == digests)
    }
  }

  @Test(arguments: ["-n 6", "-n 12", "-v 120000", "-v 300000"]) func limitsAreNamed(_ limit: String) throws {
    let repository = try Repository(Self.recipe.replacing("odd", with: "bob"))
    let program = try #require(Bundle.main.executableURL).deletingLastPathComponent().appending(path: "diffusionclip")
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", "exec >out 2>&1; ulimit \(limit); exec timeout 20 '\(program.path)' run recipe.yaml"]
    process.currentDirectoryURL = URL(filePath: repository.folder)
    try process.run()
    process.waitUntilExit()
    let said = try repository.text("out")
    #expect([0, 1, 2].contains(process.terminationStatus), "\(limit): \(process.terminationStatus) \(said)")
    #expect(!said.contains("install"), "\(limit): \(said)")
    if process.terminationStatus != 0 { #expect(said.contains("ulimit"), "\(limit): \(said)") }
  }
}
