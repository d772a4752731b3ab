import ArtifactStore
import Foundation
import Testing

/// `bench`: what it prints, and the comparison with checked-in ratios, which CI runs on all cases.
@Suite(.serialized) struct BenchTests {
  private static let name = "conv 512-512 at 8 forward"

  @Test func reportsAsJSON() throws {
    let repository = try Repository("recipe: r", faces: [])
    let report = try repository.run("bench", "--case", Self.name, "--threads", "1", "--json").lines[0]
    let found = try #require(report["cases"]?.array?.first)
    #expect(report["cases"]?.array?.count == 1)
    #expect(found["name"] == .string(Self.name))
    // 8·8 pixels, 3·3 taps, 512 channels to 512, two operations each.
    let operations = 2 * 8 * 8 * 3 * 3 * 512 * 512
    #expect(found["gflop"]?.double == Double(operations) / 1e9)
    let (peak, gflops) = (try #require(report["sgemm_gflops"]?.double), try #require(found["gflops"]?.double))
    #expect(abs(try #require(found["ratio"]?.double) / (gflops / peak) - 1) < 1e-9)
    #expect(try #require(found["peak_rss_mb"]?.double) > 10)
    #expect(found["taken_mb"]?.double == 0)
    #expect(report["threads"] == 1)
    #expect(report["blas"]?.string?.isEmpty == false)
    #expect(report["device"] == .null && found["launches"] == .null)
  }

  /// On a graphics card, or by PoCL; where neither is, the error says what is missing.
  @Test func measuresACard() throws {
    let repository = try Repository("recipe: r", faces: [])
    let arguments = ["bench", "--device", "gpu:0", "--case", Self.name, "--threads", "1"]
    let outcome = try repository.run(arguments + ["--json"])
    guard outcome.status == 0 else {
      #expect(outcome.status == 2, "\(outcome)")
      #expect(outcome.errors.hasPrefix("--device gpu:0: this machine has no graphics card "), "\(outcome)")
      return
    }
    let report = try outcome.lines[0]
    let device = try #require(report["device"])
    for key in ["name", "driver"] { #expect(device[key]?.string?.isEmpty == false) }
    #expect(["CUDA", "OpenCL"].contains(device["runtime"]?.string))
    let found = try #require(report["cases"]?.array?.first)
    let (peak, gflops) = (try #require(report["sgemm_gflops"]?.double), try #require(found["gflops"]?.double))
    #expect(abs(try #require(found["ratio"]?.double) / (gflops / peak) - 1) < 1e-9)
    // The picture, the weights and the result are there, and nothing goes to and fro.
    let least = Double(8 * 8 * 512 + 3 * 3 * 512 * 512 + 8 * 8 * 512) * 4 / 1_048_576
    #expect((least...4 * least).contains(try #require(found["device_mb"]?.double)))
    #expect(found["transfers_to_device"] == 0 && found["transfers_to_host"] == 0)
    #expect(try #require(found["launches"]?.double) >= 1)
    let text = try repository.run(arguments).output
    #expect(text.contains("MB of the card, transfers 0 to it and 0 back, kernel launches "), "\(text)")
    let missing = try repository.run("bench", "--device", "gpu:65535", "--case", Self.name)
    #expect(missing.status == 2 && missing.errors.hasPrefix("--device gpu:65535: "), "\(missing)")
  }

  @Test(arguments: [
    ["--device", "auto"], ["--device", "gpu:"], ["--device", "gpu:-1"], ["--device", "gpu:01"], ["--device", ""],
    ["--device", "gpu", "--runner"],
  ])
  func devicesThatMakeNoSenseAreWrongUsage(arguments: [String]) throws {
    let repository = try Repository("recipe: r", faces: [])
    #expect(try repository.run(["bench", "--list"] + arguments).status == 64)
  }

  @Test func fallenRatiosAreFound() throws {
    let repository = try Repository("recipe: r", faces: [])
    let blas = try #require(
      try repository.run("bench", "--case", Self.name, "--threads", "1", "--json").lines[0]["blas"]?.string)
    func compared(with ratio: String) throws -> Outcome {
      try repository.write(#"{"slack": 0.5, "ratios": {"\#(blas)": {"\#(Self.name)": \#(ratio)}}}"#, to: "ratios.json")
      return try repository.run("bench", "--case", Self.name, "--threads", "1", "--against", "ratios.json")
    }
    #expect(try compared(with: "0.001").status == 0)
    let fallen = try compared(with: "1000")
    #expect(fallen.status == 3)
    #expect(fallen.errors.hasPrefix("\(Self.name): ") && fallen.errors.hasSuffix(", expected at least 500.00\n"))
    let wrong = try compared(with: "true")
    #expect(wrong.status == 2)
    #expect(wrong.errors == "ratios.json must be {\"slack\": 0 to 1, \"ratios\": {KERNELS: {CASE: RATIO}}}\n")
    let unknown = try repository.run("bench", "--case", "nothing like it")
    #expect(unknown.status == 64 && unknown.errors.contains("No case is called 'nothing like it'"))
  }
}
