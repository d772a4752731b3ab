import ArgumentParser
import ArtifactStore
import Engine
import Foundation
import Planning
import RecipeSyntax
import RemoteCache
import Reporting
import Runs
import Serving
import StageKit

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run a recipe: compute what it asks for and the store does not have yet.",
    discussion: "For a folder: run all recipes in it, one after the other.")

  @OptionGroup var recipe: RecipeOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var cache: CacheOptions
  @OptionGroup var fetching: FetchOptions
  @OptionGroup var output: OutputOptions

  @Option(
    help: ArgumentHelp(
      "Whether results are uploaded to the cache; else $DIFFUSIONCLIP_CACHE_MODE, else read.", valueName: "read|write"
    ))
  var cacheMode: CacheSettings.Mode?

  @OptionGroup var results: ResultOptions

  @OptionGroup var computing: ThreadOptions
  @OptionGroup var devices: DeviceOptions
  @OptionGroup var scripts: ScriptOptions

  @Option(help: "How many actions may run side by side, as far as memory allows.")
  var jobs: Int = 1

  @Option(
    help: ArgumentHelp(
      "How much memory actions that run side by side may take: three quarters of the machine's by default.",
      valueName: "megabytes"))
  var memory: Int = Int(ProcessInfo.processInfo.physicalMemory >> 20) / 4 * 3

  @Option(
    help: ArgumentHelp("Write the expectations as a JUnit report, for CI dashboards.", valueName: "file"),
    completion: .file(extensions: ["xml"]), transform: path)
  var junit: String?

  @Option(
    help: ArgumentHelp(
      "Interrupt the run after this time: 90s, 45m or 2h. The same command goes on from there.",
      valueName: "time"), transform: duration)
  var timeout: Double?

  @Flag(help: "Show the run as a page in a browser while it goes on, and print its address; see serve.")
  var serve = false

  @OptionGroup var serving: ServingOptions

  @Flag(help: "Finish what a failure does not touch.")
  var keepGoing = false

  @Flag(help: "Keep the folder of a `script` that fails, in the folder of the run, to look at it.")
  var keepFailedWork = false

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("Run only this stage and what it needs; may be given several times.", valueName: "stage"))
  var only: [String] = []

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("Execute this stage although it is cached; may be given several times.", valueName: "stage"))
  var force: [String] = []

  @OptionGroup var labeling: LabelOptions

  func validate() throws {
    _ = try labeling.labels()
    try require(jobs, in: 1...1024, "--jobs")
    try require(memory, in: 1...1_000_000_000, "--memory")
    _ = try cache.settings(mode: cacheMode, trust: fetching.cacheTrust)
  }

  func run() async throws {
    try await reportingErrors {
      if let junit { try OutputPlace.requireFile(junit, option: "--junit") }
      let environment = try Program.start(
        threads: computing.threads, device: devices.choice(), programs: scripts.permission())
      let interruption = Interruption()
      let signals = SignalWatch { interruption.request() }
      defer { signals.cancel() }

      let isFolder = recipe.isFolder
      let notes = CrashNotes { CrashNotes.commandLine(with: isFolder ? [] : ["--only", $0.stage]) }
      let report = notes.following(reporter(json: output.json))
      if let notice = environment.deviceNotice { report(.notice(notice)) }
      let timer = timeout.map { seconds in
        Task {
          try await Task.sleep(for: .seconds(seconds))
          report(.notice("--timeout: \(Readable.duration(seconds)) are over; the run is interrupted"))
          interruption.request()
        }
      }
      defer { timer?.cancel() }
      let shared = try cache.settings(mode: cacheMode, trust: fetching.cacheTrust).map { settings in
        HTTPCache(settings, interruption: interruption, isOptional: true) { report(.notice($0)) }
      }
      let runs: [Run]
      do { runs = try prepared(environment, shared, interruption) } catch {
        if output.json, let errors = error as? Diagnostics { JSONReporter.standardOutput().report(errors) }
        if let junit { try Files.write(Data(JUnit(of: error, in: recipe.recipe).xml.utf8), to: junit) }
        throw error
      }
      let server = serve ? try self.server(of: runs[0]) : nil
      defer { server?.stop() }
      var outcomes: [(recipe: String, outcome: RunOutcome)] = []
      for run in runs where !interruption.isRequested {
        if runs.count > 1, !output.json { printText("\(run.plan.recipe)\n") }
        let outcome = await run.perform(interruption: interruption, emit: report)
        if !output.json { printText(Summary.text(of: outcome)) }
        outcome.issues.forEach(warn)
        outcomes.append((run.plan.recipe, outcome))
      }
      var status = outcomes.map(\.outcome.status).max { $0.severity < $1.severity } ?? .done
      if let junit {
        do { try Files.write(Data(JUnit(of: outcomes).xml.utf8), to: junit) } catch {
          warn("the JUnit report \(junit) could not be written: \(error)")
          if status == .done { status = .stageFailed }
        }
      }
      throw ExitCode(status.rawValue)
    }
  }

  /// The runs of all recipes, of which nothing is known that would keep them from being done.
  private func prepared(
    _ environment: RunEnvironment, _ cache: HTTPCache?, _ interruption: Interruption
  ) throws -> [Run] {
    let plans = try recipe.plans()
    guard plans.count == 1 || only.isEmpty && force.isEmpty else {
      throw InputError("\(recipe.recipe) has several recipes: run the one that --only and --force are about")
    }
    let runs = try plans.map { try run(of: $0, environment, cache, interruption) }
    try Run.requireDistinct(runs)
    if runs.count > 1 { for run in runs { try run.requirePermission() } }
    for run in runs { try run.requireFolder() }
    return runs
  }

  /// A server of the folder of a run, which runs beside it.
  private func server(of run: Run) throws -> RunServer {
    let history = try RunHistory(at: results.runs, repository: Store.repository(around: run.plan.file))
    let server = RunServer(history, store: { run.store }, formats: Program.formats)
    Thread.detachNewThread {
      do { try server.run(port: serving.port) { warn("watch it at \($0)") } } catch { warn("\(error)") }
    }
    return server
  }

  /// The run of one recipe.
  private func run(
    of whole: Plan, _ environment: RunEnvironment, _ cache: HTTPCache?, _ interruption: Interruption
  ) throws -> Run {
    let plan = only.isEmpty ? whole : whole.only(try only.flatMap { try whole.stages(called: $0) })
    let forced = try force.flatMap { try plan.stages(called: $0) }.map(\.id)
    return Run(
      of: plan, in: try store.open(for: plan, interruption: interruption), folder: results.runs,
      environment: environment,
      options: RunOptions(
        jobs: jobs, memory: memory << 20, keepsGoing: keepGoing, forced: Set(forced), only: only,
        keepsFailedWork: keepFailedWork),
      labels: try labeling.labels(), formats: Program.formats, cache: cache)
  }
}
