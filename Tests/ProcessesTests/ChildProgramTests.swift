import Foundation
import Processes
import Testing

/// Programs are run to their end, with what they are given, and leave nobody behind.
struct ChildProgramTests {
  private final class Heard {
    var output = ""
    var progress = ""
  }

  private struct Stop: Error {}

  private func run(
    _ script: String, memory: Int = 500, fileSize: Int = 1 << 20, seconds: Double = 20,
    environment: [String: String] = [:],
    folder: String = "/", _ check: () throws -> Void = {}
  ) throws -> (result: ChildProgram.Result, heard: Heard) {
    let heard = Heard()
    let result = try ChildProgram(
      path: "/bin/sh", arguments: ["sh", "-c", script],
      environment: ["PATH": "/usr/bin:/bin"].merging(environment) { $1 }, folder: folder,
      memory: UInt64(memory) << 20, fileSize: UInt64(fileSize), seconds: seconds
    ).run(
      output: { heard.output += String(decoding: $0, as: UTF8.self) },
      progress: { heard.progress += String(decoding: $0, as: UTF8.self) }, check: check)
    return (result, heard)
  }

  /// Whether some process has this command line.
  private func isRunning(_ words: String) -> Bool {
    let folders = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return folders.contains { name in
      guard Int(name) != nil, let data = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else {
        return false
      }
      return String(decoding: data, as: UTF8.self).replacing("\0", with: " ").hasPrefix(words)
    }
  }

  @Test func whatItPrintsAndHowItEnds() throws {
    let (result, heard) = try run("pwd; echo wrong >&2; echo half >&3; exit 7", folder: "/usr")
    #expect(result.end == .exited(7))
    #expect(heard.output == "/usr\nwrong\n" && heard.progress == "half\n")
    #expect(result.leftBehind == 0 && result.megabytes > 0.1)
    #expect(try run("kill -9 $$").result.end == .signaled(9))
    #expect(throws: ChildProgram.Refusal.self) {
      try ChildProgram(
        path: "/nowhere", arguments: ["x"], environment: [:], folder: "/", memory: 1 << 30, fileSize: 1, seconds: 1
      ).run(output: { _ in }, progress: { _ in }, check: {})
    }
  }

  @Test func itHasNothingOfThisProcess() throws {
    setenv("SECRET_OF_THE_USER", "1", 1)
    let heard = try run("env; ls /proc/self/fd; cat; ps -o sid= -p $$ 2>/dev/null", environment: ["A": "b c"]).heard
    let lines = heard.output.split(separator: "\n")
    let names = Set(lines.compactMap { $0.contains("=") ? String($0.prefix { $0 != "=" }) : nil })
    #expect(names.isSubset(of: ["A", "PATH", "PWD", "OLDPWD", "SHLVL", "_", ChildProgram.mark]))
    #expect(lines.contains("A=b c"))
    // `ls` has the folder that it lists open, too.
    #expect(lines.filter { Int($0) != nil && $0.utf8.count < 3 }.count <= 5)
  }

  @Test func itIsEndedWhereItTakesTooLong() throws {
    let start = ContinuousClock.now
    #expect(try run("sleep 777", seconds: 0.2).result.end == .outOfTime)
    // One that does not listen is killed.
    #expect(try run("trap '' TERM; while :; do sleep 0.1; done", seconds: 0.2).result.end == .outOfTime)
    #expect(ContinuousClock.now - start < .seconds(8))
    #expect(!isRunning("sleep 777"))
  }

  @Test func whatItStartedEndsWithIt() throws {
    #expect(try run("sleep 778 & setsid sleep 779 & sleep 0.1; echo done").result.leftBehind == 2)
    #expect(!isRunning("sleep 778") && !isRunning("sleep 779"))
    var asked = 0
    #expect(throws: Stop.self) {
      try run("setsid sleep 780 & sleep 781") {
        asked += 1
        if asked > 3 { throw Stop() }
      }
    }
    #expect(!isRunning("sleep 780") && !isRunning("sleep 781"))
  }

  /// One that cannot be found again, and goes on writing, holds nobody up.
  @Test func whoGotAwayIsNotWaitedFor() throws {
    let start = ContinuousClock.now
    let heard = Heard()
    let result = try ChildProgram(
      path: "/bin/sh", arguments: ["sh", "-c", "setsid env -i /usr/bin/timeout 6 /usr/bin/yes & sleep 0.3"],
      environment: ["PATH": "/usr/bin:/bin"], folder: "/", memory: 1 << 30, fileSize: 1 << 20, seconds: 3
    ).run(output: { _ in heard.output = "some" }, progress: { _ in }, check: {})
    #expect(result.end == .exited(0) && heard.output == "some" && ContinuousClock.now - start < .seconds(3))
  }

  @Test func limits() throws {
    let tooLarge = try run(
      "dd if=/dev/zero of=/dev/shm/limits-\(getpid()) bs=1k count=2000 2>/dev/null; rm /dev/shm/limits-\(getpid()); kill -XFSZ $$"
    )
    #expect(tooLarge.result.end == .signaled(SIGXFSZ))
    let core = try run("ulimit -c; ulimit -d; ulimit -f", memory: 300, fileSize: 51_200).heard.output
    #expect(core.split(separator: "\n") == ["0", "307200", "100"])
  }

  /// One that prints without end is heard in pieces, and ended in time.
  @Test func muchOutput() throws {
    let heard = Heard()
    var count = 0
    let result = try ChildProgram(
      path: "/bin/sh", arguments: ["sh", "-c", "yes 2>/dev/null"], environment: ["PATH": "/usr/bin:/bin"], folder: "/",
      memory: 1 << 30, fileSize: 1 << 20, seconds: 0.3
    ).run(output: { count += $0.count }, progress: { heard.progress += "\($0.count)" }, check: {})
    #expect(result.end == .outOfTime && count > 1000 && heard.progress.isEmpty)
  }
}
