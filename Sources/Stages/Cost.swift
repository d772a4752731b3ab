import ArtifactStore
import Foundation
import JSONSyntax
import StageKit

/// `cost`: what it took to make something, so that a table can set it beside how good that is.
struct Cost: Stage {
  static let name = "cost"
  static let summary =
    "Tells what it took to make something: network evaluations, backward passes, FLOP, seconds, memory and bytes."
  static let revision = 1
  static let seesRecords = true

  @Input(
    help: "What was made, under names of your choice, such as {latents: latents, model: tuned}: the sum over all of it."
  )
  var of: Named<AnyArtifact>

  /// Network evaluations, backward passes and FLOP are the same wherever it was done; seconds and memory are those of the
  /// machine that did it, as its record has them.
  let metrics = Output<Measurements>()

  private static let measures = ["evaluations", "backward_passes", "gflop", "seconds", "peak_mb", "bytes"]

  var made: [OutputPort]? { [metrics.port(measures: Self.measures)] }

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    guard draft.named(at: $of).isEmpty else { return [] }
    return [ValidationIssue(about: $of, "'of' names nothing: say what was made, such as {model: tuned}")]
  }

  func run(_ context: any StageContext) throws {
    let done = try context.records(at: $of.name).map(\.provenance)
    // A change of low rank takes its own bytes, and the model that it is one to is there already.
    let objects = of.members.map(\.artifact).flatMap { $0.type == .diffusion ? Array($0.items.prefix(1)) : $0.items }
    let sizes = Dictionary(objects.map { ($0.object, $0.size) }) { first, _ in first }
    let values: [Double] = [
      Double(done.reduce(0) { $0 + $1.evaluations }), Double(done.reduce(0) { $0 + $1.backwardPasses }),
      done.reduce(0.0) { $0 + $1.flop } / 1e9, done.reduce(0.0) { $0 + $1.seconds },
      done.map(\.peakMegabytes).max() ?? 0, Double(sizes.values.reduce(0, +)),
    ]
    let members = zip(Self.measures, values).map { JSON.Member($0, .double($1)) }
    try context.write(Data(JSON.object(members).bytes), item: "all", to: metrics)
  }
}
