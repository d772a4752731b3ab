import ArgumentParser
import ArtifactStore
import Engine
import Escaping
import Foundation
import JSONSyntax
import RemoteCache
import Reporting
import Runs
import StageKit

struct RunsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "runs", abstract: "List the runs that are kept, show one, tag it, or remove it.",
    subcommands: [ListRuns.self, ShowRun.self, TagRun.self, BaselineOfRun.self, RemoveRuns.self],
    defaultSubcommand: ListRuns.self)
}

/// Which runs.
struct RunChoiceOptions: ParsableArguments {
  @Option(
    name: .customLong("of"), parsing: .singleValue,
    help: ArgumentHelp("Only runs of this recipe; may be given several times.", valueName: "recipe"))
  var recipes: [String] = []

  @Option(
    name: .customLong("where"), parsing: .singleValue,
    help: ArgumentHelp(
      """
      Only runs for which this holds, such as "identity >= 0.7", "target == angry face", "state != failed" or \
      "tag == baseline"; may be given several times.
      """, valueName: "comparison"))
  var filters: [String] = []

  @OptionGroup var history: HistoryOptions

  /// The runs that are looked at, the newest first, and what is asked of them.
  func runs() throws -> (runs: [KeptRun], filters: [RunFilter]) {
    let history = try history.history()
    let filters = try filters.map(RunFilter.init)
    guard !recipes.isEmpty else { return (try history.runs(), filters) }
    let runs = try recipes.flatMap { name in
      let found = try history.runs(of: history.folderName(of: name))
      if found.isEmpty { throw InputError("no run of a recipe '\(name)' is in \(history.path)") }
      return found
    }
    return (runs, filters)
  }
}

struct ListRuns: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List runs with what tells them apart: labels, parameters, measures.",
    discussion: """
      A column is a parameter, a measure, or one of \(RunColumn.facts.joined(separator: ", ")). A measure that several \
      stages take is called stage.measure.
      """)

  @OptionGroup var choice: RunChoiceOptions

  @Option(help: ArgumentHelp("Sort by this, the lowest first; else the newest run comes first.", valueName: "column"))
  var sort: String?

  @Flag(help: "With --sort, the highest first.")
  var descending = false

  @Option(
    help: ArgumentHelp(
      "Only the run that is best by this measure: with the highest, or where less is better, the lowest mean.",
      valueName: "measure"))
  var best: String?

  @Option(help: ArgumentHelp("At most so many runs.", valueName: "count"))
  var limit: Int?

  @Option(help: ArgumentHelp("These columns, separated by commas.", valueName: "columns"))
  var columns: String?

  @Flag(help: "Print comma-separated values.")
  var csv = false

  @Flag(help: "Print a table of Markdown.")
  var markdown = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let limit { try require(limit, in: 1...Int(Int32.max), "--limit") }
    guard [csv, markdown, output.json].count(where: { $0 }) <= 1 else {
      throw ValidationError("Give one of --csv, --markdown and --json.")
    }
    if sort != nil, best != nil { throw ValidationError("--best sorts by itself: leave --sort out.") }
  }

  func run() async throws {
    try await reportingErrors {
      let (runs, filters) = try choice.runs()
      var choice = RunTable.Choice()
      choice.filters = filters
      choice.order = sort
      choice.isDescending = descending
      choice.best = best
      choice.limit = limit
      choice.columns = (columns ?? "").parts(at: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      let table = try RunTable(of: runs, choice)
      if output.json {
        printLine(table.json)
      } else {
        printText(csv ? table.csv.text : markdown ? table.markdown : table.text)
      }
    }
  }
}

struct ShowRun: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "show", abstract: "Show what is known of a run.")

  @Argument(help: ArgumentHelp(RunHistory.nameHelp, valueName: "run"), completion: .directory, transform: path)
  var name: String

  @Option(
    help: ArgumentHelp(
      "Write the run's page to a file, with its pictures in it: the page in its folder may refer to those beside it.",
      valueName: "file"), completion: .file(extensions: ["html"]), transform: path)
  var page: String?

  @OptionGroup var history: HistoryOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await reportingErrors {
      let run = try history.history().run(called: name)
      if let page {
        try OutputPlace.requireFile(page, option: "--page")
        try Files.write(run.page(), to: page)
      }
      if output.json {
        printLine(try run.wholeRecord())
      } else {
        printText(page.map { $0 + "\n" } ?? Summary.text(of: run))
      }
    }
  }
}

