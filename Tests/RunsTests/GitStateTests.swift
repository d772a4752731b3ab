import Foundation
import Runs
import Testing

/// What git's files say of a work tree, held against git.
@Suite struct GitStateTests {
  private let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "git-state-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder + "/sub", withIntermediateDirectories: true)
    for name in ["a.yaml", "sub/b.txt"] { try write(name, name) }
  }

  private func write(_ text: String, _ name: String) throws {
    try text.write(toFile: "\(folder)/\(name)", atomically: false, encoding: .utf8)
  }

  @discardableResult private func git(_ arguments: String...) throws -> String {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["git", "-c", "user.name=x", "-c", "user.email=x@x"] + arguments
    process.currentDirectoryURL = URL(filePath: folder)
    (process.standardOutput, process.standardError) = (output, FileHandle.nullDevice)
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "git \(arguments)")
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  @Test(arguments: ["sha1", "sha256"]) func aWorkTree(_ format: String) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(GitState(of: folder) == nil)
    try git("init", "-b", "main", "--object-format=\(format)")
    #expect(GitState(of: folder) == nil, "there is no commit")
    try git("add", ".")
    try git("commit", "-m", "x")
    let head = try git("rev-parse", "HEAD")
    func state() throws -> GitState { try #require(GitState(of: folder)) }
    #expect(try state().commit == head && state().branch == "main" && state().isDirty == false)
    // Written anew with the same bytes.
    try write("a.yaml", "a.yaml")
    #expect(try state().isDirty == false)
    try write("c.yaml", "untracked")
    #expect(try state().isDirty == false, "as git describe has it")
    try write("b.yaml", "a.yaml")
    #expect(try state().isDirty == true, "of the same length")
    try git("checkout", "a.yaml")
    #expect(try state().isDirty == false)
    try FileManager.default.removeItem(atPath: folder + "/sub/b.txt")
    #expect(try state().isDirty == true)
    try git("checkout", ".")
    try #require(chmod(folder + "/a.yaml", 0o755) == 0)
    #expect(try state().isDirty == true)
    try #require(chmod(folder + "/a.yaml", 0o644) == 0)
    try write("longer than before", "a.yaml")
    try git("add", "a.yaml")
    #expect(try state().isDirty == true, "staged")
    try git("commit", "-m", "y")
    #expect(try state().isDirty == false && state().commit != head)

    // References in one file, tags, a commit without a branch, a worktree.
    try git("tag", "-a", "-m", "with a message", "v1")
    try git("pack-refs", "--all")
    let second = try git("rev-parse", "HEAD")
    #expect(try state().commit == second)
    #expect(GitState.commit("v1", of: folder) == second && GitState.commit("main", of: folder) == second)
    #expect(GitState.commit("HEAD", of: folder) == second)
    #expect(GitState.commit(String(head.prefix(9)), of: folder) == String(head.prefix(9)))
    for name in ["v2", "../HEAD", "", "HEAD~1", "main\u{301}"] {
      #expect(GitState.commit(name, of: folder) == nil, "\(name)")
    }
    try git("checkout", "--detach", head)
    #expect(try state().commit == head && state().branch == nil && state().isDirty == false)
    try git("worktree", "add", "-b", "other", "tree", second)
    let tree = try #require(GitState(of: folder + "/tree"))
    #expect(tree.commit == second && tree.branch == "other" && tree.isDirty == false)
  }

  /// Nothing in a repository is executed or followed out of it, and nothing hangs.
  @Test func aRepositoryThatIsNone() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let files = FileManager.default
    try files.createDirectory(atPath: folder + "/.git/refs/heads", withIntermediateDirectories: true)
    let heads = [
      "", "ref: refs/../../a.yaml", "ref: /etc/passwd", "ref: refs/heads/loop", "zzz", "ref: refs/heads/\u{0}",
      String(repeating: "a", count: 70_000),
    ]
    try write("ref: refs/heads/loop\n", ".git/refs/heads/loop")
    for head in heads {
      try write(head, ".git/HEAD")
      #expect(GitState(of: folder) == nil, "\(head.prefix(40))")
    }
    try files.removeItem(atPath: folder + "/.git/HEAD")
    try #require(mkfifo(folder + "/.git/HEAD", 0o600) == 0)
    #expect(GitState(of: folder) == nil)
    try files.removeItem(atPath: folder + "/.git/HEAD")
    try write(String(repeating: "0", count: 40), ".git/HEAD")
    for index in ["DIRC", "DIRC\u{0}\u{0}\u{0}\u{2}\u{7F}\u{7F}\u{7F}\u{7F}", "x"] {
      try write(index, ".git/index")
      #expect(GitState(of: folder)?.isDirty == .some(nil))
    }
  }
}
