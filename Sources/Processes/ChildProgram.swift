import CProcesses
import Foundation

/// A program of the user's, run to its end: in a folder, with an environment and limits, and with nothing of this process
/// but what it is given. All that it started ends with it.
public struct ChildProgram: Sendable {
  /// The program's file.
  public let path: String
  /// What it is called with, its own name first.
  public let arguments: [String]
  public let environment: [String: String]
  /// The folder that it works in.
  public let folder: String
  /// Bytes of memory of its own that each of its processes may have.
  public let memory: UInt64
  /// Bytes that a file may have that it writes.
  public let fileSize: UInt64
  /// Seconds that it may take.
  public let seconds: Double

  public init(
    path: String, arguments: [String], environment: [String: String], folder: String, memory: UInt64,
    fileSize: UInt64, seconds: Double
  ) {
    self.path = path
    self.arguments = arguments
    self.environment = environment
    self.folder = folder
    self.memory = memory
    self.fileSize = fileSize
    self.seconds = seconds
  }

  /// The variable by which all that a program started is found again, whatever session it went to: each program has
  /// another value of it.
  public static let mark = "DIFFUSIONCLIP_PROGRAM"

  /// How a program ended.
  public enum End: Sendable, Equatable {
    case exited(Int32)
    case signaled(Int32)
    case outOfTime
  }

  public struct Result: Sendable {
    public let end: End
    public let seconds: Double
    /// The largest resident set of one of its processes, in MB of 1024² bytes.
    public let megabytes: Double
    /// How many processes it left behind, which were ended.
    public let leftBehind: Int
  }

  /// Why a program could not be started.
  public struct Refusal: Error, Sendable {
    public let code: Int32
  }

  /// What happens to a program that is told to stop: it has so long to do so by itself.
  private static let grace = 1.0

  /// Runs it.
  /// - Parameters:
  ///   - output: takes what it prints, on its standard output and its standard error.
  ///   - progress: takes what it writes to its file 3.
  ///   - check: asked again and again; where it throws, the program is ended.
  /// - Throws: ``Refusal``; what `check` throws.
  public func run(
    output: (UnsafeRawBufferPointer) -> Void, progress: (UnsafeRawBufferPointer) -> Void, check: () throws -> Void
  ) throws -> Result {
    let mark = "\(getpid())-\(UInt64.random(in: 0 ... .max))"
    let pipes = try [Pipe(), Pipe()]
    let child = try Child(process: start(mark: mark, pipes), mark: mark)
    defer { child.end() }
    for pipe in pipes { pipe.closeWriting() }
    let start = ContinuousClock.now
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { buffer.deallocate() }
    func read() {
      pipes[0].read(into: buffer, output)
      pipes[1].read(into: buffer, progress)
    }
    var isOutOfTime = false
    var stop: (any Error)?
    /// When it is to be killed that was told to stop.
    var deadline: ContinuousClock.Instant?
    while !child.hasEnded(within: pipes) {
      read()
      let now = ContinuousClock.now
      if let deadline {
        if now >= deadline { child.signal(SIGKILL) }
        continue
      }
      do { try check() } catch { stop = error }
      isOutOfTime = now - start >= .seconds(seconds)
      if stop != nil || isOutOfTime {
        child.signal(SIGTERM)
        deadline = now + .seconds(Self.grace)
      }
    }
    let took = ContinuousClock.now - start
    child.end()
    // What is in the pipes, which is less than is read at once; who got away may go on writing for ever.
    read()
    if let stop { throw stop }
    return Result(
      end: isOutOfTime ? .outOfTime : child.status, seconds: took / .seconds(1), megabytes: child.megabytes,
      leftBehind: child.leftBehind)
  }

  private func start(mark: String, _ pipes: [Pipe]) throws -> pid_t {
    let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard input >= 0 else { throw Refusal(code: errno) }
    defer { close(input) }
    var variables = environment
    variables[Self.mark] = mark
    let words = CStrings(arguments)
    let environment = CStrings(variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
    let process = path.withCString { path in
      folder.withCString { folder in
        var program = cprocesses_program(
          path: path, arguments: words.pointers, environment: environment.pointers, folder: folder, input: input,
          output: pipes[0].writing, progress: pipes[1].writing, memory: memory, file: fileSize)
        return cprocesses_start(&program)
      }
    }
    withExtendedLifetime((words, environment)) {}
    guard process > 0 else { throw Refusal(code: -process) }
    return process
  }
}

/// Texts as C has them, ended by a null.
private final class CStrings {
  let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  init(_ texts: [String]) {
    count = texts.count
    pointers = .allocate(capacity: count + 1)
    for (place, text) in texts.enumerated() { (pointers + place).initialize(to: strdup(text)) }
    (pointers + count).initialize(to: nil)
  }

  deinit {
    for place in 0..<count { free(pointers[place]) }
    pointers.deallocate()
  }
}
