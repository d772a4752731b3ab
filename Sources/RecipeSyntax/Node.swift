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
  /// Where the content stands and what it is there, if that is not at `location`: an anchor, a parameter.
  package let origin: Diagnostic.Note?

  package init(_ content: Content, at location: SourceLocation, origin: Diagnostic.Note? = nil) {
    (self.content, self.location, self.origin) = (content, location, origin)
  }

  /// The same content, used at another place.
  package func used(at location: SourceLocation, from origin: Diagnostic.Note) -> Node {
    Node(content, at: location, origin: origin)
  }

  package var scalar: Scalar? { if case .scalar(let scalar) = content { scalar } else { nil } }
  package var sequence: [Node]? { if case .sequence(let nodes) = content { nodes } else { nil } }
  package var mapping: [Entry]? { if case .mapping(let entries) = content { entries } else { nil } }
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
      case .string: "the text '\(scalar.text)'"
      }
    }
  }
}

/// A key of a mapping and its value.
package struct Entry: Sendable {
  package let key: Name
  package let value: Node

  package init(key: Name, value: Node) { (self.key, self.value) = (key, value) }
}

/// A name with its place.
package struct Name: Sendable, Hashable {
  package let text: String
  package let location: SourceLocation

  package init(_ text: String, at location: SourceLocation) { (self.text, self.location) = (text, location) }

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
