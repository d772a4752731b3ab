import ArgumentParser
import ArtifactStore
import Costing
import Engine
import Foundation
import Planning
import Reporting
import StageKit
import Stages

struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "List the actions: which are cached, which would run, and why.")

  @OptionGroup var recipe: RecipeOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  @Option(
    name: .customLong("out"),
    help: ArgumentHelp("Write the plan as well, for `exec` to execute it elsewhere.", valueName: "file"),
    transform: path)
  var file: String?

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("Plan only this stage and what it needs; may be given several times.", valueName: "stage"))
  var only: [String] = []

  @Flag(help: "Print the estimated cost instead: network evaluations, FLOP, time, memory, and time on some workers.")
  var cost = false

  @OptionGroup var machine: MachineOptions

  @Option(
    help: ArgumentHelp("With --cost: how many workers, one number or several.", valueName: "numbers"),
    transform: { text in
      let numbers = text.split(separator: ",").compactMap { Int($0) }
      guard !numbers.isEmpty, numbers.allSatisfy({ 1...1_000_000 ~= $0 }),
        numbers.count == text.split(separator: ",").count
      else { throw ValidationError("expected numbers such as 1,16,256") }
      return numbers
    })
  var workers: [Int] = (0...8).map { 1 << $0 }

  @Option(
    help: ArgumentHelp("With --cost: draw the time over the number of workers, as .png or .svg.", valueName: "file"),
    transform: path)
  var plot: String?

  func validate() throws {
    if file?.isEmpty == true { throw ValidationError("--out must name a file.") }
    if !cost, plot != nil { throw ValidationError("--plot is about --cost: give both.") }
    if let plot, ![".png", ".svg"].contains(where: plot.hasSuffix) {
      throw ValidationError("--plot must end in .png or .svg.")
    }
  }

  func run() async throws {
    try await reportingErrors {
      if let file { try OutputPlace.requireFile(file, option: "--out") }
      if let plot { try OutputPlace.requireFile(plot, option: "--plot") }
      let whole = try recipe.plan()
      let plan = only.isEmpty ? whole : whole.only(try only.flatMap { try whole.stages(called: $0) })
      let store = try store.open(for: plan, access: .reading)
      let dryRun = try DryRun(of: plan, in: store)
      let unfinished = dryRun.unfinished
      if let problems = plan.problemsAhead(in: { unfinished.contains($0.id) }) { throw problems }
      if let file { try Files.write(PlanFile.data(of: plan), to: file) }
      guard cost else {
        return output.json
          ? printLine(dryRun.json)
          : printText(Summary.text(of: dryRun) + plan.chainText { unfinished.contains($0.id) } + plan.noteText)
      }
      let report = CostReport(try machine.cost(of: dryRun, for: plan), workers: workers)
      if let plot { try Files.write(report.plot(isVector: plot.hasSuffix(".svg")), to: plot) }
      output.json ? printLine(report.json) : printText(report.text)
    }
  }
}

/// What actions will run on.
struct MachineOptions: ParsableArguments {
  @OptionGroup var computing: ThreadOptions
  @OptionGroup var devices: DeviceOptions

  @Option(
    help: ArgumentHelp(
      "The output of `bench --json` there; without it, what the store's records do not tell is estimated from the speed of this machine.",
      valueName: "file"), transform: path)
  var bench: String?

  /// What a plan will take.
  func cost(of dryRun: DryRun, for plan: Plan) throws -> CostEstimate {
    // Where OpenBLAS is missing, no stage runs either.
    _ = try Program.start(threads: computing.threads)
    let bench = try bench.map(BenchFigures.init(file:))
    let choice = try devices.choice()
    // A plan may be for another machine, which has cards.
    let cards = choice == .gpu(nil) ? (try? Catalog.open(choice)) ?? [] : try Catalog.open(choice)
    return try CostEstimate(
      of: dryRun, for: plan, threads: computing.threads,
      usesCards: bench?.isOfCard ?? false || choice == .gpu(nil) || !cards.isEmpty, bench: bench
    ) { $0 ? Self.peak(of: cards.first) : Benchmark.sgemmPeak() * 1e9 }
  }

  /// FLOP/s of a graphics card; where there is none to measure, of one that is a few years old.
  private static func peak(of card: Device?) -> Double {
    if let card, let peak = try? Benchmark.productPeak(on: card) { return peak * 1e9 }
    warn(
      "there is no graphics card here to measure: one of 5 TFLOP/s is assumed; `--bench FILE` of another machine tells more"
    )
    return 5e12
  }
}
