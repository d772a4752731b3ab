import ArtifactStore
import Engine
import Foundation
import JSONSyntax
import Planning
import Runs
import StageKit
import Synchronization

/// A repository in a temporary folder with a recipe and three images; gone with the value.
package final class Workshop: Sendable {
  package let folder: String
  package var recipe: String { folder + "/recipes/quick.yaml" }
  package var store: String { folder + "/.diffusionclip" }
  /// The folder of the latest run.
  package var results: String { folder + "/" + latest("quick") }

  package static let standardRecipe = """
    recipe: quick
    description: Three small images.
    params: { target: angry, steps: 2 }
    stages:
      portraits: { load: { images: ../images/*.txt } }
      latents: { invert: { images: portraits, steps: "${steps}" } }
      tuned: { tune: { latents: latents, target: "${target}", breaker: ../breaker } }
      edited: { edit: { latents: latents, model: tuned } }
      scores:
        measure: { images: edited, reference: portraits }
        expect: { longer: "> 6" }
      sheet: { figure: { rows: [portraits, edited] } }
    outputs: [sheet, scores, edited, tuned]
    """

  package init(recipe text: String = standardRecipe) throws {
    folder = NSTemporaryDirectory() + "workshop-\(UUID().uuidString)"
    for name in [".git", "images", "recipes"] {
      try FileManager.default.createDirectory(atPath: folder + "/" + name, withIntermediateDirectories: true)
    }
    for name in ["ada", "bob", "cyd"] { try write(name, to: "images/\(name).txt") }
    // The recipe's own folder is not where the tests run: what it names non-semantically is made absolute.
    try write(text.replacing("../breaker", with: folder + "/breaker"), to: "recipes/quick.yaml")
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  package func write(_ text: String, to path: String) throws {
    try text.write(toFile: folder + "/" + path, atomically: true, encoding: .utf8)
  }

  package func read(_ path: String) throws -> String {
    try String(contentsOfFile: folder + "/" + path, encoding: .utf8)
  }

  package func history() throws -> RunHistory { try RunHistory(at: nil, repository: folder) }

  /// The folder of the run of a recipe that ended last.
  package func latest(_ recipe: String, in runs: String = "runs") -> String {
    let id = (try? read("\(runs)/\(recipe)/latest"))?.split(separator: "\n").first
    return "\(runs)/\(recipe)/\(id ?? "none")"
  }

  package func json(_ path: String) throws -> JSON { try JSON(parsing: Data(try read(path).utf8)) }

  package func plan(set overlays: String...) throws -> Plan {
    try Planner.plan(recipeAt: recipe, kinds: TestKinds.all, overlays: overlays)
  }

  package func dryRun(set overlays: String...) throws -> DryRun {
    try DryRun(of: Planner.plan(recipeAt: recipe, kinds: TestKinds.all, overlays: overlays), in: Store(at: store))
  }

  @discardableResult
  package func run(
    set overlays: String..., options: RunOptions = RunOptions(), interruption: Interruption = Interruption(),
    device: DeviceChoice = .cpu, devices: [Device] = [], cache: (any SharedCache)? = nil,
    emit: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) async throws -> RunOutcome {
    let run = try plannedRun(
      set: overlays, options: options, device: device, devices: devices, cache: cache)
    return await run.perform(interruption: interruption, emit: emit)
  }

  package func plannedRun(
    of recipe: String? = nil, set overlays: [String] = [], options: RunOptions = RunOptions(),
    device: DeviceChoice = .cpu,
    devices: [Device] = [], cache: (any SharedCache)? = nil
  ) throws -> Run {
    let whole = try Planner.plan(recipeAt: recipe ?? self.recipe, kinds: TestKinds.all, overlays: overlays)
    let wanted = try options.only.flatMap { try whole.stages(called: $0) }
    return Run(
      of: wanted.isEmpty ? whole : whole.only(wanted), in: try Store(at: store),
      environment: try RunEnvironment(
        program: "test", blas: "none", threads: 1, device: device, devices: devices, environment: [:]),
      options: options, formats: TestKinds.formats, cache: cache)
  }

  /// The files in a folder of the store, by path relative to it.
  package func stored(_ part: String) -> [String] {
    FileManager.default.subpaths(atPath: store + "/" + part)?.filter { path in
      var isFolder: ObjCBool = false
      let exists = FileManager.default.fileExists(atPath: "\(store)/\(part)/\(path)", isDirectory: &isFolder)
      return exists && !isFolder.boolValue
    }.sorted() ?? []
  }

  /// The path of the object with these bytes.
  package func object(_ text: String) -> String {
    let digest = Digest(of: text).hex
    return "\(store)/objects/\(digest.prefix(2))/\(digest)"
  }
}

extension RunOutcome {
  /// The ids of the actions that ran.
  package var ran: [String] {
    actions.compactMap { if case .ran = $0.status { $0.id.description } else { nil } }
  }
}

extension DryRun {
  /// The ids of the actions that would run, with the reasons.
  package var toRun: [String] {
    actions.compactMap { if case .run(let reason) = $0.status { "\($0.id): \(reason)" } else { nil } }
  }
}

/// What a test wants to know of the events of a run.
package final class EventLog: Sendable {
  private let kept = Mutex<[String]>([])
  private let line: @Sendable (RunEvent) -> String?
  package var lines: [String] { kept.withLock { $0 } }

  /// - Parameter line: what to keep of an event.
  package init(_ line: @escaping @Sendable (RunEvent) -> String?) { self.line = line }

  @Sendable package func report(_ event: RunEvent) {
    if let line = line(event) { kept.withLock { $0.append(line) } }
  }
}

/// Text that somebody prints.
package final class Transcript: Sendable {
  package init() {}
  private let kept = Mutex("")
  package var text: String { kept.withLock { $0 } }
  @Sendable package func append(_ text: String) { kept.withLock { $0 += text } }
}
