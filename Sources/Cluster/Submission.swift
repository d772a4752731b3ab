import ArtifactStore
import Engine
import Escaping
import Foundation
import JSONSyntax
import Planning
import StageKit

/// A plan handed to a cluster engine: a folder in the store with the plan's file, the engine's script, and what the jobs
/// say. Its name is the plan's digest, as that of the folder of receipts.
///
/// ```
/// plan.json     what `exec` executes from
/// exec.sh       executes something of the plan
/// submit.sh     for Slurm: run it, and jobs.tsv has the jobs' numbers
/// Snakefile     for Snakemake, with tasks.json and slurm-status.sh; done/ tells it what is done
/// workflow.json which receipts tell that a job is done
/// logs/         what the jobs say
/// ```
public struct Submission: Sendable {
  public enum Engine: String, Sendable, CaseIterable {
    case slurm, snakemake
  }

  public let plan: Plan
  let store: Store
  private let program: String
  /// Where the results of the run go; nil for the default.
  private let runs: String?
  /// Whether the user allows that the jobs start programs.
  private let scripts: ProgramPermission
  private let data: Data
  private let digest: Digest

  /// - Parameters:
  ///   - program: the absolute path of this program, on all nodes.
  ///   - runs: as `run` has it.
  ///   - scripts: whether the user allows that the jobs start programs.
  public init(
    of plan: Plan, in store: Store, program: String, runs: String? = nil, scripts: ProgramPermission = .denied
  ) {
    self.plan = plan
    self.store = store
    self.program = program
    self.runs = runs
    self.scripts = scripts
    data = PlanFile.data(of: plan)
    digest = Digest(of: data)
  }

  public var folder: String { place.path }
  var place: Place { store.root["submissions/\(digest.hex)"] }
  /// No stage is called so.
  private static let startReceipt = "start .json"
  /// Where receipts are.
  var receipts: Place { store.receipts(ofPlan: digest) }
  /// The script to run, or the Snakefile.
  public func script(for engine: Engine) -> String { place(ofScript: engine).path }
  private func place(ofScript engine: Engine) -> Place { place[engine == .slurm ? "submit.sh" : "Snakefile"] }

  /// Executes something of the plan, as its arguments say, on any node, which may see only after a while what another
  /// one has made.
  private var execution: String {
    let words =
      [program, "exec", "--plan", folder + "/plan.json", "--store", store.folder]
      + (scripts == .granted ? ["--allow-scripts"] : [])
    return """
      #!/usr/bin/env bash
      # A job that has a graphics card says so.
      export DIFFUSIONCLIP_DEVICE=cpu
      exec \(words.map(Escape.shell).joined(separator: " ")) --wait "${DIFFUSIONCLIP_PATIENCE:-60}" "$@"

      """
  }

  /// The options that end the plan.
  var finish: String { (["--finish"] + (runs.map { ["--runs", $0] } ?? [])).map(Escape.shell).joined(separator: " ") }

  /// Sees, before anything is submitted, that the results can be written.
  /// - Throws: `InputError`.
  public func requireResultsFolder() throws { try ResultsFolder(of: plan, in: runs).tryOut() }

  /// Writes the folder for `workflow`. Receipts of what is to be done again are removed.
  /// - Parameter dryRun: what is done already.
  /// - Throws: `StoreError`.
  public func write(_ workflow: Workflow, for engine: Engine, options: [String], by dryRun: DryRun) throws {
    try Files.makeFolder(place["logs"])
    try Files.makeFolder(receipts)
    let receipts = workflow.jobs.map { job in
      job.tasks.map { $0.map { StageExecution.receiptName($0.stage, $0.selection) } }
    }
    for name in receipts.joined().joined() + [StageExecution.finishReceipt] {
      try Files.remove(self.receipts[name])
    }
    // As a receipt of what is done already: while jobs wait in the queue, `gc` takes neither that nor the plan.
    let start: JSON = [
      "plan": .string(digest.hex), "recipe": .string(plan.recipe), "file": .string(plan.file),
      "actions": .array(dryRun.doneKeys.sorted().map { ["key": .string($0.hex)] }),
    ]
    try Files.replace(self.receipts[Self.startReceipt], with: start.prettyData)
    try Files.replace(place["plan.json"], with: data)
    try writeScript(execution, to: place["exec.sh"])
    let jobs = zip(workflow.jobs, receipts).map { job, receipts -> JSON in
      ["name": .string(job.name), "receipts": .array(receipts.map { .array($0.map(JSON.string)) })]
    }
    try Files.replace(place["workflow.json"], with: JSON.array(jobs).prettyData)
    try Files.remove(place["jobs.tsv"])
    // What an earlier submission said and did would be taken for this one's.
    for part in ["done", "logs"] {
      for name in try Files.names(in: place[part]) { try Files.remove(place[part][name]) }
    }
    switch engine {
    case .slurm:
      let script = SlurmScript(workflow: workflow, submission: self, options: options)
      try writeScript(script.text, to: place(ofScript: engine))
    case .snakemake:
      let snakefile = Snakefile(workflow: workflow, submission: self)
      try Files.replace(place["tasks.json"], with: snakefile.tasks.prettyData)
      try Files.replace(place(ofScript: engine), with: Data(snakefile.text.utf8))
      try writeScript(Snakefile.statusScript, to: place["slurm-status.sh"])
    }
  }

  private func writeScript(_ text: String, to place: Place) throws {
    try Files.replace(place, with: Data(text.utf8), mode: 0o777)
  }
}
