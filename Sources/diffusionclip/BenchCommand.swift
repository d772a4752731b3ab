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
    abstract: "Measure how fast this machine runs the networks, relative to the peak of its matrix product.")

  @Option(name: .customLong("case"), help: "Only the cases whose names contain this; may be given several times.")
  var filters: [String] = []

  @Flag(name: .customLong("list"), help: "Print the names of the cases, and measure nothing.")
  var listsOnly = false

  @Option(
    help: ArgumentHelp(
      "What to measure: the processor, the first graphics card, or one by its number.", valueName: "cpu|gpu|gpu:N"))
  var device = DeviceChoice.cpu

  @OptionGroup var computing: ThreadOptions

  @Option(
    help: ArgumentHelp(
      "Compare the ratios with those in a JSON file, and end with status 3 where one has fallen.", valueName: "file"),
    transform: path)
  var against: String?

  @Flag(help: "Measure the runner's overhead instead.")
  var runner = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    for filter in filters where !Benchmark.cases.contains(where: { $0.name.contains(filter) }) {
      throw ValidationError("No case is called '\(filter)'; --list prints their names.")
    }
    if device == .auto { throw ValidationError("bench measures one device: --device takes cpu, gpu or gpu:N.") }
    if runner, device != .cpu { throw ValidationError("--runner measures no device: leave out --device.") }
  }

  func run() async throws {
    try await reportingErrors {
      if runner { return try measureRunner() }
      let chosen = Benchmark.cases.filter { filters.isEmpty || filters.contains(where: $0.name.contains) }
      if listsOnly { return printText(chosen.map { "\($0.name)\n" }.joined()) }
      let threads = computing.threads
      let environment = try Program.start(threads: threads)
      let device = try Catalog.open(self.device).first
      let card = device.flatMap { device in Catalog.devices.first { $0.number == device.number } }
      let expected = try against.map { try ExpectedRatios(file: $0, kernels: card?.name ?? environment.blas) }
      let peak = try device.map(Benchmark.productPeak) ?? Benchmark.sgemmPeak()
      if !output.json {
        let measured =
          card.map { "\($0.name) (\($0.runtime), driver \($0.driver))" }
          ?? "\(environment.blas) kernels, \(threads) threads"
        printText("\(measured), sgemm peak: \(formatted(peak, 1)) GFLOP/s\n")
      }
      var cases: [JSON] = []
      var fallen: [String] = []
      for benchmark in chosen {
        let result = try benchmark.run(on: device)
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
            "device_mb": result.card.map { .double($0.megabytes) } ?? .null,
            "transfers_to_device": result.card.map { .int($0.transfersToDevice) } ?? .null,
            "transfers_to_host": result.card.map { .int($0.transfersToHost) } ?? .null,
            "launches": result.card.map { .int($0.launches) } ?? .null,
          ])
        } else {
          printText(
            "\(name): \(formatted(result.gflop, 2)) GFLOP in \(formatted(result.seconds, 4)) s, "
              + "\(formatted(result.gflops, 1)) GFLOP/s, \(formatted(ratio, 2)) of the peak, "
              + "\(formatted(result.peakMegabytes, 0)) MB\(result.card == nil ? "" : " of the machine")"
              + (result.card.map {
                ", \(formatted($0.megabytes, 0)) MB of the card, transfers \($0.transfersToDevice) to it and "
                  + "\($0.transfersToHost) back, kernel launches \($0.launches)"
              } ?? "") + "\n")
        }
      }
      if output.json {
        printLine([
          "sgemm_gflops": .double(peak), "blas": .string(environment.blas), "threads": .int(threads),
          "device": card.map {
            ["name": .string($0.name), "runtime": .string($0.runtime), "driver": .string($0.driver)]
          } ?? .null,
          "cases": .array(cases),
        ])
      }
      for line in fallen { warn(line) }
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
  init(file: String, kernels: String) throws {
    let json: JSON
    guard let data = try Files.read(file) else { throw InputError("\(file): no such file") }
    do { json = try JSON(parsing: data) } catch { throw InputError("\(file) cannot be read: \(error)") }
    guard let slack = json["slack"]?.double, (0..<1).contains(slack), let kinds = json["ratios"]?.members,
      kinds.allSatisfy({ $0.value.members?.allSatisfy { $0.value.double != nil } ?? false })
    else { throw InputError("\(file) must be {\"slack\": 0 to 1, \"ratios\": {KERNELS: {CASE: RATIO}}}") }
    guard let members = kinds.first(where: { $0.name == kernels })?.value.members else {
      throw InputError(
        "\(file) has no ratios for \(kernels) kernels, only for \(kinds.map(\.name).joined(separator: ", "))")
    }
    self.slack = slack
    ratios = Dictionary(members.map { ($0.name, $0.value.double ?? 0) }) { $1 }
  }

  /// What the ratio of a case must not be below.
  func limit(_ name: String) -> Double? { ratios[name].map { $0 * (1 - slack) } }
}