struct TagRun: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tag", abstract: "Tag a run, or give it a name or a note. What tagged runs made is kept by `gc`.")

  @Argument(help: ArgumentHelp(RunHistory.nameHelp, valueName: "run"), completion: .directory, transform: path)
  var run: String

  @Argument(help: ArgumentHelp("Tags to add.", valueName: "tag"))
  var tags: [String] = []

  @Option(
    name: .customLong("remove"), parsing: .singleValue,
    help: ArgumentHelp("A tag to take away; may be given several times.", valueName: "tag"))
  var removed: [String] = []

  @Option(help: ArgumentHelp("A name for the run.", valueName: "word"))
  var name: String?

  @Option(help: ArgumentHelp("What the run is for.", valueName: "text"))
  var note: String?

  @OptionGroup var history: HistoryOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard !(tags.isEmpty && removed.isEmpty) || name != nil || note != nil else {
      throw ValidationError("Give tags, --remove, --name or --note.")
    }
    do { _ = try RunLabels(name: name, note: note, tags: tags) } catch let error as InputError {
      throw ValidationError("\(error)")
    }
  }

  func run() async throws {
    try await reportingErrors {
      let history = try history.history()
      let found = try history.run(called: run)
      if let tag = removed.first(where: { !found.tags.contains($0) }) {
        throw InputError(
          "\(found.recipe)/\(found.id) has no tag '\(tag)'; it has \(found.tags.joined(separator: ", "))")
      }
      try found.relabel(found.labels.adding(tags, removing: removed, name: name, note: note))
      let changed = try history.run(called: found.folder)
      if output.json {
        printLine(changed.json)
      } else {
        printText(
          "\(found.recipe)/\(found.id): \(changed.tags.isEmpty ? "no tags" : changed.tags.joined(separator: ", "))\n")
      }
    }
  }
}

struct BaselineOfRun: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "baseline", abstract: "Write a run's numbers to a file to be checked in beside its recipe.",
    discussion: """
      RECIPE.baseline.json is what `compare RUN --baseline` compares with, and what `baseline` stands for in an \
      expectation: expect: {s_dir: ">= baseline - 0.01"}.
      """)

  @Argument(help: ArgumentHelp(RunHistory.nameHelp, valueName: "run"), completion: .directory, transform: path)
  var name: String

  @Option(
    name: .customLong("to"), help: ArgumentHelp("Another file.", valueName: "file"),
    completion: .file(extensions: ["json"]), transform: path)
  var file: String?

  @Flag(help: "The numbers of single items as well, so that differences get intervals.")
  var items = false

  @Option(
    help: ArgumentHelp(
      "Instead, keep them in the shared cache under this name, for `compare --pushed` on other machines.",
      valueName: "word"))
  var push: String?

  @OptionGroup var cache: CacheOptions
  @OptionGroup var history: HistoryOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if push != nil {
      guard file == nil else { throw ValidationError("Give one of --to and --push.") }
      _ = try cache.neededSettings()
    }
  }

  func run() async throws {
    try await reportingErrors {
      let history = try history.history()
      let run = try history.run(called: name)
      guard run.state.hasResults, !run.measures.isEmpty else {
        throw InputError("\(run.recipe)/\(run.id) has no numbers (\(run.state.rawValue)): name another run")
      }
      if let push {
        let remote = HTTPCache(
          try cache.neededSettings(), interruption: Interruption(), isOptional: false, say: warn)
        let data = RunBaseline.data(of: run, withItems: true)
        guard try remote.give(baseline: data, of: run.recipeName, called: push) else {
          throw ExitCode(ExitStatus.stageFailed.rawValue)
        }
        if output.json { printLine(["pushed": .string(push)]) } else { printText("\(push)\n") }
        return
      }
      let target: String
      if let file {
        try OutputPlace.requireFile(file, option: "--to")
        try Files.write(RunBaseline.data(of: run, withItems: items), to: file)
        target = file
      } else {
        target = try history.writeBaseline(of: run, withItems: items)
      }
      if output.json {
        printLine(["file": .string(target), "numbers": .int(run.measures.count)])
      } else {
        printText("\(target)\n")
      }
    }
  }
}

struct RemoveRuns: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Remove runs: the named ones, or those that need not be kept.",
    discussion: """
      A run's folder loses what the run wrote; what somebody added to it or changed in it stays. Runs that are not named \
      are removed only where they have no tag. What runs made stays in the store until `gc`.
      """)

  @Argument(help: ArgumentHelp(RunHistory.nameHelp, valueName: "run"), completion: .directory, transform: path)
  var names: [String] = []

  @Option(help: ArgumentHelp("Remove all but the latest so many of each recipe.", valueName: "count"))
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
      throw ValidationError("Give the runs to remove, or one of --keep, --older-than, --failed and --where.")
    }
    if let keep { try require(keep, in: 0...Int(Int32.max), "--keep") }
    if let olderThan { try require(olderThan, in: 0...1e6, "--older-than") }
  }

  func run() async throws {
    try await reportingErrors {
      let history = try choice.history.history()
      let chosen = try names.isEmpty ? dispensable() : named(in: history)
      var left: [String] = []
      if !dryRun { left = try chosen.flatMap { try history.remove($0) } }
      if output.json {
        printLine(["removed": .array(chosen.map { .string($0.folder) }), "left": .array(left.map(JSON.string))])
      } else {
        for run in chosen { printText("\(dryRun ? "would remove" : "removed") \(run.recipe)/\(run.id)\n") }
        if chosen.isEmpty { printText("no such runs\n") }
      }
      for path in left { warn("\(path) is not as the run wrote it, and stays") }
    }
  }

  /// Each once.
  private func named(in history: RunHistory) throws -> [KeptRun] {
    var seen: Set<String> = []
    return try names.map { try history.run(called: $0) }.filter { seen.insert($0.folder).inserted }
  }

  private func dispensable() throws -> [KeptRun] {
    let (runs, filters) = try choice.runs()
    let policy = Retention(count: keep, days: olderThan, onlySuccess: failed)
    return try policy.dispensable(runs).filter { run in try filters.allSatisfy { try $0.holds(for: run) } }
  }
}
