import ArtifactStore
import Escaping
import Foundation
import JSONSyntax
import Planning
import StageKit

/// All there is to say about a run, whether it made its artifacts or failed: the material of `run.json` and of the
/// report.
package struct RunRecord: Sendable {
  package let run: Run
  package let outcome: RunOutcome
  package let artifacts: [OutputReference: Artifact]
  /// Files in the folder that earlier runs wrote and this one did not.
  package private(set) var earlierFiles: [String] = []
  /// The digests, in hex, of the run's files and of the earlier ones, by their names.
  private var digests: [String: String] = [:]

  package init(run: Run, outcome: RunOutcome, artifacts: [OutputReference: Artifact]) {
    self.run = run
    self.outcome = outcome
    self.artifacts = artifacts
  }

  /// How the run ended, in a word.
  package enum State: String {
    /// All that the recipe asks for is there.
    case done
    /// All that the user asked for is there, which is not all that the recipe does.
    case partial
    case failed, interrupted
  }

  package var state: State {
    if outcome.error is Cancelled { return .interrupted }
    if outcome.error != nil { return .failed }
    return run.options.only.isEmpty ? .done : .partial
  }

  package var actions: [ActionResult] { outcome.actions }
  package var expectations: [ExpectationResult] { outcome.expectations }
  package var seconds: Double { outcome.seconds }
  package var plan: Plan { run.plan }
  package var exporter: Exporter { Exporter(store: run.store, formats: run.formats, plan: plan) }

  /// The recipe's outputs that people look at, with their files' base names. Models and latents stay in the store;
  /// `export` brings them out.
  package var shownOutputs: [(name: String, artifact: Artifact)] {
    plan.outputs.compactMap { reference in
      artifacts[reference].flatMap { $0.type.isShown ? (plan.name(of: reference), $0) : nil }
    }
  }

  /// Every artifact, in the order of the plan.
  package var madeArtifacts: [(reference: OutputReference, artifact: Artifact)] {
    plan.stages.flatMap { stage in
      stage.outputs.compactMap { output in
        let reference = OutputReference(stage: stage.id, port: output.name, type: output.type)
        return artifacts[reference].map { (reference, $0) }
      }
    }
  }

  /// Writes the outputs, `run.json` and `report.html`. A run that made all that the recipe asks for removes the files
  /// that runs before it wrote and it did not; any other keeps them, and says that they are not its. Nothing else in the
  /// folder is touched.
  package func write(to results: Place) throws {
    try Files.makeFolder(results)
    let index = results["run.json"]
    let before = try Files.read(index)
    // Of the record of many actions, what is not about them.
    func earlier(_ name: String) -> JSON? { before.flatMap { try? JSON.member(name, of: $0) } ?? nil }
    var files = try shownOutputs.flatMap { try exporter.files(of: $0.artifact, called: $0.name) }
    let names = Set(files.map(\.path) + [FileName.report])
    let left = ["files", "earlier_files"].flatMap { earlier($0)?.array?.compactMap(\.string) ?? [] }.uniqued
      .filter { !names.contains($0) && FileName.isInside($0) }
    var paths: Set<String> = [FileName.report]
    if let twice = files.first(where: { !paths.insert($0.path).inserted }) {
      throw InputError(
        "two outputs would be the file \(results.path)/\(twice.path): give one of their stages another name")
    }

    // The record may have come with a checkout: what is not as a run left it is somebody else's, and stays.
    let known = earlier("digests")
    let untouched = try left.filter { file in
      guard let digest = known?[file]?.string.flatMap({ Digest(hex: $0) }) else { return false }
      return try Files.status(of: results[file]) != nil && Files.digest(of: results[file]) == digest
    }
    var record = self
    if state != .done { record.earlierFiles = untouched }
    files.append((FileName.report, Data(try run.formats.page(record).utf8)))
    for file in files { record.digests[file.path] = Digest(of: file.data).hex }
    for file in record.earlierFiles { record.digests[file] = known?[file]?.string }
    for file in files { try Self.write(file.data, to: results[file.path]) }
    try Files.replace(index, with: try record.json(files: files.map(\.path)).prettyData)

    for name in untouched where state == .done {
      let file = results[name]
      try Files.remove(file)
      if name.has("/"), let folder = file.parent { try Files.removeFolder(folder) }
    }
  }

  private static func write(_ data: Data, to place: Place) throws {
    if try Files.read(place) == data { return }
    if let folder = place.parent { try Files.makeFolder(folder) }
    try Files.replace(place, with: data)
  }

  /// The means of all that was measured, whether the recipe shows it or not.
  private var measures: [JSON] {
    get throws {
      try madeArtifacts.filter { $0.artifact.type == .metrics }.flatMap { reference, artifact -> [JSON] in
        let name = plan.name(of: reference)
        guard let measured = try Measurements(of: artifact, stage: name, in: run.store) else { return [] }
        return measured.measures.map { measure in
          [
            "stage": .string(name), "measure": .string(measure),
            "mean": measured.mean(measure).map(JSON.double) ?? .null,
          ]
        }
      }
    }
  }

  private func json(files: [String]) throws -> JSON {
    let machines = actions.compactMap { $0.provenance.map(Machine.init) }.uniqued
    return [
      "recipe": .string(plan.recipe),
      "status": .string(state.rawValue),
      "only": .array(run.options.only.map(JSON.string)),
      "error": .optional(outcome.error.map { "\($0)" }),
      "skipped": .array(outcome.skipped.map { .string($0.description) }),
      "description": .optional(plan.description),
      "file": .string(plan.fileInRepository),
      "params": .object(plan.parameters.map { JSON.Member($0.key, $0.value.json) }),
      "overlays": .object(plan.overlays.sorted { $0.key < $1.key }.map { JSON.Member($0.key, $0.value.json) }),
      "profile": .optional(plan.profile),
      "files": .array(files.map(JSON.string)),
      "earlier_files": .array(earlierFiles.map(JSON.string)),
      "digests": .object(digests.sorted { $0.key < $1.key }.map { JSON.Member($0.key, .string($0.value)) }),
      "seconds": .double(seconds),
      "provenance": run.environment.provenance(seconds: seconds, megabytes: ProcessMemory.highestMegabytes).json,
      "machines": .array(machines.map(\.json)),
      "actions": .array(
        try actions.concurrentMap { action in
          .written(action.json(machine: action.provenance.flatMap { machines.firstIndex(of: Machine($0)) }).bytes)
        }),
      "artifacts": .array(
        madeArtifacts.map { reference, artifact in
          .object([.init("stage", .string(reference.stage))] + artifact.members(at: reference.port))
        }),
      "measures": .array(try measures),
      "expectations": .array(expectations.map(\.json)),
    ]
  }
}

