import ArtifactStore
import Escaping
import Foundation
import JSONSyntax
import OrderedCollections
import Planning
import RecipeSyntax
import Runs
import StageKit

/// All there is to say about a run, whether it made its artifacts or failed: the material of `run.json` and of the
/// report.
package struct RunRecord: Sendable {
  package let run: Run
  package let outcome: RunOutcome
  package let artifacts: [OutputReference: Artifact]
  /// The folder that it is written to.
  package let opened: OpenRun

  package init(
    run: Run, in opened: OpenRun, outcome: RunOutcome = RunOutcome(), artifacts: [OutputReference: Artifact] = [:]
  ) {
    self.run = run
    self.opened = opened
    self.outcome = outcome
    self.artifacts = artifacts
  }

  /// How the run ended, in a word.
  package enum State: String {
    /// All that the recipe asks for is there.
    case done
    /// All that the user asked for is there, which is not all that the recipe does.
    case partial
    /// All is there, but something is not as expected.
    case missed
    case failed, interrupted
  }

  package var state: State {
    if outcome.error is Cancelled { return .interrupted }
    if outcome.error != nil { return .failed }
    if !run.options.only.isEmpty { return .partial }
    return outcome.expectations.allSatisfy(\.held) ? .done : .missed
  }

  package var actions: [ActionResult] { outcome.actions }
  package var expectations: [ExpectationResult] { outcome.expectations }
  package var seconds: Double { outcome.seconds }
  package var plan: Plan { run.plan }
  /// The graphics cards that computed some of what there is; nil where the processor did it all.
  package var cards: String? {
    let names = actions.compactMap { $0.provenance?.device }.uniqued
    return names.isEmpty ? nil : names.joined(separator: "; ")
  }
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

  /// Writes what can be told of a run that goes on.
  package func begin() throws {
    try opened.note(.object(facts(status: "running", run.labels) + opened.signs + [graph]))
  }

  /// The stages, and what each takes from which.
  private var graph: JSON.Member {
    .init(
      "stages",
      .array(
        plan.stages.map { stage in
          [
            "id": .string(stage.id), "name": .string(stage.name), "kind": .string(stage.kind.name),
            "axes": stage.axesJSON, "makes": .array(stage.outputs.map { .string($0.type.rawValue) }),
            "needs": .array(stage.predecessors.map(JSON.string)),
            "help": .string(stage.description ?? stage.kind.summary),
          ]
        }))
  }

  /// Writes the outputs, `run.json` and `report.html`. Where that fails, what was written is in the record of the failure.
  package func write() throws {
    var files = try shownOutputs.flatMap { try exporter.files(of: $0.artifact, called: $0.name) }
    var paths: Set<String> = [FileName.report, KeptRun.record]
    if let twice = files.first(where: { !paths.insert($0.path).inserted }) {
      throw InputError(
        "two outputs would be the file \(opened.place.path)/\(twice.path): give one of their stages another name")
    }
    let measured = try self.measured
    if !measured.isEmpty { files.append((RunNumbers.file, RunNumbers(measured).data)) }
    let texts = opened.texts
    files.append((RecipeTexts.file, texts.data))
    files.append((KeptRun.actions, try actionList.prettyData))
    try opened.write(files, sharedWith: run.store)
    try opened.write(page: Data(try run.formats.page(self).utf8))
    try opened.end(try json(measured, texts))
  }

  /// All that was measured, whether the recipe shows it or not.
  private var measured: [(stage: String, numbers: Measurements)] {
    get throws {
      try madeArtifacts.filter { $0.artifact.type == .metrics }.compactMap { reference, artifact in
        let name = plan.name(of: reference)
        return try Measurements(of: artifact, stage: name, in: run.store).map { (name, $0) }
      }
    }
  }

  /// Of stages of which items failed, those that were made.
  private var unfinished: [JSON] {
    let failed = Set(outcome.failures.map(\.action.stage))
    return plan.stages.filter { failed.contains($0.id) }.flatMap { stage in
      let mine = actions.filter { $0.stage.id == stage.id }
      return stage.outputs.compactMap { output -> JSON? in
        let items = mine.compactMap { action in
          action.id.item.flatMap { item in
            action.record?[port: output.name]?.items.first.map {
              Artifact.Item(name: item, object: $0.object, size: $0.size)
            }
          }
        }
        guard !items.isEmpty else { return nil }
        let artifact = Artifact(type: output.type, items: items)
        return .object([.init("stage", .string(stage.id))] + artifact.members(at: output.name))
      }
    }
  }

  /// What can be told of a run from its beginning.
  private func facts(status: String, _ labels: RunLabels) -> [JSON.Member] {
    [
      .init("id", .string(opened.id.text)), .init("recipe", .string(plan.recipe)), .init("status", .string(status)),
      .init("name", .optional(labels.name)), .init("note", .optional(labels.note)),
      .init("tags", .array(labels.tags.map(JSON.string))), .init("file", .string(plan.fileInRepository)),
      .init("description", .optional(plan.description)), .init("started", .string(opened.date)),
      .init("only", .array(run.options.only.map(JSON.string))),
      .init("params", .object(plan.parameters.map { JSON.Member($0.key, $0.value.json) })),
      .init("overlays", .object(plan.overlays.sorted { $0.key < $1.key }.map { JSON.Member($0.key, $0.value.json) })),
      .init("profile", .optional(plan.profile)), .init("git", opened.git?.json ?? .null),
    ]
  }

  /// What was changed since the run before this one.
  private func changes(to texts: RecipeTexts) -> JSON {
    guard let id = opened.before else { return .null }
    let before = opened.previous
    let edits = before.texts.map { texts.edits(since: $0) } ?? []
    let old = OrderedDictionary(before.params.map { ($0.name, $0.value) }) { first, _ in first }
    let params = plan.parameters.compactMap { name, value -> JSON.Member? in
      let (before, after) = (old[name] ?? .null, value.json)
      return before.bytes == after.bytes ? nil : JSON.Member(name, [before, after])
    }
    return ["since": .string(id.text), "literals": .array(edits.map(\.json)), "params": .object(params)]
  }

  /// Every action, in a file of its own: that is the same for runs that found everything done, and theirs is stored once.
  private var actionList: JSON {
    get throws {
      let machines = actions.compactMap { $0.provenance.map(Machine.init) }.uniqued
      return [
        "machines": .array(machines.map(\.json)),
        "actions": .array(
          try actions.concurrentMap { action in
            .written(action.json(machine: action.provenance.flatMap { machines.firstIndex(of: Machine($0)) }).bytes)
          }),
      ]
    }
  }

  /// What is told of single artifacts comes last: who wants to know the rest need not read it.
  private func json(_ measured: [(stage: String, numbers: Measurements)], _ texts: RecipeTexts) throws -> JSON {
    let files = opened.files
    let measures = measured.flatMap { stage, numbers in
      numbers.measures.map { measure -> JSON in
        [
          "stage": .string(stage), "measure": .string(measure),
          "mean": numbers.mean(measure).map(JSON.double) ?? .null,
        ]
      }
    }
    let rest: [JSON.Member] = [
      .init("host", .string(HostName.current)), .init("error", .optional(outcome.error.map { "\($0)" })),
      .init("seconds", .double(seconds)), .init("changed", changes(to: texts)),
      .init("files", .array(files.keys.map(JSON.string))),
      .init("digests", .object(files.sorted { $0.key < $1.key }.map { JSON.Member($0.key, .string($0.value)) })),
      .init(
        "provenance",
        run.environment.provenance(
          seconds: seconds, megabytes: ProcessMemory.highestMegabytes, device: cards
        ).json),
      .init("measures", .array(measures)), .init("expectations", .array(expectations.map(\.json))),
      .init("skipped", .array(outcome.skipped.map { .string($0.description) })),
      graph, .init("unfinished", .array(unfinished)),
      .init(
        "artifacts",
        .array(
          madeArtifacts.map { reference, artifact in
            .object([.init("stage", .string(reference.stage))] + artifact.members(at: reference.port))
          })),
    ]
    return .object(facts(status: state.rawValue, opened.labels ?? run.labels) + rest)
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
  let device: String?

  init(_ provenance: Provenance) {
    program = provenance.program
    cpu = provenance.cpu
    blas = provenance.blas
    threads = provenance.threads
    device = provenance.device
  }

  var json: JSON {
    let device = device.map { [JSON.Member("device", .string($0))] } ?? []
    return .object(
      [
        .init("program", .string(program)), .init("cpu", .string(cpu)), .init("blas", .string(blas)),
        .init("threads", .int(threads)),
      ] + device)
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
    let log = failure?.log ?? []
    let members: [JSON.Member] = [
      .init("id", .string(id.description)), .init("stage", .string(stage.name)),
      .init("kind", .string(stage.kind.name)), .init("item", .optional(id.item)), .init("axes", stage.axesJSON),
      .init("key", .string(key.hex)), .init("status", .string(word)), .init("reason", .optional(reason)),
      .init("seconds", provenance.map { .double($0.seconds) } ?? .null),
      .init("peak_megabytes", provenance?.knownPeak.map(JSON.double) ?? .null),
      .init("date", .optional(provenance?.date)), .init("machine", machine.map(JSON.int) ?? .null),
    ]
    return .object(members + (log.isEmpty ? [] : [.init("log", .array(log.map(JSON.string)))]))
  }
}
