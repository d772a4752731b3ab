import ArgumentParser
import ArtifactStore
import Costing
import Engine
import Foundation
import JSONSyntax
import StageKit
import Stages

struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure how fast this machine runs the networks, against the peak of its matrix product.")

  @Option(name: .customLong("case"), help: "Only the cases whose names contain this; may be given several times.")
  var filters: [String] = []

  @Flag(name: .customLong("list"), help: "Print the names of the cases, and measure nothing.")
  var listsOnly = false

  @OptionGroup var computing: ThreadOptions

  @Option(
    help: ArgumentHelp(
      "Compare the ratios with those in a JSON file, and end with status 3 where one has fallen.", valueName: "file"),
    transform: path)
  var against: String?

  @Flag(help: "Measure instead how long the program takes where there is next to nothing to do.")
  var runner = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    for filter in filters where !Benchmark.cases.contains(where: { $0.name.contains(filter) }) {
      throw ValidationError("No case is called '\(filter)'; --list prints their names.")
    }
  }

  func run() async throws {
    try await reportingErrors {
      if runner { return try measureRunner() }
      let chosen = Benchmark.cases.filter { filters.isEmpty || filters.contains(where: $0.name.contains) }
      if listsOnly { return printText(chosen.map { "\($0.name)\n" }.joined()) }
      let threads = computing.threads
      let environment = try Program.start(threads: threads)
      let expected = try against.map { try ExpectedRatios(file: $0, blas: environment.blas) }
      let peak = Benchmark.sgemmPeak()
      if !output.json {
        printText("\(environment.blas) kernels, \(threads) threads, sgemm peak: \(formatted(peak, 1)) GFLOP/s\n")
      }
      var cases: [JSON] = []
      var fallen: [String] = []
      for benchmark in chosen {
        let result = try benchmark.run()
        let name = result.name
        let ratio = result.gflops / peak
        if let limit = expected?.limit(name), ratio < limit {
          fallen.append("\(name): \(formatted(ratio, 2)) of the peak, expected at least \(formatted(limit, 2))")
        }
        if output.json {
          cases.append([
            "name": .string(name), "gflop": .double(result.gflop), "seconds": .double(result.seconds),
            "gflops": .double(result.gflops), "ratio": .double(ratio), "peak_rss_mb": .double(result.peakMegabytes),
            "taken_mb": .double(result.takenMegabytes), "kind": .optional(result.use?.kind.name),
            "evaluation_gflop": result.use.map { .double($0.evaluationGflop) } ?? .null,
          ])
        } else {
          printText(
            "\(name): \(formatted(result.gflop, 2)) GFLOP in \(formatted(result.seconds, 4)) s, "
              + "\(formatted(result.gflops, 1)) GFLOP/s, \(formatted(ratio, 2)) of the peak, "
              + "\(formatted(result.peakMegabytes, 0)) MB\n")
        }
      }
      if output.json {
        printLine([
          "sgemm_gflops": .double(peak), "blas": .string(environment.blas), "threads": .int(threads),
          "cases": .array(cases),
        ])
      }
      for line in fallen { complain(line) }
      if !fallen.isEmpty { throw ExitCode(ExitStatus.expectationNotMet.rawValue) }
    }
  }

  private func measureRunner() throws {
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let figures = try RunnerBenchmark(program: program, picture: Benchmark.picture, model: Benchmark.model).figures()
    if output.json {
      printLine([
        "figures": .array(
          figures.map {
            [
              "name": .string($0.name), "seconds": .double($0.seconds), "goal_seconds": .double($0.goal),
              "peak_rss_mb": $0.megabytes.map(JSON.double) ?? .null,
            ]
          })
      ])
    } else {
      for figure in figures {
        printText(
          "\(figure.name): \(formatted(figure.seconds * 1000, 1)) ms, goal \(formatted(figure.goal * 1000, 0)) ms"
            + (figure.megabytes.map { ", at most \(formatted($0, 0)) MB" } ?? "") + "\n")
      }
    }
  }

  private func formatted(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}

/// Ratios of an earlier measurement, which hold for a kind of kernels, and how far below them one may fall.
private struct ExpectedRatios {
  private let ratios: [String: Double]
  private let slack: Double

  /// - Throws: ``InputError`` where the file is not `{"slack", "ratios": {kernels: {case: ratio}}}`.
  init(file: String, blas: String) throws {
    let json: JSON
    guard let data = try Files.read(file) else { throw InputError("\(file): no such file") }
    do { json = try JSON(parsing: data) } catch { throw InputError("\(file) cannot be read: \(error)") }
    guard let slack = json["slack"]?.double, (0..<1).contains(slack), let kinds = json["ratios"]?.members,
      kinds.allSatisfy({ $0.value.members?.allSatisfy { $0.value.double != nil } ?? false })
    else { throw InputError("\(file) must be {\"slack\": 0 to 1, \"ratios\": {KERNELS: {CASE: RATIO}}}") }
    guard let members = kinds.first(where: { $0.name == blas })?.value.members else {
      throw InputError(
        "\(file) has no ratios for \(blas) kernels, only for \(kinds.map(\.name).joined(separator: ", "))")
    }
    self.slack = slack
    ratios = Dictionary(members.map { ($0.name, $0.value.double ?? 0) }) { $1 }
  }

  /// What the ratio of a case must not be below.
  func limit(_ name: String) -> Double? { ratios[name].map { $0 * (1 - slack) } }
}
