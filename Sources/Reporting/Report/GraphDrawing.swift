import Escaping

/// The stages of a plan and what flows between them, as an inline SVG.
package struct GraphDrawing {
  /// What became of a stage in the run.
  package enum Condition: String {
    case cached, ran, failed, missing, running
  }

  let nodes: [GraphNode]
  /// By stage id, with a few words to show.
  let conditions: [String: (condition: Condition, note: String)]

  package init(_ nodes: [GraphNode], _ conditions: [String: (condition: Condition, note: String)]) {
    self.nodes = nodes
    self.conditions = conditions
  }

  package var svg: String {
    let layout = GraphLayout(nodes)
    let (width, height) = layout.size
    var svg = "<svg class=\"graph\" width=\"\(width)\" height=\"\(height)\" viewBox=\"0 0 \(width) \(height)\" "
    svg += "role=\"img\">\n"
    for stage in nodes {
      for source in stage.needs {
        svg += Self.edge(along: layout.way(from: source, to: stage.id))
      }
    }
    for stage in nodes {
      if let box = layout[stage.id] { svg += node(stage, in: box) }
    }
    return svg + "</svg>\n"
  }

  private func node(_ stage: GraphNode, in box: GraphLayout.Box) -> String {
    let (condition, note) = conditions[stage.id] ?? (.missing, "not made")
    let summary = Escape.markup("\(stage.id): \(stage.help)")
    // Of a long name the end says more: the stages of a recipe in use all begin alike.
    let name = stage.name.count > 17 ? "…" + stage.name.suffix(16) : stage.name
    let what = stage.axes.isEmpty ? stage.kind : stage.axes.joined(separator: ", ")
    return "<g class=\"node \(condition.rawValue)\"><title>\(summary)</title>"
      + "<rect x=\"\(box.x)\" y=\"\(box.y)\" width=\"\(GraphLayout.width)\" height=\"\(box.height)\" rx=\"7\"/>"
      + "<text class=\"name\" x=\"\(box.x + 11)\" y=\"\(box.y + 21)\">\(Escape.markup(name))</text>"
      + "<text x=\"\(box.x + 11)\" y=\"\(box.y + 39)\">\(Escape.markup("\(Self.cut(what, to: Self.room(beside: note))) · \(note)"))</text></g>\n"
  }

  /// How many letters there is space for in a box before a note.
  private static func room(beside note: String) -> Int { max(3, min(12, 19 - note.count)) }

  private static func cut(_ text: String, to count: Int) -> String {
    text.count > count ? text.prefix(count - 1) + "…" : text
  }

  /// A line from the right of the first box, straight through those between, to the left of the last.
  private static func edge(along way: [GraphLayout.Box]) -> String {
    guard let first = way.first else { return "" }
    var path = "M\(first.x + GraphLayout.width) \(first.middle)"
    for (from, to) in zip(way, way.dropFirst()) {
      let start = from.x + GraphLayout.width
      let bend = (start + to.x) / 2
      path += "H\(start)C\(bend) \(from.middle) \(bend) \(to.middle) \(to.x) \(to.middle)"
    }
    return "<path class=\"edge\" d=\"\(path)\"/>\n"
  }
}
