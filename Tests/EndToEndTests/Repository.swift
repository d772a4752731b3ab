import ArtifactStore
import Foundation
import Imaging
import JSONSyntax
import Portraits
import Testing

/// A user's repository in a temporary folder, in which the program is run as a user runs it.
struct Repository: Sendable {
  let folder: String
  /// The file that is run.
  var program = Program.executable

  /// All repositories of this process, gone when it ends.
  fileprivate static let root: String = {
    atexit { try? FileManager.default.removeItem(atPath: Repository.root) }
    return NSTemporaryDirectory() + "diffusionclip-tests-\(getpid())"
  }()

  /// A repository with a recipe and with portraits of 24×24 pixels in the folder `faces`.
  init(_ recipe: String, faces: [String] = ["ada", "bob", "cyd"]) throws {
    folder = "\(Self.root)/\(UUID().uuidString)"
    for name in [".git", "faces"] {
      try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: true)
    }
    for name in faces { try addFace(name) }
    try write(recipe, to: "recipe.yaml")
  }

  /// A copy of `original`: with its store, and all that lies in it.
  /// - Parameter folder: where to, if that matters.
  init(copying original: Repository, to folder: String? = nil) throws {
    self.folder = folder ?? "\(Self.root)/\(UUID().uuidString)"
    try FileManager.default.copyItem(atPath: original.folder, toPath: self.folder)
  }

  // MARK: Files

  func path(_ name: String) -> String { "\(folder)/\(name)" }

  func data(_ name: String) throws -> Data { try Data(contentsOf: URL(filePath: path(name))) }

  /// The folder of the run of a recipe that ended last.
  func latest(_ recipe: String, in runs: String = "runs") -> String {
    let id = (try? text("\(runs)/\(recipe)/latest"))?.split(separator: "\n").first
    return "\(runs)/\(recipe)/\(id ?? "none")"
  }

  func text(_ name: String) throws -> String { String(decoding: try data(name), as: UTF8.self) }

  func json(_ name: String) throws -> JSON { try JSON(parsing: data(name)) }

  func write(_ data: Data, to name: String) throws { try data.write(to: URL(filePath: path(name))) }

  func write(_ text: String, to name: String) throws { try write(Data(text.utf8), to: name) }

  /// The names in a folder; none where there is no such folder.
  func names(in name: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path(name))) ?? []).sorted()
  }

  /// Adds a portrait of somebody who looks as the name has it.
  func addFace(_ name: String) throws {
    let seed = name.utf8.reduce(0) { $0 &* 31 &+ UInt64($1) }
    let portrait = Renderer.render(.random(seed: seed, split: .heldOut), size: 24)
    let image = Image(width: portrait.width, height: portrait.height, pixels: portrait.rgb)
    try write(image.pngData(), to: "faces/\(name).png")
  }

  /// Replaces the only occurrence of `old` in a binary file by a text as long.
  func replace(_ old: String, by new: String, in name: String) throws {
    var data = try data(name)
    let place = try #require(data.firstRange(of: Data(old.utf8)))
    try #require(old.utf8.count == new.utf8.count)
    data.replaceSubrange(place, with: Data(new.utf8))
    try write(data, to: name)
  }

  /// The content digests of everything that the recipe called `recipe` made last, by stage and port.
  func digests(_ recipe: String) throws -> [String: String] {
    let artifacts = try #require(json("\(latest(recipe))/run.json")["artifacts"]?.array)
    return Dictionary(
      uniqueKeysWithValues: artifacts.map { artifact in
        let name = "\(artifact["stage"]?.string ?? "").\(artifact["port"]?.string ?? "")"
        return (name, artifact["digest"]?.string ?? "")
      })
  }

  /// Runs git in it, as somebody who has it.
  func git(_ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["git", "-c", "user.name=x", "-c", "user.email=x@x"] + arguments
    process.currentDirectoryURL = URL(filePath: folder)
    (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "git \(arguments)")
  }

  // MARK: The program

  /// Runs the recipe, and kills the program once it has saved its state.
  func killRun(_ overlays: String..., options: [String] = []) throws {
    func states() throws -> [String: Date] {
      try names(in: ".diffusionclip/state").reduce(into: [:]) { dates, name in
        let file = path(".diffusionclip/state/\(name)")
        dates[name] = try FileManager.default.attributesOfItem(atPath: file)[.modificationDate] as? Date
      }
    }
    let before = try states()
    let program = try start(["run", "recipe.yaml"] + options + overlays.flatMap { ["--set", $0] })
    try program.send(SIGKILL) { _ in (try? states() != before) ?? false }
    #expect(try program.outcome().status == 128 + SIGKILL)
  }

  /// Runs the program to its end.
  @discardableResult
  func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

  @discardableResult
  func run(_ arguments: [String]) throws -> Outcome { try start(arguments).outcome() }

  /// Runs the program with its standard output going to a device.
  func run(_ arguments: [String], outputTo device: String) throws -> Outcome {
    try Program(program, arguments, in: folder, output: device).outcome()
  }

  /// Runs the program with more in its environment.
  @discardableResult
  func run(_ arguments: [String], with environment: [String: String]) throws -> Outcome {
    try start(arguments, with: environment).outcome()
  }

  /// - Parameter patience: seconds after which a silent server is given up.
  func start(_ arguments: [String], patience: Int? = nil, with environment: [String: String] = [:]) throws -> Program {
    let patience = patience.map { ["DIFFUSIONCLIP_PATIENCE": "\($0)"] } ?? [:]
    return try Program(program, arguments, in: folder, environment: patience.merging(environment) { $1 })
  }
}

