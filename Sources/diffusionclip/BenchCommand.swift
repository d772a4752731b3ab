import ArgumentParser
import ArtifactStore
import Execution
import Foundation
import Stages

struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure how fast this machine runs the networks, against the peak of its matrix product.")

  @Argument(help: ArgumentHelp("Only the cases whose names contain this.", valueName: "case"))
  var filter: String?

  @Option(help: "How many threads to compute with: one for each processor by default.")
  var threads: Int = ProcessInfo.processInfo.activeProcessorCount

  @Flag(help: "Measure instead how long the program takes where there is next to nothing to do.")
  var runner = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard threads > 0 else { throw ValidationError("--threads must be at least 1.") }
  }

  func run() async throws {
    try await reportingErrors {
      if runner { return try measureRunner() }
      _ = try Engine.start(threads: threads)
      let peak = Benchmark.sgemmPeak()
      if !output.json { printText("sgemm peak: \(formatted(peak, 1)) GFLOP/s\n") }
      var cases: [JSON] = []
      for name in Benchmark.cases where filter.map(name.contains) ?? true {
        let result = try Benchmark.run(name)
        if output.json {
          cases.append([
            "name": .string(name), "gflop": .double(result.gflop), "seconds": .double(result.seconds),
            "gflops": .double(result.gflops), "ratio": .double(result.gflops / peak),
            "peak_rss_mb": .double(result.peakMegabytes),
          ])
        } else {
          printText(
            "\(name): \(formatted(result.gflop, 2)) GFLOP in \(formatted(result.seconds, 4)) s, "
              + "\(formatted(result.gflops, 1)) GFLOP/s, \(formatted(result.gflops / peak, 2)) of the peak, "
              + "\(formatted(result.peakMegabytes, 0)) MB\n")
        }
      }
      if output.json { printLine(["sgemm_gflops": .double(peak), "cases": .array(cases)]) }
    }
  }

  private func measureRunner() throws {
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let figures = try RunnerBenchmark(program: program, picture: Benchmark.picture).figures()
    if output.json {
      printLine([
        "figures": .array(
          figures.map {
            ["name": .string($0.name), "seconds": .double($0.seconds), "goal_seconds": .double($0.goal)]
          })
      ])
    } else {
      for figure in figures {
        printText(
          "\(figure.name): \(formatted(figure.seconds * 1000, 1)) ms, goal \(formatted(figure.goal * 1000, 0)) ms\n")
      }
    }
  }

  private func formatted(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}
