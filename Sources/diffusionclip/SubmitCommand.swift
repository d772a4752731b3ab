import ArgumentParser
import ArtifactStore
import Cluster
import Costing
import Engine
import Escaping
import Foundation
import Planning
import StageKit

struct SubmitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "submit", abstract: "Submit the missing actions of a recipe to Slurm or Snakemake.",
    discussion: """
      The store must be on a file system that all nodes share (`doctor` tests it). Written are a script for Slurm or a \
      Snakefile; --go submits the former.
      """)

  @OptionGroup var recipe: RecipeOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  @Option(help: ArgumentHelp("slurm or snakemake.", valueName: "engine"))
  var engine: Submission.Engine = .slurm

  @Flag(help: "Submit the jobs to Slurm, too.")
  var go = false

  @Flag(help: "With --go or --status: wait until nothing is left in the queue.")
  var wait = false

  @Flag(help: "Print the state of the jobs.")
  var status = false

  @Flag(help: "Cancel the jobs that are in the queue.")
  var cancel = false

  @Option(help: ArgumentHelp("How long a task should take.", valueName: "minutes"))
  var task: Double = 30

  @OptionGroup var machine: MachineOptions
  @OptionGroup var scripts: ScriptOptions

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "An option for every sbatch, such as --partition=cpu; may be given several times.", valueName: "option"))
  var sbatch: [String] = []

  @OptionGroup var results: ResultOptions

  func validate() throws {
    guard task > 0, task <= 525_600 else { throw ValidationError("--task must be above 0, and at most 525600.") }
    guard [go, status, cancel].count(where: \.self) <= 1 else {
      throw ValidationError("--go, --status and --cancel exclude each other.")
    }
    guard !wait || go || status else { throw ValidationError("--wait is about --go or --status.") }
    guard engine == .slurm || !(go || cancel) else {
      throw ValidationError("Snakemake is started by its own command: --go and --cancel are about slurm.")
    }
  }

  func run() async throws {
    try await reportingErrors {
      let plan = try recipe.plan()
      let device = try machine.devices.choice()
      guard device == .cpu || device == .gpu(nil) else {
        throw InputError("jobs compute on '\(device)': say cpu or gpu, the cluster gives each job a card of its own")
      }
      let store = try store.open(for: plan)
      let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
      let permission = try scripts.permission()
      let submission = Submission(
        of: plan, in: store, program: program, runs: results.runs.map(absolute), scripts: permission)
      if cancel { return try submission.cancel() }
      if !status {
        try submission.requireIdle()
        try submission.requireResultsFolder()
        let dryRun = try DryRun(of: plan, in: store)
        try permission.require(for: dryRun.actions.lazy.filter { !$0.isCached }.map(\.stage))
        let cost = try machine.cost(of: dryRun, for: plan)
        let workflow = Workflow(
          cost,
          shape: Workflow.Shape(
            taskSeconds: task * 60, threads: machine.computing.threads, bundlesQuickStages: engine == .slurm))
        try submission.write(workflow, for: engine, options: sbatch, by: dryRun)
        let said = go ? try submission.submit() : ""
        guard wait else { return report(submission, workflow, cost, said) }
      }
      var state = try submission.status()
      while wait, state.isGoing {
        try await Task.sleep(for: .seconds(2))
        state = try submission.status()
      }
      output.json ? printLine(state.json) : printText(state.text)
      throw ExitCode(state.status.rawValue)
    }
  }

  private func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
  }

  private func report(_ submission: Submission, _ workflow: Workflow, _ cost: CostEstimate, _ said: String) {
    let script = submission.script(for: engine)
    let word = Escape.shell(script)
    if output.json {
      printLine([
        "script": .string(script), "folder": .string(submission.folder), "jobs": .int(workflow.jobs.count),
        "tasks": .int(workflow.jobs.reduce(0) { $0 + $1.tasks.count }), "actions": .int(cost.runs),
        "submitted": .bool(go),
      ])
    } else if go {
      printText(said)
    } else {
      printText(
        engine == .slurm
          ? "bash \(word)\n" : "snakemake -s \(word) --cores all\(workflow.usesCards ? " --resources gpu=1" : "")\n")
    }
  }
}

extension Submission.Engine: ExpressibleByArgument {}
