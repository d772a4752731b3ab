import Escaping
import Planning
import StageKit

/// The stages of a plan and what flows between them, as text for other programs or for a terminal.
public struct GraphText: Sendable {
  public enum Format: String, CaseIterable, Sendable { case mermaid, dot, text }

  private let plan: Plan

  public init(of plan: Plan) { self.plan = plan }

  public func text(as format: Format) -> String {
    switch format {
    case .mermaid: mermaid
    case .dot: dot
    case .text: indented
    }
  }

  private var mermaid: String {
    let numbers = Dictionary(plan.stages.enumerated().map { ($1.id, $0) }) { first, _ in first }
    var text = "flowchart LR\n"
    for (number, stage) in plan.stages.enumerated() {
      text += "  s\(number)[\(Escape.mermaid(stage.id, stage.kind.name))]\n"
    }
    for (number, stage) in plan.stages.enumerated() {
      for source in stage.predecessors { text += "  s\(numbers[source] ?? 0) --> s\(number)\n" }
    }
    return text
  }

  private var dot: String {
    var text = "digraph \(Escape.dot(plan.recipe)) {\n  rankdir=LR\n  node [shape=box]\n"
    for stage in plan.stages {
      let label = Escape.dot(stage.id + "\n" + stage.kind.name)
      text += "  \(Escape.dot(stage.id)) [label=\(label)]\n"
    }
    for stage in plan.stages {
      for source in stage.predecessors {
        text += "  \(Escape.dot(source)) -> \(Escape.dot(stage.id))\n"
      }
    }
    return text + "}\n"
  }

  /// A line for each stage: its kind, and what it takes.
  private var indented: String {
    AlignedText.rows(
      plan.stages.map { stage in
        let sources = stage.predecessors
        return [stage.id, stage.kind.name, sources.isEmpty ? "" : "<- " + sources.joined(separator: ", ")]
      })
  }
}
