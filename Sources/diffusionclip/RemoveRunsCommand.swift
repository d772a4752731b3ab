import ArgumentParser
import ArtifactStore
import Engine
import Escaping
import JSONSyntax
import RecipeSyntax
import Reporting
import Runs
import StageKit

struct RemoveRuns: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Remove runs: the named ones, or those that need not be kept.",
    discussion: """
      A run's folder loses what the run wrote; what somebody added to it or changed in it stays. Runs that are not named \
      are removed only where they have no tag. --keep counts whole runs, tagged or not: one that failed or made only a part \
      takes nobody's place. What runs made stays in the store until `gc`.
      """)

  @Argument(help: ArgumentHelp(RunHistory.nameHelp, valueName: "run"), completion: .directory, transform: path)
  var names: [String] = []

  @Option(
    help: ArgumentHelp("Remove what is older than the latest so many whole runs of each recipe.", valueName: "count"))
  var keep: Int?

  @Option(help: ArgumentHelp("Remove those that began before.", valueName: "days"))
  var olderThan: Double?

  @Flag(help: "Remove those that failed, or ended without results.")
  var failed = false

  @OptionGroup var choice: RunChoiceOptions

  @Flag(help: "Only say what would be removed.")
  var dryRun = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    let isPolicy = keep != nil || olderThan != nil || failed || !choice.filters.isEmpty
    guard names.isEmpty == isPolicy else {
      throw ValidationError(
        names.isEmpty
          ? "Give the runs to remove, or one of --keep, --older-than, --failed and --where."
          : "Give the runs to remove, or --keep, --older-than, --failed and --where, not both.")
    }
    if let keep { try require(keep, in: 0...Int(Int32.max), "--keep") }
    if let olderThan { try require(olderThan, in: 0...1e6, "--older-than") }
  }

  func run() async throws {
    try await reportingErrors {
      let history = try choice.history.history()
      let (chosen, tagged) = try names.isEmpty ? dispensable() : (named(in: history), [])
      var left: [String] = []
      if !dryRun { left = try chosen.flatMap { try history.remove($0) } }
      if output.json {
        printLine(["removed": .array(chosen.map { .string($0.folder) }), "left": .array(left.map(JSON.string))])
      } else {
        for run in chosen { printText("\(dryRun ? "would remove" : "removed") \(run.recipe)/\(run.id)\n") }
        if chosen.isEmpty, tagged.isEmpty { printText("no run matches\n") }
      }
      if !tagged.isEmpty {
        warn(
          "\(Readable.count(tagged.count, "run")) with tags \(tagged.count == 1 ? "stays" : "stay"), which only "
            + "\(tagged.count == 1 ? "its name removes" : "their names remove"): "
            + Suggestion.list(tagged.map { "\($0.recipe)/\($0.id)" }, upTo: 5))
      }
      for path in left { warn("\(path) is not as the run wrote it, and stays") }
    }
  }

  /// Each once.
  private func named(in history: RunHistory) throws -> [KeptRun] {
    var seen: Set<String> = []
    return try names.map { try history.run(called: $0) }.filter { seen.insert($0.folder).inserted }
  }

  private func dispensable() throws -> ([KeptRun], [KeptRun]) {
    let (runs, filters) = try choice.runs()
    let found = Retention(count: keep, days: olderThan, onlySuccess: failed).dispensable(runs)
    func meant(_ runs: [KeptRun]) throws -> [KeptRun] {
      try runs.filter { run in try filters.allSatisfy { try $0.holds(for: run) } }
    }
    return (try meant(found.untagged), try meant(found.tagged))
  }
}
