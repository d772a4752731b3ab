import ArtifactStore
import Engine
import Escaping
import Foundation
import JSONSyntax
import Planning
import RecipeSyntax
import Runs
import StageKit

/// What `show` and `export` bring out of the store: outputs of a recipe, as far as they have been made.
public struct Inspection: Sendable {
  /// One output, or what there is of it.
  public struct Output: Sendable {
    /// What a person calls it.
    public let name: String
    /// The items that could not be made.
    public let missing: [String]
    let reference: OutputReference
    let artifact: Artifact
  }

  private let plan: Plan
  private let store: Store
  private let dryRun: DryRun

  public init(of plan: Plan, in store: Store) throws {
    self.plan = plan
    self.store = store
    dryRun = try DryRun(of: plan, in: store)
  }

  /// The outputs that `name` means: `stage` is all of a stage's at every place of its sweeps, `stage.port` one of
  /// them, `stage[axis=value]` all at the places where the axis has the value.
  /// - Parameter partial: whether some items of a set will do.
  /// - Throws: `InputError` where the recipe has no such output, ``ExecutionError`` where it has not been made.
  public func outputs(called name: String, partial: Bool = false) throws -> [Output] {
    try plan.outputs(called: name).map { reference in
      let part = partial ? dryRun.stages[reference.stage]?.states[reference]?.part : nil
      guard let artifact = dryRun.artifacts[reference] ?? part?.artifact else {
        let actions = dryRun.actions.filter { $0.id.stage == reference.stage }
        throw ExecutionError.notMade(name, made: actions.count(where: \.isCached), of: actions.count)
      }
      return Output(
        name: plan.name(of: reference), missing: part?.missing ?? [], reference: reference, artifact: artifact)
    }
  }

  /// Writes an output's files into `folder`: their paths.
  /// - Parameter sayings: what networks' and pictures' files say beside how they were made.
  /// - Throws: `StoreError`, ``ExecutionError`` or what the formats throw.
  public func export(
    _ output: Output, to folder: String, formats: ArtifactFormats, saying sayings: [String: String] = [:]
  ) throws -> [String] {
    let origin = origin(of: output)
    let files = try Exporter(store: store, formats: formats, plan: plan)
      .files(of: output.artifact, called: output.name) { origin($0).merging(sayings) { made, _ in made } }
    let target = try Folder(making: folder)
    return try files.map { file in
      let place = target[file.path]
      if let folder = place.parent { try Files.makeFolder(folder) }
      try Files.replace(place, with: file.data)
      return place.path
    }
  }

  /// How an output was made: what the file of a network, or of each picture of a set, says of it. Where files lay on this
  /// machine is no part of that.
  private func origin(of output: Output) -> (_ item: String?) -> [String: String] {
    guard let stage = plan[output.reference.stage] else { return { _ in [:] } }
    var origin = ["recipe": plan.recipe, "stage": stage.id, "kind": stage.kind.name]
    origin["digest"] = output.artifact.digest.hex
    func parameters(of stage: PlannedStage) -> [String: Value] {
      let paths = Set(stage.kind.parameters.filter { if case .path = $0.kind { true } else { false } }.map(\.name))
      return stage.parameters.values.filter { !paths.contains($0.key) }
    }
    for (name, value) in parameters(of: stage) { origin["parameter.\(name)"] = value.text }
    // What it was made from, such as the base model and the latents with their return step.
    for (port, input) in stage.inputs {
      let sources = input.references.uniqued.map { reference -> JSON in
        [
          "stage": .string(reference.stage), "kind": .optional(plan[reference.stage]?.kind.name),
          "digest": .optional(dryRun.artifacts[reference]?.digest.hex),
          "parameters": plan[reference.stage].map { Value.map(parameters(of: $0)).json } ?? .null,
        ]
      }
      origin["input.\(port)"] = (sources.count == 1 ? sources[0] : .array(sources)).text
    }
    // One action made all, or there is one for each item.
    let actions = dryRun.stages[stage.id]?.actions ?? []
    let keys = Dictionary(actions.map { ($0.id.item, $0.record?.key.hex) }) { first, _ in first }
    let digests = Dictionary(output.artifact.items.map { ($0.name, $0.object.hex) }) { first, _ in first }
    return { [origin] item in
      var origin = origin
      origin["key"] = keys[item] ?? keys[nil] ?? actions.first?.record?.key.hex
      if let item { origin["digest"] = digests[item] }
      return origin
    }
  }

