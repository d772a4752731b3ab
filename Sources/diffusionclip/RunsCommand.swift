import ArgumentParser
import ArtifactStore
import Engine
import Escaping
import Foundation
import JSONSyntax
import RecipeSyntax
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
      Only runs for which this holds, such as "identity >= 0.7", "target == angry face", "state != failed", \
      "tag == baseline", "note ~ a part of it" or "started >= 2026-11-29"; may be given several times.
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
      if found.isEmpty {
        let meant = Suggestion.question(about: name, in: try history.recipes()).map { "; \($0)" } ?? ""
        throw InputError("no run of a recipe '\(name)' is in \(history.path)\(meant)")
      }
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
      stages take is called stage.measure, at a place in a sweep stage[axis=value].measure; a parameter that is called like \
      a fact is params.name.
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
      choice.columns = RunColumn.names(in: columns ?? "")
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
      if let name { try history.requireFree(name: name, in: found.recipe, for: found) }
      try found.relabel(found.labels.adding(tags, removing: removed, name: name, note: note))
      let changed = try history.run(called: found.folder)
      if output.json {
        printLine(changed.json)
      } else {
        let rows = [
          ["  name", changed.name ?? ""], ["  note", changed.note ?? ""],
          ["  tags", changed.tags.isEmpty ? "none" : changed.tags.joined(separator: ", ")],
        ]
        printText("\(found.recipe)/\(found.id)\n" + AlignedText.rows(rows.filter { !$0[1].isEmpty }))
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
      let target = try file ?? history.baselineFile(of: run)
      let replaced = (try? RunBaseline(readingFrom: target))?.run
      if let file {
        try OutputPlace.requireFile(file, option: "--to")
        try Files.write(RunBaseline.data(of: run, withItems: items), to: file)
      } else {
        _ = try history.writeBaseline(of: run, withItems: items)
      }
      let instead = replaced.flatMap { $0 == run.id ? nil : ", in the place of those of the run \($0)" } ?? ""
      let numbers = Readable.count(run.measures.count, "number")
      warn("\(numbers) of \(run.recipe)/\(run.id)\(run.name.map { " (\($0))" } ?? "")\(instead)")
      for expectation in run.facts["expectations"]?.array ?? [] where expectation["held"] == .bool(false) {
        let measure = "\(expectation["stage"]?.string ?? "").\(expectation["measure"]?.string ?? "")"
        let value = expectation["value"]?.double.map(Readable.number) ?? "nothing"
        warn("this run missed an expectation: \(measure) \(value), expected \(expectation["expected"]?.string ?? "")")
      }
      if output.json {
        printLine([
          "file": .string(target), "numbers": .int(run.measures.count), "run": .string(run.id),
          "replaced": .optional(replaced),
        ])
      } else {
        printText("\(target)\n")
      }
    }
  }
}
