import Foundation
import Testing

/// A process that is started with words that need not be text.
struct Child {
  private let process: pid_t

  /// - Parameters:
  ///   - words: the program's path and its arguments.
  ///   - output: the file or device for its standard output, made where it is not there; `errors` likewise.
  init(_ words: [[UInt8]], environment: [String], output: String, errors: String) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    for (number, file) in [(Int32(1), output), (2, errors)] {
      posix_spawn_file_actions_addopen(&actions, number, file, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    }
    let texts = words.map { word in word.filter { $0 != 0 }.map { CChar(truncatingIfNeeded: $0) } + [0] }
    var arguments = texts.map { strdup($0) } + [nil]
    var variables = environment.map { strdup($0) } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var process = pid_t()
    let path = String(decoding: words.first ?? [], as: UTF8.self)
    try #require(posix_spawn(&process, path, &actions, nil, &arguments, &variables) == 0)
    self.process = process
  }

  func send(_ signal: Int32) { kill(process, signal) }

  /// The status that the process ended with, as `waitpid` tells it; nil where it has not ended within so many seconds.
  func wait(seconds: Double) -> Int32? {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    var pause: UInt32 = 500
    while true {
      var status: Int32 = 0
      if waitpid(process, &status, WNOHANG) == process { return status }
      if clock.now > end { return nil }
      usleep(pause)
      pause = min(pause * 2, 20_000)
    }
  }
}

/// How the program ended.
struct Ended {
  /// As `waitpid` tells it.
  let rawStatus: Int32
  let wasSlow: Bool
  let hung: Bool
  let output: [UInt8]
  let errors: [UInt8]

  private var signal: Int32? { rawStatus & 0x7F == 0 ? nil : rawStatus & 0x7F }
  /// The exit status; 128 and the signal's number for one that a signal ended.
  var status: Int32 { signal.map { 128 + $0 } ?? rawStatus >> 8 & 0xFF }

  /// What the program must never do.
  func faults(of line: CommandLine) -> [String] {
    var faults: [String] = []
    let said = String(decoding: errors.prefix(600), as: UTF8.self)
    if hung { faults.append("hangs, and does not answer SIGINT") }
    if let signal {
      // What waits for others is interrupted as its user would.
      if signal != line.signal, !hung, !(wasSlow && signal == SIGINT) {
        faults.append("ended by signal \(signal): \(said)")
      }
    } else {
      if ![0, 1, 2, 3, 64, 130].contains(status) { faults.append("status \(status): \(said)") }
      if status == 130, line.signal == nil, !wasSlow { faults.append("status 130 without a signal: \(said)") }
      if status != 0, errors.isEmpty, output.isEmpty, line.output == nil {
        faults.append("status \(status) without a word")
      }
    }
    for word in ["Fatal error", "Error Domain=", "NSCocoa", "libpng error", "terminating", "Optional("] {
      if (output + errors).firstRange(of: Array(word.utf8)) != nil { faults.append("says '\(word)': \(said)") }
    }
    for (name, bytes) in [("output", output), ("errors", errors)] {
      guard let text = String(validating: bytes, as: UTF8.self) else {
        faults.append("\(name): no UTF-8")
        continue
      }
      let control = text.unicodeScalars.first { $0.properties.generalCategory == .control && $0 != "\n" && $0 != "\t" }
      if let control { faults.append("\(name): the control code \(control.value): \(said)") }
    }
    return faults
  }
}
