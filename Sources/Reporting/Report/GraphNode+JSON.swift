import JSONSyntax

extension GraphNode {
  /// The stages of a run's record, which may have come from anywhere: each takes from stages before it, or it is not
  /// drawn.
  package static func nodes(of record: JSON) -> [GraphNode] {
    var known: Set<String> = []
    return (record["stages"]?.array ?? []).prefix(1000).compactMap { stage in
      guard let id = stage["id"]?.string, known.insert(id).inserted else { return nil }
      return GraphNode(
        id: id, name: stage["name"]?.string ?? id, kind: stage["kind"]?.string ?? "",
        axes: (stage["axes"]?.members ?? []).map { $0.value.string ?? $0.value.text },
        help: stage["help"]?.string ?? "",
        needs: (stage["needs"]?.array ?? []).compactMap(\.string).filter { $0 != id && known.contains($0) })
    }
  }
}
