import ArtifactStore
import Costing
import Foundation
import Imaging
import JSONSyntax
import StageKit

/// What a plan will take, and how long on some workers: for `plan --cost`.
public struct CostReport: Sendable {
  /// A schedule simulated on so many workers.
  public struct Row: Sendable {
    public let workers: Int
    public let seconds: Double
  }

  private let cost: CostEstimate
  private let criticalPath: Schedule.CriticalPath
  private let rows: [Row]

  /// - Parameter workers: how many there may be, in each row.
  public init(_ cost: CostEstimate, workers: [Int]) {
    let schedule = Schedule(cost)
    (self.cost, criticalPath) = (cost, schedule.criticalPath)
    rows = workers.map { Row(workers: $0, seconds: schedule.seconds(workers: $0)) }
  }

  /// A table of the stages with something to run, the sums, and a table of schedules.
  public var text: String {
    let stages = cost.stages.filter { $0.runs > 0 }
    guard !stages.isEmpty else { return "nothing to run\n" }
    var table = [["stage", "to run", "evaluations", "FLOP", "time", "in all", "memory", "by"]]
    table += stages.map { stage in
      let work = stage.work.flatMap { $0.evaluations > 0 ? $0 : nil }
      return [
        stage.stage.id, "\(stage.runs)", work.map { "\($0.evaluations)" } ?? "",
        work.map { Readable.flop($0.flop) } ?? "", Readable.duration(stage.seconds),
        Readable.duration(stage.totalSeconds), Readable.size(Int(bounded: stage.megabytes * 1_048_576)),
        stage.basis.rawValue,
      ]
    }
    var text = "each action:\n" + AlignedText.rows(table)
    text += "\n\(Readable.count(cost.runs, "action")) to run: \(cost.evaluations) network evaluations, "
    text +=
      "\(Readable.flop(cost.flop)), \(Readable.duration(cost.seconds)) with \(Readable.count(cost.threads, "thread")), "
    text += "at most \(Readable.size(Int(bounded: cost.megabytes * 1_048_576))) an action\n"
    text += "critical path, \(Readable.duration(criticalPath.seconds)): "
    text += criticalPath.stages.joined(separator: " → ") + "\n\n"
    return text
      + AlignedText.rows(
        [["workers", "time", "speed-up", "in use"]]
          + rows.map { row in
            let speedUp = cost.seconds / row.seconds
            return [
              "\(row.workers)", Readable.duration(row.seconds), String(format: "%.1f", speedUp),
              String(format: "%.0f %%", 100 * speedUp / Double(row.workers)),
            ]
          })
  }

  /// `{"stages": […], "runs", "evaluations", "flop", "seconds", "threads", "peak_megabytes", "critical_path", "schedule"}`
  public var json: JSON {
    [
      "stages": .array(
        cost.stages.map { stage in
          [
            "id": .string(stage.stage.id), "actions": .int(stage.actions), "run": .int(stage.runs),
            "evaluations": stage.work.map { .int($0.evaluations) } ?? .null,
            "flop": stage.work.map { .double($0.flop) } ?? .null, "seconds": .double(stage.seconds),
            "peak_megabytes": .double(stage.megabytes), "basis": .string(stage.basis.rawValue),
          ]
        }),
      "run": .int(cost.runs), "evaluations": .int(cost.evaluations), "flop": .double(cost.flop),
      "seconds": .double(cost.seconds), "threads": .int(cost.threads), "peak_megabytes": .double(cost.megabytes),
      "critical_path": [
        "seconds": .double(criticalPath.seconds), "stages": .array(criticalPath.stages.map(JSON.string)),
      ],
      "schedule": .array(rows.map { ["workers": .int($0.workers), "seconds": .double($0.seconds)] }),
    ]
  }

  /// Time over workers: the schedule, what no number of workers can be faster than, and what workers would take that
  /// never wait.
  /// - Parameter isVector: as SVG, else as PNG.
  /// - Throws: `ImagingError`.
  public func plot(isVector: Bool) throws -> Data {
    func curve(_ name: String, _ seconds: (Row) -> Double) -> LinePlot.Curve {
      LinePlot.Curve(name, rows.map { (x: Double($0.workers), y: seconds($0) / 60) }, hasDots: name == "schedule")
    }
    let drawing = try LinePlot(
      title: cost.plan.recipe, x: .init("workers", scale: .logarithmic), y: .init("minutes", scale: .logarithmic),
      curves: [
        curve("schedule") { $0.seconds }, curve("critical path") { _ in criticalPath.seconds },
        curve("no waiting") { cost.seconds / Double($0.workers) },
      ]
    ).drawing()
    return isVector ? Data(try drawing.svg().utf8) : try drawing.render().pngData()
  }
}

extension Readable {
  /// `497 GFLOP`, `1.2 PFLOP`
  fileprivate static func flop(_ count: Double) -> String {
    let units = ["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP", "EFLOP"]
    let power = count < 1 ? 0 : min(units.count - 1, Int(bounded: (log10(count) / 3).rounded(.down)))
    return String(format: "%.3g \(units[power])", count / pow(1000, Double(power)))
  }
}
