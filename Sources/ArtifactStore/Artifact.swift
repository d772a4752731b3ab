/// What an artifact is, by name, and so what can be done with it. The store keeps the name as it keeps everything else;
/// which types there are, and what objects they are made of, is said by those who declare stages.
public struct ArtifactType: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
  public var description: String { rawValue }
}

/// Typed, immutable content in the store: named objects in their order, at least one.
public struct Artifact: Sendable, Hashable {
  /// One named object of an artifact.
  public struct Item: Sendable, Hashable {
    /// Unique in its artifact; "" for the first of an artifact that is not a set.
    public let name: String
    /// The SHA-256 of the object's bytes.
    public let object: Digest
    /// The number of its bytes.
    public let size: Int

    public init(name: String, object: Digest, size: Int) {
      (self.name, self.object, self.size) = (name, object, size)
    }
  }

  /// More bytes than any object has. Sizes are added up.
  static let sizeLimit = 1 << 44

  public let type: ArtifactType
  public let items: [Item]

  public init(type: ArtifactType, items: [Item]) { (self.type, self.items) = (type, items) }

  /// The content digest: over the type and, in order, every item's name and object.
  public var digest: Digest {
    var text = "artifact\n\(type.rawValue)\n"
    for item in items { text += "\(item.name.utf8.count):\(item.name) \(item.object.hex)\n" }
    return Digest(of: text)
  }

  /// The item called `name`, if there is one. O(items).
  public subscript(name: String) -> Item? { items.first { $0.name == name } }

  /// This artifact reduced to the item `name`; nil where it has no such item.
  public func only(_ name: String) -> Artifact? { self[name].map { Artifact(type: type, items: [$0]) } }
}
