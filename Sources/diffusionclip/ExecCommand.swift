import ArgumentParser
import ArtifactStore
import Engine
import Escaping
import Foundation
import Planning
import Reporting
import StageKit

struct ExecCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exec", abstract: "Execute stages of a written plan, or some of their items, over a shared store.",
    discussion: """
      For cluster engines: `plan R --out plan.json` writes the plan, and each node executes what it is told to. What is \
      in the store is not done again, so that nothing is lost where the same is started twice. A stage's receipt is \
      written once all of it is done.
      """)

  @Option(
    help: ArgumentHelp("A plan as `plan --out` writes it.", valueName: "file"), completion: .file(extensions: ["json"]),
    transform: path)
  var plan: String

  @Option(
    name: .customLong("action"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A stage, or one item of it; may be given several times.", valueName: "stage[/item]"))
  var actions: [String] = []

  @Option(help: ArgumentHelp("Execute this part of each stage's items.", valueName: "number/count"))
  var part: String?

  @Flag(
    help:
      "Execute nothing: see that all of the plan is done and its outputs whole, and write the results as `run` does.")
  var finish = false

  @Option(
    help: ArgumentHelp(
      "Where to write the receipt, besides the store, which has it under the plan's digest.", valueName: "file"),
    transform: path)
  var receipt: String?

  @OptionGroup var results: ResultOptions

  @Option(
    help: ArgumentHelp(
      "How long to wait for the stage's inputs, where they are not in the store yet.", valueName: "seconds"))
  var wait: Double = 0

  @OptionGroup var computing: ThreadOptions
  @OptionGroup var devices: DeviceOptions
  @OptionGroup var scripts: ScriptOptions

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard actions.isEmpty == finish else {
      throw ValidationError("Give --action, a stage or items of one; or --finish, once all of them are done.")
    }
    try require(wait, in: 0...1e9, "--wait")
    if part != nil, selection == nil {
      throw ValidationError("--part must be such as 3/16: the third of sixteen parts.")
    }
  }

  private var selection: StageExecution.Selection? {
    let numbers = (part ?? "").split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let number = numbers[0], let count = numbers[1], 1...1_000_000 ~= count,
      1...count ~= number
    else { return nil }
    return count == 1 ? .all : .part(number: number, of: count)
  }

  func run() async throws {
    try await reportingErrors {
      guard let data = try Files.read(plan) else {
        throw InputError("\(plan): no such file: write it with `plan RECIPE --out \(plan)`")
      }
      let file = try PlanFile(data, kinds: Program.kinds, from: plan)
      let interruption = Interruption()
      let store = try store.open(for: file.plan, interruption: interruption)
      let signals = SignalWatch { interruption.request() }
      defer { signals.cancel() }
      let report = CrashNotes { _ in CrashNotes.commandLine() }
        .following(output.json ? JSONReporter.standardOutput().report : LineReporter.standardError().report)
      if let receipt {
        let folder = receipt.parentFolder
        if !folder.isEmpty { try OutputPlace.requireFolder(folder, option: "--receipt") }
        try OutputPlace.requireFile(receipt, option: "--receipt")
      }
      if finish { return try await complete(file, in: store, interruption, report) }
      let executions = try StageExecution.all(of: actions, part: selection, in: file, store: store)
      guard receipt == nil || executions.count == 1 else {
        throw InputError("--receipt names one file, but there are several stages: leave it out, or execute one stage")
      }
      let environment = try Program.start(
        threads: computing.threads, device: devices.choice(), programs: scripts.permission())
      if let notice = environment.deviceNotice { report(.notice(notice)) }
      var worst: ExitStatus?
      for execution in executions {
        do {
          // Once one has failed, nobody will make what others need of it.
          let made = try execution.perform(
            environment: environment, patience: worst == nil ? wait : 0, interruption: interruption, emit: report)
          // `gc` keeps what the receipts in the store tell of.
          try execution.write(made)
          if let receipt { try execution.write(made, to: receipt) }
          if !output.json { printText("\(receipt ?? execution.receiptPath)\n") }
        } catch {
          // What does not need this one is done all the same.
          if executions.count == 1 || interruption.isRequested { throw error }
          warn("\(error)")
          let status = ExitStatus(of: error)
          if status.severity > worst?.severity ?? 0 { worst = status }
        }
      }
      if let worst { throw ExitCode(worst.rawValue) }
    }
  }

  private func complete(
    _ file: PlanFile, in store: Store, _ interruption: Interruption, _ report: @escaping @Sendable (RunEvent) -> Void
  ) async throws {
    let completion = PlanCompletion(of: file, in: store, folder: results.runs, formats: Program.formats)
    var status = ExitStatus.done
    do {
      let outcome = try await completion.perform(
        environment: Program.start(threads: computing.threads), patience: wait, interruption: interruption, emit: report
      )
      if !output.json { printText(Summary.text(of: outcome)) }
      outcome.issues.forEach(warn)
      status = outcome.status
    } catch {
      warn("\(error)")
      status = ExitStatus(of: error)
    }
    try completion.note(status)
    if status == .done, let receipt { try completion.note(status, to: receipt) }
    if status != .done { throw ExitCode(status.rawValue) }
  }
}
