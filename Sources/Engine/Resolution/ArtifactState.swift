import ArtifactStore

/// What a walk knows of an output: every item of the artifact, or those that are there already, or just its type.
package struct ArtifactState: Sendable {
  package struct Entry: Sendable {
    let name: String
    /// Nil where it still has to be made.
    let item: Artifact.Item?
  }

  package let type: ArtifactType
  /// In the artifact's order; nil where not even the names are known.
  package let entries: [Entry]?
  /// The whole artifact, once all of it is there.
  package let artifact: Artifact?

  /// What there is of a set of which some items are to come, and the names of these; nil where none is there.
  package var part: (artifact: Artifact, missing: [String])? {
    let items = (entries ?? []).compactMap(\.item)
    let missing = (entries ?? []).filter { $0.item == nil }.map(\.name)
    return items.isEmpty ? nil : (Artifact(type: type, items: items), missing)
  }

  /// An artifact that is there.
  package init(_ artifact: Artifact) {
    self.init(type: artifact.type, entries: artifact.items.map { Entry(name: $0.name, item: $0) })
  }

  /// An artifact of which some items, or all, or even the names, are to come.
  package init(type: ArtifactType, entries: [Entry]?) {
    self.type = type
    self.entries = entries
    let items = entries?.compactMap(\.item)
    artifact = items.flatMap { $0.count == entries?.count ? Artifact(type: type, items: $0) : nil }
  }
}