extension FileName {
  /// Whether a relative path stays in its folder.
  package static func isInside(_ path: String) -> Bool {
    path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { part in
      !["", ".", ".."].contains(Substring(part)) && !part.contains(0)
    }
  }
}

extension Plan {
  /// The path of the recipe's file in its repository, which is the same in every copy of that.
  package var fileInRepository: String {
    let root = Store.repository(around: file)
    return file.begins(with: root + "/") ? file.dropping(bytes: root.utf8.count + 1) : file.fileName
  }

  /// What a person calls an output: its stage, with the port where that is not the stage's first.
  package func name(of reference: OutputReference) -> String {
    self[reference.stage]?.outputs.first?.name == reference.port
      ? reference.stage : "\(reference.stage).\(reference.port)"
  }
}

/// Where and with what an action was executed: the part of its provenance that it shares with many others.
private struct Machine: Hashable {
  let program: String
  let cpu: String
  let blas: String
  let threads: Int

  init(_ provenance: Provenance) {
    program = provenance.program
    cpu = provenance.cpu
    blas = provenance.blas
    threads = provenance.threads
  }

  var json: JSON {
    ["program": .string(program), "cpu": .string(cpu), "blas": .string(blas), "threads": .int(threads)]
  }
}

extension ActionResult {
  /// - Parameter machine: the place of the machine that executed it among those that the record lists.
  fileprivate func json(machine: Int?) -> JSON {
    let (word, reason): (String, String?) =
      switch status {
      case .cached, .fetched: ("cached", nil)
      case .ran(let reason): ("ran", reason)
      case .failed(let failure): ("failed", failure.message)
      }
    return [
      "id": .string(id.description), "stage": .string(stage.name), "kind": .string(stage.kind.name),
      "item": .optional(id.item), "axes": stage.axesJSON, "key": .string(key.hex), "status": .string(word),
      "reason": .optional(reason), "seconds": provenance.map { .double($0.seconds) } ?? .null,
      "peak_megabytes": provenance?.knownPeak.map(JSON.double) ?? .null,
      "date": .optional(provenance?.date), "machine": machine.map(JSON.int) ?? .null,
    ]
  }
}
