/// A piece of a recipe with its place.
package struct Node: Sendable {
  package indirect enum Content: Sendable {
    case scalar(Scalar)
    case sequence([Node])
    /// In the order written; no key comes twice.
    case mapping([Entry])
  }

  package let content: Content
  package let location: SourceLocation
  /// Where the content stands and what it is there, if that is not at `location`: an anchor, a parameter. For a part of
  /// such content, which stands at `location` itself: where it is used.
  package let notes: [Diagnostic.Note]

  package init(_ content: Content, at location: SourceLocation, notes: [Diagnostic.Note] = []) {
    self.content = content
    self.location = location
    self.notes = notes
  }

  /// The same content, used at another place. O(nodes).
  package func used(at location: SourceLocation, from origin: Diagnostic.Note) -> Node {
    let use = Diagnostic.Note.use(at: location)
    return Node(content.mapNodes { $0.noting(use) }, at: location, notes: [origin])
  }

  private func noting(_ note: Diagnostic.Note) -> Node {
    Node(content.mapNodes { $0.noting(note) }, at: location, notes: notes + [note])
  }

  package var scalar: Scalar? { if case .scalar(let scalar) = content { scalar } else { nil } }
  package var sequence: [Node]? { if case .sequence(let nodes) = content { nodes } else { nil } }
  package var mapping: [Entry]? { if case .mapping(let entries) = content { entries } else { nil } }
  /// How many values there are in it, itself included. O(count).
  package var count: Int {
    switch content {
    case .scalar: 1
    case .sequence(let nodes): nodes.reduce(1) { $0 + $1.count }
    case .mapping(let entries): entries.reduce(1) { $0 + $1.value.count }
    }
  }

  package var isNull: Bool { scalar?.isNull ?? false }

  /// What stands there, as an error says it: `the text 'forty'`.
  package var summary: String {
    switch content {
    case .sequence: "a list"
    case .mapping: "a mapping"
    case .scalar(let scalar):
      switch scalar.meaning {
      case .null: "nothing"
      case .bool: "\(scalar.text)"
      case .int, .double: "\(scalar.text)"
      case .string: scalar.text.isEmpty ? "an empty text" : "the text '\(scalar.text.abridged)'"
      }
    }
  }
}

extension Node.Content {
  /// The same with other nodes right below it.
  fileprivate func mapNodes(_ transform: (Node) -> Node) -> Node.Content {
    switch self {
    case .scalar: self
    case .sequence(let nodes): .sequence(nodes.map(transform))
    case .mapping(let entries): .mapping(entries.map { Entry(key: $0.key, value: transform($0.value)) })
    }
  }
}

/// A key of a mapping and its value.
package struct Entry: Sendable {
  package let key: Name
  package let value: Node

  package init(key: Name, value: Node) {
    self.key = key
    self.value = value
  }
}

/// A name with its place.
package struct Name: Sendable, Hashable {
  package let text: String
  package let location: SourceLocation

  package init(_ text: String, at location: SourceLocation) {
    self.text = text
    self.location = location
  }

  /// What identifiers are, as help for those that are none.
  package static let rule = "names are made of letters, digits, '_' and '-', and start with a letter or '_'"

  /// Sees that this can name `thing`; false after reporting that it cannot.
  package func isFit(toName thing: String, into problems: inout Problems) -> Bool {
    if !isIdentifier { problems.report("'\(text)' cannot name \(thing)", at: location, hint: Self.rule) }
    return isIdentifier
  }

  /// Whether it can name a stage, a parameter or a measure: a letter or `_`, then letters, digits, `_` and `-`.
  package var isIdentifier: Bool { Self.isIdentifier(text) }

  package static func isIdentifier(_ text: some StringProtocol) -> Bool {
    guard let first = text.unicodeScalars.first else { return false }
    return (first == "_" || first.properties.isAlphabetic)
      && text.unicodeScalars.allSatisfy {
        $0 == "_" || $0 == "-" || $0.properties.isAlphabetic || ("0"..."9").contains($0)
      }
  }
}
