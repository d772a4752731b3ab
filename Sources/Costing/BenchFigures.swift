import ArtifactStore
import Foundation
import JSONSyntax
import StageKit

/// What `bench --json` found out about a machine, maybe another one.
public struct BenchFigures: Sendable {
  /// How fast a kind of stage works its network.
  private struct Case: Sendable {
    let kind: String
    /// GFLOP of one evaluation of its network.
    let evaluation: Double
    /// GFLOP/s.
    let speed: Double
  }

  private let cases: [Case]
  /// How many threads it was measured with; nil on a graphics card, for which their number does not matter.
  private let threads: Int?
  /// Whether it is about a graphics card.
  public var isOfCard: Bool { threads == nil }

  /// - Throws: `InputError` where the file is not what `bench --json` prints.
  public init(file: String) throws {
    guard let data = try Files.read(file), let json = try? JSON(parsing: data),
      let threads = json["threads"]?.int, threads > 0, let cases = json["cases"]?.array
    else { throw InputError("\(file): expected what `bench --json` prints") }
    self.threads = json["device"]?["name"] == nil ? threads : nil
    self.cases = cases.compactMap { json in
      guard let kind = json["kind"]?.string, let evaluation = json["evaluation_gflop"]?.double,
        let speed = json["gflops"]?.double, evaluation > 0, speed > 0
      else { return nil }
      return Case(kind: kind, evaluation: evaluation, speed: speed)
    }
    guard !self.cases.isEmpty else {
      throw InputError(
        "\(file): none of its cases is of a kind of stage: leave out `--case`, or take inversion, sampling and finetune"
      )
    }
  }

  /// FLOP/s with so many threads for stages of a kind, or, where there is no such case, of any, whose network's size is
  /// nearest.
  func speed(of kind: String, flopPerEvaluation: Double, threads: Int) -> Double {
    let alike = cases.filter { $0.kind == kind }
    let nearest = (alike.isEmpty ? cases : alike).min {
      abs(log($0.evaluation * 1e9 / flopPerEvaluation)) < abs(log($1.evaluation * 1e9 / flopPerEvaluation))
    }
    return (nearest?.speed ?? 0) * 1e9 * (self.threads.map { Double(threads) / Double($0) } ?? 1)
  }
}
