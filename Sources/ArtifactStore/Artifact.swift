/// What an artifact is, and so what can be done with it (DESIGN: artifacts, keys, store).
public enum ArtifactType: String, Sendable, Hashable, Codable, CaseIterable {
  case images, latents, diffusion, clip, identity, segmenter, perceptual, classifier, metrics, table, figure, page

  /// Whether an artifact of this type is an ordered set of named items; the others hold one unnamed object, or several
  /// that are one thing.
  public var isItemSet: Bool { self == .images || self == .latents || self == .metrics }

  /// The names of the objects that an artifact of this type is made of, in order, unless it is a set. Those behind the
  /// first may be missing.
  public var objectNames: [String] { self == .figure ? ["", Artifact.svg] : [""] }

  /// Whether an artifact of this type may have so many items.
  func allows(items count: Int) -> Bool {
    isItemSet || (1...objectNames.count).contains(count) || (self == .diffusion && count > 1)
  }
}

/// Typed, immutable content in the store: an ordered set of named objects.
///
/// `images`, `latents` and `metrics` have an item for each picture; every other type has exactly one item, whose
/// name is empty. A diffusion model that is a change to another one has the objects of that one as further items. A
/// figure is a PNG, and as a second item the same as SVG.
public struct Artifact: Sendable, Hashable, Codable {
  /// One named object of an artifact.
  public struct Item: Sendable, Hashable, Codable {
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

  /// The name of a figure's second item.
  public static let svg = "svg"

  public let type: ArtifactType
  public let items: [Item]

  public init(type: ArtifactType, items: [Item]) {
    precondition(type.allows(items: items.count), "\(type) does not hold \(items.count) objects")
    (self.type, self.items) = (type, items)
  }

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