/// What a run of the program left behind.
struct Outcome: Sendable {
  /// The exit status; 128 and the signal's number for one that a signal ended.
  let status: Int32
  let output: String
  let errors: String

  /// What was printed, a JSON value a line.
  var lines: [JSON] {
    get throws { try output.split(separator: "\n").map { try JSON(parsing: Data($0.utf8)) } }
  }

  /// The last event of `run --json`.
  var finished: JSON {
    get throws { try #require(lines.last { $0["event"] == "finished" }) }
  }

  /// The ids of the actions that `run --json` says it executed.
  var ran: [String] {
    get throws { try lines.filter { $0["event"] == "done" }.compactMap { $0["id"]?.string } }
  }
}

/// The program ended before it could be sent a signal.
struct EndedTooEarly: Error {
  let outcome: Outcome
}

/// The built program under way.
final class Program {
  private let process = Process()
  private let output: URL
  private let errors: URL

  /// The program lies beside the tests.
  static let executable =
    Bundle.main.executableURL?.deletingLastPathComponent().appending(path: "diffusionclip").path ?? ""

  /// - Parameter output: a file that is there, for its standard output to go to.
  fileprivate init(
    _ program: String, _ arguments: [String], in folder: String, output: String? = nil,
    environment: [String: String] = [:]
  ) throws {
    // Not in the repository, whose disk may be full.
    let transcript = URL(filePath: "\(Repository.root)/transcript-\(UUID().uuidString)")
    (self.output, errors) = (
      output.map { URL(filePath: $0) } ?? transcript.appendingPathExtension("out"),
      transcript.appendingPathExtension("err")
    )
    for file in output == nil ? [self.output, errors] : [errors] { try Data().write(to: file) }
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.currentDirectoryURL = URL(filePath: folder)
    process.environment = ProcessInfo.processInfo.environment.filter { variable in
      !["DIFFUSIONCLIP_STORE", "DIFFUSIONCLIP_CACHE"].contains { variable.key.hasPrefix($0) }
    }
    .merging(environment) { $1 }
    process.standardOutput = try FileHandle(forWritingTo: self.output)
    process.standardError = try FileHandle(forWritingTo: errors)
    process.standardInput = FileHandle.nullDevice
    try process.run()
  }

  /// Sends `signal` as soon as `isTime`, which must be before the program ends by itself.
  func send(_ signal: Int32, when isTime: (_ printed: String) -> Bool) throws {
    while !isTime(String(decoding: try Data(contentsOf: output), as: UTF8.self)) {
      guard process.isRunning else { throw EndedTooEarly(outcome: try outcome()) }
      usleep(2000)
    }
    kill(process.processIdentifier, signal)
  }

  /// Sends `signal` now, whether or not the program has ended by itself.
  func end(by signal: Int32) {
    if process.isRunning { kill(process.processIdentifier, signal) }
    process.waitUntilExit()
  }

  /// As ``outcome()``, for what might hang: it is killed after so many seconds.
  func outcome(within seconds: Double) throws -> Outcome {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while process.isRunning, ContinuousClock.now < deadline { usleep(2000) }
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    return try outcome()
  }

  /// Sends `signal` now.
  func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

  func outcome() throws -> Outcome {
    process.waitUntilExit()
    let status = process.terminationStatus
    return Outcome(
      status: process.terminationReason == .uncaughtSignal ? 128 + status : status,
      // What went to a device cannot be read again.
      output: String(decoding: (try? Data(contentsOf: output)) ?? Data(), as: UTF8.self),
      errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self))
  }
}
