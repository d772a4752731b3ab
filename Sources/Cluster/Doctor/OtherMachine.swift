import Foundation

/// The other machine could not be asked.
public struct UnreachableMachine: Error, CustomStringConvertible {
  public let description: String
}

/// This program on another machine, as ``Answerer``: asked a line, it answers a line, behind a token that tells its
/// lines from what a login prints.
final class OtherMachine {
  /// As it calls itself.
  private(set) var name = ""
  private let process = Process()
  private let command: String
  private let token: String
  private let input: Int32
  private let output: Int32
  /// Keep the descriptors open.
  private let pipes = (Pipe(), Pipe())
  private var received: [UInt8] = []

  /// Starts it: `command` and the program's arguments behind it.
  /// - Throws: ``UnreachableMachine`` where it does not start, or does not find the folder.
  init(_ command: [String], program: String, token: String, folder: String) throws(UnreachableMachine) {
    self.command = command.joined(separator: " ")
    self.token = token
    (input, output) = (pipes.0.fileHandleForWriting.fileDescriptor, pipes.1.fileHandleForReading.fileDescriptor)
    for path in [program, folder] where !path.utf8.allSatisfy(Self.isPlain) {
      // ssh hands everything to a shell.
      throw UnreachableMachine(
        description: "--with: \(path) has characters that a shell takes apart: call it by a plain name")
    }
    // Whoever ends early is found out by reading.
    signal(SIGPIPE, SIG_IGN)
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = command + [program, "doctor", "--answer", token, folder]
    (process.standardInput, process.standardOutput) = pipes
    do { try process.run() } catch {
      throw UnreachableMachine(description: "--with: '\(self.command)' could not be started: \(error)")
    }
    try? pipes.0.fileHandleForReading.close()
    try? pipes.1.fileHandleForWriting.close()
    // A batch system may take a while.
    let greeting = try answer(within: 120)
    guard greeting.first == "ready", greeting.count == 2 else {
      throw UnreachableMachine(
        description: "--with: '\(self.command)' does not see what is written to \(folder): it is another folder there")
    }
    name = greeting[1]
  }

  deinit {
    try? pipes.0.fileHandleForWriting.close()
    // It ends with its input.
    for _ in 0..<100 where process.isRunning { usleep(20_000) }
    if process.isRunning { process.terminate() }
  }

  /// - Parameter seconds: how long an answer may take.
  func ask(_ question: String, within seconds: Double = 60) throws(UnreachableMachine) -> [String] {
    say(question)
    return try answer(within: seconds)
  }

  func say(_ question: String) {
    let line = Array((question + "\n").utf8)
    _ = write(input, line, line.count)
  }

  /// The words of the next answer.
  func answer(within seconds: Double) throws(UnreachableMachine) -> [String] {
    let end = ContinuousClock.now + .seconds(seconds)
    while true {
      while let place = received.firstIndex(of: UInt8(ascii: "\n")) {
        let words = String(decoding: received[..<place], as: UTF8.self).split(separator: " ").map(String.init)
        received.removeSubrange(...place)
        if words.first == token { return Array(words.dropFirst()) }
      }
      var request = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
      let left = (end - .now) / .milliseconds(1)
      guard left > 0, received.count < 1 << 20 else {
        throw UnreachableMachine(description: "--with: '\(command)' did not answer within \(Int(seconds)) seconds")
      }
      let ready = poll(&request, 1, Int32(left.rounded(.up)))
      if ready == 0 || (ready < 0 && errno == EINTR) { continue }
      var piece = [UInt8](repeating: 0, count: 4096)
      let count = read(output, &piece, piece.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw UnreachableMachine(
          description:
            "--with: '\(command)' ended before it answered: it has to start the program of the same path there")
      }
      received += piece[..<count]
    }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "/._-+=:@%,".utf8.contains(byte)
    }
  }
}
