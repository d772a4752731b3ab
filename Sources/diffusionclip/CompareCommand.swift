import ArgumentParser
import ArtifactStore
import Comparing
import Engine
import Foundation
import RemoteCache
import Reporting
import Runs
import StageKit

struct CompareCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compare runs: parameters, literals, numbers with intervals, tables, pictures.",
    discussion: """
      The first run is what the others are held against. One run alone is compared with the one before it, with the run \
      of a git revision (--with), or with the numbers that are checked in beside its recipe (--baseline).
      """)

  @Argument(
    help: ArgumentHelp(RunHistory.nameHelp + " Or a file of numbers that `runs baseline` wrote.", valueName: "run"),
    completion: .directory, transform: path)
  var names: [String]

  @Option(
    name: .customLong("with"),
    help: ArgumentHelp("Compare with the run of this commit, branch or tag of git.", valueName: "revision"))
  var revision: String?

  @Flag(help: "Compare with the numbers beside the recipe, RECIPE.baseline.json.")
  var baseline = false

  @Option(
    help: ArgumentHelp(
      "Compare with the numbers that `runs baseline --push` keeps under this name in the shared cache.",
      valueName: "word"))
  var pushed: String?

  @OptionGroup var cache: CacheOptions
  @OptionGroup var fetching: FetchOptions

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      """
      End with status 3 where the difference of a number, later minus first, is such, as in "s_dir < -0.01"; may be \
      given several times.
      """, valueName: "condition"))
  var failOn: [String] = []

  @Option(
    help: ArgumentHelp("Write a page that needs nothing else.", valueName: "file"),
    completion: .file(extensions: ["html"]), transform: path)
  var page: String?

  @Option(
    help: ArgumentHelp(
      "Write comparison.md with pictures beside it, and summary.md without.", valueName: "folder"),
    completion: .directory, transform: path)
  var markdown: String?

  @Option(
    help: ArgumentHelp("Write a JUnit report.", valueName: "file"), completion: .file(extensions: ["xml"]),
    transform: path)
  var junit: String?

  @OptionGroup var history: HistoryOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    let others = [revision != nil, baseline, pushed != nil].count { $0 }
    guard others == 0 || names.count == 1 else {
      throw ValidationError("--with, --baseline and --pushed take one run.")
    }
    guard others <= 1 else { throw ValidationError("Give one of --with, --baseline and --pushed.") }
    if pushed != nil { _ = try cache.neededSettings(trust: fetching.cacheTrust) }
    do { _ = try failOn.map(FailureCondition.init) } catch let error as InputError {
      throw ValidationError("\(error)")
    }
  }

  func run() async throws {
    try await reportingErrors {
      let comparison = try RunComparison(of: runs())
      let failures = try comparison.failures(failOn.map(FailureCondition.init))
      if let page { try OutputPlace.requireFile(page, option: "--page") }
      if let junit { try OutputPlace.requireFile(junit, option: "--junit") }
      if let markdown { try OutputPlace.requireFolder(markdown, option: "--markdown") }
      if let page { try Files.write(Data(comparison.page.utf8), to: page) }
      if let junit { try Files.write(Data(comparison.junit(failures).xml.utf8), to: junit) }
      if let markdown { _ = try comparison.writeMarkdown(to: markdown) }
      if output.json { printLine(comparison.json) } else { printText(comparison.text) }
      for failure in failures { warn(failure.message) }
      if !failures.isEmpty { throw ExitCode(ExitStatus.expectationNotMet.rawValue) }
    }
  }

  private func runs() throws -> [ComparedRun] {
    let history = try history.history()
    if names.count > 1 {
      let runs = try names.map { try Self.compared($0, in: history) }
      let folders = Set(
        runs.map { run in run.run.map { URL(filePath: $0.folder).resolvingSymlinksInPath().path } ?? run.label })
      guard folders.count > 1 else {
        throw InputError(
          "\(names.map { "'\($0)'" }.joined(separator: " and ")) are the same run \(runs[0].label): name another")
      }
      return runs
    }
    let run = try history.run(called: names[0])
    if baseline {
      let file = try history.baselineFile(of: run)
      return [ComparedRun(try RunBaseline(readingFrom: file), label: file), try ComparedRun(run)]
    }
    if let pushed {
      let settings = try cache.neededSettings(trust: fetching.cacheTrust)
      let remote = HTTPCache(settings, interruption: Interruption(), isOptional: false, say: warn)
      guard let data = try remote.baseline(of: run.recipeName, called: pushed) else {
        throw InputError(
          "the cache has no numbers of '\(run.recipeName)' called '\(pushed)': write them with `diffusionclip runs "
            + "baseline RUN --push \(pushed)`")
      }
      return [
        ComparedRun(try RunBaseline(data, from: "the cache"), label: "\(run.recipe)/\(pushed)"), try ComparedRun(run),
      ]
    }
    let other = try revision.map { try history.run(of: run.recipe, at: $0, besides: run) } ?? history.run(before: run)
    return [try ComparedRun(other), try ComparedRun(run)]
  }

  private static func compared(_ name: String, in history: RunHistory) throws -> ComparedRun {
    if name.hasSuffix(".json"), !name.hasSuffix("run.json"), (try? Files.status(of: name)) != nil {
      return ComparedRun(try RunBaseline(readingFrom: name), label: name)
    }
    return try ComparedRun(history.run(called: name))
  }
}
