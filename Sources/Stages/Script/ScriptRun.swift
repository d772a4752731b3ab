import ArtifactStore
import Escaping
import Foundation
import Processes
import StageKit

/// One attempt to run a program and to take what it makes.
struct ScriptRun {
  private let script: Script
  private let context: any StageContext

  init(_ script: Script, _ context: any StageContext) {
    self.script = script
    self.context = context
  }

  /// Bytes that a file may have that a program writes.
  static let largestFile = 4 << 30

  /// What the program made, all of it as it should be.
  /// - Throws: `ResultError` where it failed or made something else; `InputError` where there is no such program.
  func perform() throws -> [ScriptResults.Made] {
    let words = script.command.map(\.text)
    let spoken = "`\(words.map { Escape.shell(Escape.onOneLine($0)) }.joined(separator: " ").abridged)`"
    let folder = try ScriptFolder(script, context)
    let environment = environment(in: folder)
    let path = try Self.path(of: words[0], for: script, in: folder)
    let log = ScriptLog(context)
    let progress = ScriptProgress(context)
    let result: ChildProgram.Result
    do {
      result = try ChildProgram(
        path: path, arguments: words, environment: environment, folder: folder.path,
        memory: UInt64(script.memoryMegabytes) << 20, fileSize: UInt64(Self.largestFile), seconds: script.timeout
      ).run(output: log.take, progress: progress.take, check: context.checkCancellation)
    } catch let refusal as ChildProgram.Refusal { throw refused(spoken, refusal.code) }
    log.finish()
    let seconds = Readable.duration(result.seconds)
    if result.leftBehind > 0 {
      context.log("\(Readable.count(result.leftBehind, "process")) that it left behind, ended")
    }
    guard result.end == .exited(0) else {
      throw ResultError("\(spoken) \(ending(result.end)) after \(seconds)\(log.lastWords)")
    }
    return try ScriptResults(folder, spoken: spoken).read()
  }

  private func ending(_ end: ChildProgram.End) -> String {
    switch end {
    case .exited(let status): "ended with status \(status)"
    case .outOfTime: "took longer than its timeout_s and was ended"
    case .signaled(SIGXFSZ):
      "was ended because it wrote a file of more than \(Readable.size(Self.largestFile))"
    case .signaled(let number): "was ended by signal \(number) (\(String(cString: strsignal(number))))"
    }
  }

  private func refused(_ spoken: String, _ code: Int32) -> InputError {
    let advice =
      switch code {
      case ENOEXEC:
        ": it is no program; start it by the one that reads it, such as [sh, \(script.command[0].text)]"
      case EACCES: ": make the file executable, or start it by the program that reads it"
      case E2BIG: ": give it shorter arguments; it finds its items in stage.json"
      default: ""
      }
    return InputError("\(spoken) cannot be started (\(String(cString: strerror(code))))\(advice)")
  }

  // MARK: What it starts with

  /// Nothing of the user's but what the recipe names.
  private func environment(in folder: ScriptFolder) -> [String: String] {
    let own = ProcessInfo.processInfo.environment
    let usual = [
      "PATH": Self.usualPath, "HOME": folder.path, "TMPDIR": folder.path + "/tmp", "LANG": "C.UTF-8",
    ]
    return script.environment.reduce(into: usual) { variables, name in
      if let value = own[name] { variables[name] = value }
    }
  }

  private static let usualPath = "/usr/local/bin:/usr/bin:/bin"

  /// The file of the program: one with a slash in its name starts at the program's folder.
  /// - Throws: `InputError` where there is none.
  static func path(of name: String, for script: Script, in folder: ScriptFolder? = nil) throws -> String {
    if name.begins(with: "/") {
      guard access(name, F_OK) == 0 else { throw InputError("there is no program \(name)") }
      return name
    }
    if name.has("/") { return "\(folder?.path ?? ".")/\(name)" }
    let isGiven = script.environment.contains("PATH")
    let search = (isGiven ? ProcessInfo.processInfo.environment["PATH"] : nil) ?? usualPath
    for place in search.parts(at: ":") where place.begins(with: "/") {
      let path = "\(place)/\(name)"
      var status = stat()
      if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, access(path, X_OK) == 0 { return path }
    }
    throw InputError(
      "there is no program '\(name)' in \(search): install it, write its whole path, or ./\(name) for one of 'files'"
        + (isGiven ? "" : "; `environment: [PATH]` lets it be found where your shell finds it"))
  }
}

/// What a program prints, line by line.
final class ScriptLog {
  private let context: any StageContext
  private var line: [UInt8] = []
  /// Whether the line goes on beyond what is kept of it.
  private var isCut = false
  /// Whether what comes next is drawn over it, unless it is the line's end.
  private var isDrawnOver = false
  private var count = 0
  private var last: [(bytes: [UInt8], isCut: Bool)] = []

  /// Bytes of a line, lines of a log, and lines of an error.
  private static let (longest, most, lastCount) = (500, 200, 20)

  init(_ context: any StageContext) { self.context = context }

  func take(_ bytes: UnsafeRawBufferPointer) {
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\n"): endLine()
      // A progress bar is drawn over and over.
      case UInt8(ascii: "\r"): isDrawnOver = true
      default:
        if isDrawnOver { startLine() }
        if line.count < Self.longest { line.append(byte) } else { isCut = true }
      }
    }
  }

  /// Tells what stands behind the last line's end, and how a long log ended.
  func finish() {
    if !line.isEmpty { endLine() }
    guard count > Self.most else { return }
    let rest = min(last.count, count - Self.most)
    if count > Self.most + rest { context.log("… \(count - Self.most - rest) more lines …") }
    for line in last.suffix(rest) { context.log(Self.text(line)) }
  }

  /// For an error.
  var lastWords: String {
    last.isEmpty
      ? "; it printed nothing" : "; its last words:\n" + last.map { "  " + Self.text($0) }.joined(separator: "\n")
  }

  private static func text(_ line: (bytes: [UInt8], isCut: Bool)) -> String {
    Escape.onOneLine(String(decoding: line.bytes, as: UTF8.self)) + (line.isCut ? " …" : "")
  }

  private func startLine() {
    line.removeAll(keepingCapacity: true)
    isCut = false
    isDrawnOver = false
  }

  private func endLine() {
    count += 1
    if last.count == Self.lastCount { last.removeFirst() }
    last.append((line, isCut))
    if count <= Self.most { context.log(Self.text((line, isCut))) }
    startLine()
  }
}
