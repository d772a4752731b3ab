import ArtifactStore
import Foundation
import JSONSyntax
import Testing

/// What can be asked of the program, as it declares it itself: a new command or option is fuzzed from its first day.
struct CommandInterface: Sendable {
  private struct Argument: Sendable {
    /// `--name`; nil for one that is told by its place.
    let flag: String?
    /// What its value is called in the help; nil for a flag alone.
    let value: String?
    let isNeeded: Bool
    let repeats: Bool
  }

  private let commands: [(name: String, arguments: [Argument])]

  /// - Parameter help: what `--experimental-dump-help` prints.
  init(_ help: String) throws {
    let described = try JSON(parsing: Data(help.utf8))
    let commands = try #require(described["command"]?["subcommands"]?.array)
    self.commands = try commands.flatMap { command -> [(name: String, arguments: [Argument])] in
      let parts = (command["subcommands"]?.array ?? []).filter { $0["commandName"] != "help" }
      let name = try #require(command["commandName"]?.string)
      guard !parts.isEmpty else { return [(name, Self.arguments(of: command))] }
      return try parts.map {
        ("\(name) \(try #require($0["commandName"]?.string))", Self.arguments(of: $0))
      }
    }
    try #require(self.commands.count > 10)
  }

  private static func arguments(of command: JSON) -> [Argument] {
    (command["arguments"]?.array ?? []).map { (argument: JSON) -> Argument in
      let names: [JSON] = argument["names"]?.array ?? []
      let name = names.first { $0["kind"]?.string == "long" }.flatMap { $0["name"]?.string }
      return Argument(
        flag: argument["kind"]?.string == "positional" ? nil : "--\(name ?? "")",
        value: argument["kind"]?.string == "flag" ? nil : argument["valueName"]?.string ?? "",
        isNeeded: argument["isOptional"] == .bool(false), repeats: argument["isRepeating"] == .bool(true))
    }
  }

  /// A command line at random.
  func commandLine(using random: inout some RandomNumberGenerator) -> CommandLine {
    let command = commands.randomElement(using: &random) ?? (name: "", arguments: [])
    var line = CommandLine()
    line.words = command.name.split(separator: " ").map { Array($0.utf8) }
    for argument in command.arguments where argument.isNeeded || argument.flag == nil || chance(0.22, &random) {
      // Measurements take minutes.
      if argument.flag == "--runner" { continue }
      // Asked for these, the program looks at nothing else.
      if ["--help", "--version"].contains(argument.flag), !chance(0.02, &random) { continue }
      if argument.isNeeded, chance(0.03, &random) { continue }
      for _ in 0..<(argument.repeats && chance(0.3, &random) ? 2 : 1) {
        add(argument, of: command.name, to: &line, using: &random)
      }
    }
    if command.name == "bench" { line.words.append(Array("--list".utf8)) }
    if chance(0.03, &random) { line.words.append(FuzzedValues.any(using: &random)) }
    if chance(0.03, &random) { line.words.swapAt(0, line.words.indices.randomElement(using: &random) ?? 0) }
    // A server goes on until it is told to stop.
    if command.name == "serve" || chance(0.12, &random) {
      line.signal = [SIGINT, SIGINT, SIGTERM, SIGKILL, SIGHUP].randomElement(using: &random)
      line.microseconds = UInt32.random(in: 0..<(chance(0.5, &random) ? 20_000 : 300_000), using: &random)
    }
    if chance(0.03, &random) { line.output = ["/dev/full", "/dev/null"].randomElement(using: &random) }
    if chance(0.05, &random) {
      let (name, value) = FuzzedValues.variable(using: &random)
      line.environment = ["\(name)=\(value)"]
      if name == "DIFFUSIONCLIP_STORE" { line.named.append(Array(value.utf8)) }
    }
    return line
  }

  private func add(
    _ argument: Argument, of command: String, to line: inout CommandLine, using random: inout some RandomNumberGenerator
  ) {
    let written = argument.value.map { name in
      // A path that is written to must not lead out of the place where this happens.
      let isWritten =
        ["--to", "--out", "--store", "--runs", "--receipt", "--junit", "--plot", "--page", "--markdown"].contains(
          argument.flag)
        || (command == "doctor" && argument.flag == nil)
      let value =
        chance(0.1, &random) && !isWritten && argument.flag != "--with"
        ? FuzzedValues.any(using: &random) : FuzzedValues.value(of: name, isWritten: isWritten, using: &random)
      if isWritten { line.named.append(value) }
      return value
    }
    switch (argument.flag, written) {
    case (let flag?, let value?) where chance(0.3, &random): line.words.append(Array("\(flag)=".utf8) + value)
    case (let flag?, let value?): line.words += [Array(flag.utf8), value]
    case (let flag?, nil): line.words.append(Array(flag.utf8))
    case (nil, let value?): line.words.append(value)
    case (nil, nil): break
    }
  }
}

/// Whether something that happens in this share of all cases happens now.
func chance(_ share: Double, _ random: inout some RandomNumberGenerator) -> Bool {
  Double.random(in: 0..<1, using: &random) < share
}

/// What the program is started with, and what happens to it.
struct CommandLine: Sendable, CustomStringConvertible {
  var words: [[UInt8]]
  /// What follows the options that name files to be written.
  var named: [[UInt8]] = []
  var environment: [String] = []
  var signal: Int32?
  /// When the signal is sent, from the start.
  var microseconds: UInt32 = 0
  /// A device for its standard output.
  var output: String?

  init(_ words: String..., named: String...) {
    self.words = words.map { Array($0.utf8) }
    self.named = named.map { Array($0.utf8) }
  }

  /// As a shell would take it.
  var description: String {
    let quoted = words.map { word in
      let text = word.map {
        (0x21...0x7E).contains($0) && $0 != 0x27 && $0 != 0x5C ? String(UnicodeScalar($0)) : hex($0)
      }
      return "$'\(text.joined().prefix(300))'"
    }
    let happens = signal.map { " # signal \($0) after \(microseconds) µs" } ?? ""
    return (environment + ["diffusionclip"] + quoted).joined(separator: " ") + (output.map { " >\($0)" } ?? "")
      + happens
  }

  private func hex(_ byte: UInt8) -> String { "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16) }
}
