import ArgumentParser
import ArtifactStore
import Execution
import Foundation
import Planning
import StageKit

struct ExecCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exec", abstract: "Execute one stage of a written plan, or some of its items, over a shared store.",
    discussion: """
      For cluster engines: `plan R --out plan.json` writes the plan, and each node executes what it is told to. What is \
      in the store is not done again, so that nothing is lost where the same is started twice. The receipt is written \
      once all of it is done.
      """)

  @Option(
    help: ArgumentHelp("A plan as `plan --out` writes it.", valueName: "file"), completion: .file(extensions: ["json"]))
  var plan: String

  @Option(
    name: .customLong("action"), parsing: .singleValue,
    help: ArgumentHelp(
      "A stage, or one item of it; for several items of a stage may be given several times.",
      valueName: "stage[/item]"))
  var actions: [String]

  @Option(help: ArgumentHelp("Of the stage's items, this part of so many.", valueName: "number/count"))
  var part: String?

  @Option(
    help: ArgumentHelp(
      "Where the receipt goes besides the store, where it lies under the plan's digest.", valueName: "file"))
  var receipt: String?

  @Option(
    help: ArgumentHelp(
      "For how long to look again for what the stage needs, where that is not in the store yet.", valueName: "seconds"))
  var wait: Double = 0

  @Option(help: "How many threads to compute with: one for each processor by default.")
  var threads: Int = ProcessInfo.processInfo.activeProcessorCount

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard !actions.isEmpty else { throw ValidationError("Missing --action: name a stage, or items of one.") }
    guard wait >= 0, wait <= 1e9 else { throw ValidationError("--wait must be a number of seconds, not negative.") }
    guard threads > 0 else { throw ValidationError("--threads must be at least 1.") }
    if part != nil, selection == nil {
      throw ValidationError("--part must be such as 3/16: the third of sixteen parts.")
    }
  }

  private var selection: StageExecution.Selection? {
    let numbers = (part ?? "").split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let number = numbers[0], let count = numbers[1], 1...1_000_000 ~= count,
      1...count ~= number
    else { return nil }
    return .part(number: number, of: count)
  }

  func run() async throws {
    try await reportingErrors {
      guard let data = FileManager.default.contents(atPath: plan) else {
        throw InputError("\(plan): no such file: write it with `plan RECIPE --out \(plan)`")
      }
      let file = try PlanFile(data, kinds: Engine.kinds, from: plan)
      let store = try store.open(for: file.plan)
      let execution = try StageExecution(of: actions, part: selection, in: file, store: store)
      let interruption = Interruption()
      let signals = SignalWatch { interruption.request() }
      defer { signals.cancel() }
      let report = output.json ? JSONReporter.standardOutput().report : LineReporter.standardError().report
      let made = try execution.perform(
        environment: Engine.start(threads: threads), patience: wait, interruption: interruption, emit: report)
      // `gc` keeps what the receipts in the store tell of.
      try execution.write(made)
      if let receipt { try execution.write(made, to: receipt) }
      if !output.json { printText("\(receipt ?? execution.receiptPath)\n") }
    }
  }
}
