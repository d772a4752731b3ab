import ArgumentParser
import ArtifactStore
import Execution
import Foundation
import Planning
import StageKit

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Make everything that a recipe asks for and that is not there yet.",
    discussion: "For a folder: what all recipes in it ask for, one after the other.")

  @OptionGroup var recipe: RecipeOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var cache: CacheOptions
  @OptionGroup var output: OutputOptions

  @Option(
    help: ArgumentHelp(
      "Whether what is made goes to the cache, too; else $DIFFUSIONCLIP_CACHE_MODE, else read.", valueName: "read|write"
    ))
  var cacheMode: CacheSettings.Mode?

  @Option(
    help: ArgumentHelp(
      "Whose results are taken from the cache; else $DIFFUSIONCLIP_CACHE_TRUST, else all.", valueName: "all|signed|none"
    ))
  var cacheTrust: CacheSettings.Trust?

  @Option(help: ArgumentHelp("Where results go: runs in the recipe's repository by default.", valueName: "folder"))
  var runs: String?

  @Option(help: "How many threads to compute with: one for each processor by default.")
  var threads: Int = ProcessInfo.processInfo.activeProcessorCount

  @Option(help: "How many actions may run side by side, as far as memory allows.")
  var jobs: Int = 1

  @Option(
    help: ArgumentHelp(
      "How much memory actions that run side by side may take: three quarters of the machine's by default.",
      valueName: "megabytes"))
  var memory: Int = Int(ProcessInfo.processInfo.physicalMemory >> 20) / 4 * 3

  @Option(
    help: ArgumentHelp("Write the expectations as a JUnit report, for CI dashboards.", valueName: "file"),
    completion: .file(extensions: ["xml"]))
  var junit: String?

  @Flag(help: "Finish what a failure does not touch.")
  var keepGoing = false

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("Make only this stage and what it needs; may be given several times.", valueName: "stage"))
  var only: [String] = []

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("Execute this stage although it is cached; may be given several times.", valueName: "stage"))
  var force: [String] = []

  func validate() throws {
    guard threads > 0 else { throw ValidationError("--threads must be at least 1.") }
    guard jobs > 0 else { throw ValidationError("--jobs must be at least 1.") }
    guard memory > 0 else { throw ValidationError("--memory must be at least 1.") }
    if runs?.isEmpty == true { throw ValidationError("--runs must name a folder.") }
    _ = try cache.settings(mode: cacheMode, trust: cacheTrust)
  }

  func run() async throws {
    try await reportingErrors {
      let plans = try recipe.plans()
      guard plans.count == 1 || only.isEmpty && force.isEmpty else {
        throw InputError("\(recipe.recipe) has several recipes: run the one that --only and --force are about")
      }
      let interruption = Interruption()
      let signals = SignalWatch { interruption.request() }
      defer { signals.cancel() }

      let report = reporter(json: output.json)
      let shared = try cache.settings(mode: cacheMode, trust: cacheTrust).map { settings in
        RemoteCache(settings, interruption: interruption, isOptional: true) { report(.notice($0)) }
      }
      let environment = try Engine.start(threads: threads)
      var outcomes: [(recipe: String, outcome: RunOutcome)] = []
      for plan in plans where !interruption.isRequested {
        if plans.count > 1, !output.json { printText("\(plan.recipe)\n") }
        outcomes.append((plan.recipe, try await perform(plan, environment, shared, interruption, report)))
      }
      if let junit { try Files.write(Data(JUnit(of: outcomes).xml.utf8), to: junit) }
      throw ExitCode(outcomes.map(\.outcome.status).max(by: { $0.severity < $1.severity })?.rawValue ?? 0)
    }
  }

  /// Runs one recipe and says what came of it.
  private func perform(
    _ whole: Plan, _ environment: RunEnvironment, _ cache: RemoteCache?, _ interruption: Interruption,
    _ report: @escaping @Sendable (RunEvent) -> Void
  ) async throws -> RunOutcome {
    let plan = only.isEmpty ? whole : whole.only(try only.flatMap { try whole.stages(called: $0) })
    let forced = try force.flatMap { try plan.stages(called: $0) }.map(\.id)
    let run = Run(
      of: plan, in: try store.open(for: plan, interruption: interruption), folder: runs, environment: environment,
      options: RunOptions(jobs: jobs, memory: memory << 20, keepsGoing: keepGoing, forced: Set(forced)),
      formats: Engine.formats, cache: cache)
    let outcome = await run.perform(interruption: interruption, emit: report)
    if !output.json { printText(Summary.text(of: outcome)) }
    outcome.complaints.forEach(complain)
    return outcome
  }
}
