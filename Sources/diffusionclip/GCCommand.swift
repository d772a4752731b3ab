import ArgumentParser
import ArtifactStore
import Reporting
import Runs
import StageKit

struct GCCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gc", abstract: "Remove from the store what no recipe's latest runs, and no tagged one, need.",
    discussion: """
      Kept are the latest runs of every recipe that is still where it was run from, runs with a tag, and everything \
      younger than the grace period. Runs that failed, or made only a part of their recipe, take no whole run's place: as many of them \
      are kept besides. What `exec` did of one plan is one run. The store must not be in use, also not by another machine: \
      `doctor` says whether that is noticed.
      """)

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  @Option(help: ArgumentHelp("How many of the latest runs of each recipe to keep.", valueName: "runs"))
  var keep: Int = 3

  @Option(
    help: ArgumentHelp(
      "How many of those that failed or made only a part of their recipe: as many unless given.", valueName: "runs"))
  var keepFailed: Int?

  @Flag(inversion: .prefixedNo, help: "Whether to keep what runs with a tag used.")
  var tagged = true

  @OptionGroup var history: HistoryOptions

  @Option(help: ArgumentHelp("Keep everything that is younger.", valueName: "hours"))
  var grace: Double = 24

  @Flag(help: "Only say what would be removed.")
  var dryRun = false

  func validate() throws {
    guard keep >= 0, keepFailed ?? 0 >= 0, grace >= 0 else {
      throw ValidationError("--keep, --keep-failed and --grace must not be negative.")
    }
  }

  func run() async throws {
    try await reportingErrors {
      let store = try store.openHere(access: .alone)
      let runs = try tagged ? history.history().runs() : []
      let keys = Set(try runs.filter(\.mayBeTagged).flatMap { try needed(by: $0) })
      let garbage = try store.collect(
        keeping: keep, others: keepFailed, keys: keys, grace: grace * 3600, isDry: dryRun)
      if output.json { printLine(garbage.json) } else { printText(Summary.text(of: garbage, isDry: dryRun)) }
    }
  }

  /// The actions whose results a run with a tag used. What cannot be read might need anything.
  private func needed(by run: KeptRun) throws -> [Digest] {
    do { return try run.keys() } catch {
      throw InputError(
        "\(run.folder): what this run used cannot be told (\(error)); remove the folder, or have nothing kept for runs with "
          + "tags by --no-tagged")
    }
  }
}
