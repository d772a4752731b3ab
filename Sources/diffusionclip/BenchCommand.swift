import ArgumentParser
import ArtifactStore
import Execution
import Foundation
import Stages

struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure how fast this machine runs the networks, against the peak of its matrix product.")

  @Option(name: .customLong("case"), help: "Only the cases whose names contain this; may be given several times.")
  var filters: [String] = []

  @Flag(name: .customLong("list"), help: "Print the names of the cases, and measure nothing.")
  var listsOnly = false

  @Option(help: "How many threads to compute with: one for each processor by default.")
  var threads: Int = ProcessInfo.processInfo.activeProcessorCount

  @Flag(help: "Measure instead how long the program takes where there is next to nothing to do.")
  var runner = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard threads > 0 else { throw ValidationError("--threads must be at least 1.") }
    for filter in filters where !Benchmark.cases.contains(where: { $0.name.contains(filter) }) {
      throw ValidationError("No case is called '\(filter)'; --list prints their names.")
    }
  }

  func run() async throws {
    try await reportingErrors {
      if runner { return try measureRunner() }
      let chosen = Benchmark.cases.filter { filters.isEmpty || filters.contains(where: $0.name.contains) }
      if listsOnly { return printText(chosen.map { "\($0.name)\n" }.joined()) }
      let environment = try Engine.start(threads: threads)
      let peak = Benchmark.sgemmPeak()
      if !output.json {
        printText("\(environment.blas) kernels, \(threads) threads, sgemm peak: \(formatted(peak, 1)) GFLOP/s\n")
      }
      var cases: [JSON] = []
      for benchmark in chosen {
        let result = try benchmark.run()
        let name = result.name
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
      if output.json {
        printLine([
          "sgemm_gflops": .double(peak), "blas": .string(environment.blas), "threads": .int(threads),
          "cases": .array(cases),
        ])
      }
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
