import ArtifactStore
import Foundation
import Imaging
import StageKit

/// `paste`: what was cut out of photographs and edited comes back into them.
struct Paste: Stage {
  static let name = "paste"
  static let summary =
    "Brings edited parts back into the pictures that they were cut out of; all other pixels stay as they are."
  static let revision = 1
  static let memory = MemoryNeed(megabytes: 256, perInputByte: 12)
  /// A placement says which picture it is of.
  static let seesItemNames = true

  @Input(help: "The whole pictures, as they were before `crop` or `align`.") var into: Each<Pictures>
  @Input(help: "The edited parts, of the sizes that they were cut out at.") var images: Parts<Pictures>
  @Input(help: "Where the parts lie, as `crop` and `align` tell.") var placements: Parts<Placements>
  @Input(
    help:
      "The parts before the edit: then only what changed is brought in, and the picture keeps its detail where nothing did."
  )
  var originals: Parts<Pictures>?
  @Input(help: "What is taken of each part, white all of it; the whole part unless given.") var mask: Parts<Masks>?
  @Parameter(
    0...1024,
    help:
      "Over how many pixels a part fades out towards its sides; an eighth of its shorter side unless given. A side on the picture's border does not fade."
  )
  var feather: Double?

  let pasted = Output<Pictures>(name: "images")

  /// Parts that were cut out of other pictures than they are to be pasted into, or belong to others.
  func check(_ draft: StageDraft) -> [ValidationIssue] {
    guard let place = draft[$placements].first, let whole = draft[$into].first, place.stage != nil else { return [] }
    let cut = draft.sources(of: place)
    var issues: [ValidationIssue] = []
    if !cut.contains(where: { draft.member(whole, comesFrom: $0) }),
      let parts = cut.first(where: { draft.member($0, comesFrom: whole) })
    {
      issues.append(
        ValidationIssue(
          about: $into,
          "the parts were cut out of '\(parts.label)', which was itself made of '\(whole.label)': paste them into '\(parts.label)' first"
        ))
    }
    let belonging: [(StageProperty, StageDraft.Member?)] = [
      ($images, draft[$images].first), ($originals, draft[$originals].first), ($mask, draft[$mask].first),
    ]
    for case (let property, let member?) in belonging
    where !draft.member(member, comesFrom: place) && cut.contains(where: { draft.member(member, comesFrom: $0) }) {
      issues.append(
        ValidationIssue(
          about: property, "'\(member.label)' is not made of the parts that '\(place.label)' tells of: give what is"))
    }
    return issues
  }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    var estimate = input.estimate(bytes: input[$into]?.bytes)
    estimate.outputs[pasted.name]?.size = input[$into]?.size
    estimate.outputs[pasted.name]?.sizes = input[$into]?.sizes
    return estimate
  }

  func run(_ context: any StageContext) throws {
    let name = into.item.name
    let data = try context.read(into.item)
    let picture = try Picture.stored(data, name: name)
    let patches = try patches(for: try parts(of: name, context), of: picture, context)
    guard !patches.isEmpty else {
      context.log("no edited part is of '\(name)': it stays as it was")
      return try context.write(data, to: pasted)
    }
    switch picture {
    case .bytes(let image):
      // What the photograph says of itself is still so.
      let metadata = try PictureMetadata(ofFile: [UInt8](data), name: name)
      try context.write(Picture.data(image.pasting(patches), metadata), to: pasted)
    case .numbers(let image): try context.write(Picture.data(image.pasting(patches), name: name), to: pasted)
    }
  }

  /// A part that was edited, and where it lies.
  private typealias Part = (item: Artifact.Item, placement: Placement)

  /// The edited parts of the picture, in their order. Another one may be called like a part of it.
  private func parts(of name: String, _ context: any StageContext) throws -> [Part] {
    try images.items.compactMap { item in
      let place = try namesake(of: item, in: placements)
      let placement = try Placement(context.read(place), name: place.name)
      guard PortRole.parts.owners(of: item.name).contains(placement.source) else {
        throw InputError(
          "'\(item.name)' was cut out of '\(placement.source)', not of '\(name)': a part is called like its picture, or like it with a number"
        )
      }
      return placement.source == name ? (item, placement) : nil
    }
  }

  private func patches(
    for parts: [Part], of picture: Picture.Stored, _ context: any StageContext
  ) throws -> [Patch] {
    try parts.map { item, placement in
      let size = PictureSize(width: placement.sourceWidth, height: placement.sourceHeight)
      guard size == picture.size else {
        throw InputError(
          "'\(item.name)' was cut out of a '\(placement.source)' of \(size), but it is \(picture.size) here: give the pictures that were cut"
        )
      }
      let edit = try part(item, placement, "the edited part", context)
      let original = try originals.map { set in
        try part(namesake(of: item, in: set), placement, "the original of the part", context)
      }
      let mask = try mask.map { set in
        let namesake = try namesake(of: item, in: set)
        return try context.mask(namesake, forPictureOf: PictureSize(width: edit.width, height: edit.height))
      }
      return Patch(
        edit, original: original, mask: mask,
        feather: feather ?? Double(min(edit.width, edit.height)) / 8, at: placement)
    }
  }

  private func part(
    _ item: Artifact.Item, _ placement: Placement, _ what: String, _ context: any StageContext
  ) throws -> FloatImage {
    let image = try context.floatImage(item)
    guard image.width == placement.width, image.height == placement.height else {
      throw InputError(
        "\(what) '\(item.name)' is \(image.width)×\(image.height), but it was cut out at \(placement.width)×\(placement.height): paste it at that size"
      )
    }
    return image
  }

  private func namesake<Content>(of item: Artifact.Item, in set: Parts<Content>) throws -> Artifact.Item {
    guard let found = set[item.name] else {
      throw InputError("'\(set.name)' has none for the part '\(item.name)': give those of the stage that cut it out")
    }
    return found
  }
}