  /// What an output is and holds, for people.
  public func text(of output: Output) throws -> String {
    let artifact = output.artifact
    let bytes = artifact.items.map(\.size).reduce(0, +)
    var text = "\(output.name)  \(artifact.type.rawValue), \(Readable.count(artifact.items.count, "item")), "
    text += "\(Readable.size(bytes))\ndigest \(artifact.digest.hex)\n"
    if artifact.type == .metrics, let measured = try measurements(of: output) {
      text += AlignedText.rows(
        [["  item"] + measured.measures]
          + measured.rows.map { row in
            ["  \(row.item)"] + measured.measures.map { row.values[$0].map(Readable.number) ?? "" }
          })
      text += "means\n"
      text += AlignedText.rows(measured.measures.map { ["  \($0)", measured.mean($0).map(Readable.number) ?? ""] })
    }
    if artifact.type != .metrics {
      text += AlignedText.rows(
        artifact.items.map { ["  \($0.object.hex.prefix(16))", Readable.size($0.size), $0.name] })
    }
    if artifact.type == .table, let table = try table(of: output) {
      text += AlignedText.rows([table.header] + table.rows)
    }
    return text
  }

  /// The ids of the stages that `name` means, or outputs of which it means.
  /// - Throws: ``ExecutionError`` where the recipe has no such output.
  public func stages(called name: String) throws -> [String] { try plan.outputs(called: name).map(\.stage).uniqued }

  /// What was said while the actions of a stage were done, by whichever run did them, line by line.
  public func log(ofStage stage: String) throws -> [(action: String, line: String)] {
    try (dryRun.stages[stage]?.actions ?? []).flatMap { action in
      let lines = try action.record.flatMap { try store.record(of: $0.key) }?.log ?? []
      return lines.map { ("\(action.id)", $0) }
    }
  }

  /// What the actions of stages said that failed in the latest run of the recipe, line by line.
  public func failures(of stages: [String], in history: RunHistory) throws -> [(action: String, line: String)] {
    guard let run = try history.latest(of: history.folderName(of: plan.recipe)) else { return [] }
    let failed = (try run.wholeRecord()["actions"]?.array ?? []).filter { action in
      guard action["status"] == "failed", let id = action["id"]?.string else { return false }
      return stages.contains { id.isSame(as: $0) || id.begins(with: $0 + "/") }
    }
    return failed.flatMap { action -> [(action: String, line: String)] in
      let id = action["id"]?.string ?? ""
      let lines = (action["log"]?.array ?? []).compactMap(\.string)
      let error = action["reason"]?.string?.parts(at: "\n").first ?? "failed"
      return (lines + ["failed in the run \(run.id): \(error)"]).map { (action: id, line: $0) }
    }
  }

  /// What an output is and holds, for programs.
  public func json(of output: Output) throws -> JSON {
    var members = [JSON.Member("stage", .string(output.reference.stage))]
    members += output.artifact.members(at: output.reference.port)
    if output.artifact.type == .metrics, let measured = try measurements(of: output) {
      members.append(
        .init("means", .object(measured.measures.map { .init($0, measured.mean($0).map(JSON.double) ?? .null) })))
    }
    if output.artifact.type == .table, let table = try table(of: output) {
      let rows = ([table.header] + table.rows).map { JSON.array($0.map(JSON.string)) }
      members.append(.init("table", .array(rows)))
    }
    return .object(members)
  }

  /// The means of what a metric measured, by `measure.NAME`, for a file to say.
  /// - Throws: ``ExecutionError`` where the recipe has no such output or it has not been made, `InputError` where it is no
  ///   metric, or there are several.
  public func means(called name: String) throws -> [String: String] {
    let outputs = try outputs(called: name)
    guard outputs.count == 1, let measured = try measurements(of: outputs[0]) else {
      throw InputError(
        outputs.count == 1
          ? "'\(name)' is \(outputs[0].artifact.type.rawValue): name a metric stage"
          : "'\(name)' means \(outputs.count) outputs: name one, as in stage[axis=value]")
    }
    return Dictionary(
      uniqueKeysWithValues: measured.measures.compactMap { measure in
        measured.mean(measure).map { ("measure.\(measure)", Readable.number($0)) }
      })
  }

  private func measurements(of output: Output) throws -> Measurements? {
    try Measurements(of: output.artifact, stage: output.reference.stage, in: store)
  }

  private func table(of output: Output) throws -> CSV? {
    CSV(try store.read(output.artifact.items[0].object))
  }
}
