import ArtifactStore

/// Which types of artifacts there are (DESIGN: artifacts, keys, store).
///
/// `images`, `masks`, `placements`, `latents` and `metrics` are sets that have an item for each picture; every other type
/// has exactly one item, whose name is empty. A diffusion model that is a change to another one has the objects of that
/// one as further items. A figure is a PNG, and as a second item the same as SVG.
extension ArtifactType {
  public static let images = ArtifactType(rawValue: "images")
  public static let latents = ArtifactType(rawValue: "latents")
  public static let masks = ArtifactType(rawValue: "masks")
  public static let placements = ArtifactType(rawValue: "placements")
  public static let diffusion = ArtifactType(rawValue: "diffusion")
  public static let clip = ArtifactType(rawValue: "clip")
  public static let identity = ArtifactType(rawValue: "identity")
  public static let segmenter = ArtifactType(rawValue: "segmenter")
  public static let perceptual = ArtifactType(rawValue: "perceptual")
  public static let classifier = ArtifactType(rawValue: "classifier")
  public static let detector = ArtifactType(rawValue: "detector")
  public static let metrics = ArtifactType(rawValue: "metrics")
  public static let table = ArtifactType(rawValue: "table")
  public static let figure = ArtifactType(rawValue: "figure")
  public static let page = ArtifactType(rawValue: "page")

  public static let allCases: [ArtifactType] = [
    .images, .latents, .diffusion, .clip, .identity, .segmenter, .perceptual, .classifier, .metrics, .table, .figure,
    .page, .masks, .placements, .detector,
  ]

  /// The type that a recipe or a plan calls so; nil where there is none.
  public init?(named name: String) {
    guard let type = Self.allCases.first(where: { $0.rawValue == name }) else { return nil }
    self = type
  }

  /// Whether an artifact of this type is an ordered set of named items; the others hold one unnamed object, or several
  /// that are one thing.
  public var isItemSet: Bool { [.images, .masks, .placements, .latents, .metrics].contains(self) }

  /// Whether people look at it: the results of a run have it as files.
  public var isShown: Bool { [.figure, .table, .metrics, .images, .masks, .page].contains(self) }

  /// The names of the objects that an artifact of this type is made of, in order, unless it is a set. Those behind the
  /// first may be missing.
  public var objectNames: [String] { self == .figure ? ["", Artifact.svg] : [""] }
}

extension Artifact {
  /// The name of a figure's second item.
  public static let svg = "svg"

  /// What the attached object number `place` of a diffusion model, from 1, is called.
  package static func attachedName(_ place: Int) -> String { "base \(place)" }
}
