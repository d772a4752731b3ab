import ArtifactStore
import Foundation
import Imaging
import Metrics
import StageKit
import Tensors

/// `mask`: where pictures are to be edited.
struct MaskStage: Stage {
  static let name = "mask"
  static let summary =
    "Makes masks, white where pictures are to be edited: of what a segmenter sees, a region, a difference, or other masks."
  static let revision = 1
  static let usesDevice = true
  static let memory = MemoryNeed(megabytes: 128, perInputByte: 8)

  @Input(help: "The pictures that are to be edited: a mask for each, of its size.") var images: Each<Pictures>
  @Input(help: "For `classes`.") var segmenter: Whole<Segmenters>?
  @Parameter(help: "What the segmenter sees there, such as [hair].") var classes: [String]?
  @Parameter(
    -100_000...100_000, help: "[left, top, right, bottom] in pixels, or in shares of the picture where none is above 1."
  ) var box: [Double]?
  @Parameter(
    -100_000...100_000,
    help: "[x, y, x, y, …], its corners in turn, in pixels, or in shares of the picture where none is above 1.")
  var polygon: [Double]?
  @Input(help: "Where the pictures differ from these, of the same names and sizes.") var other: Matching<Pictures>?
  @Parameter(0...1, help: "With `other`: the least mean difference of a pixel's channels, of 1; 0.1 unless given.")
  var threshold: Double?
  @Input(help: "A mask to begin with.") var mask: Matching<Masks>?
  @Input(help: "Adds what is in this mask.") var union: Matching<Masks>?
  @Input(help: "Leaves what is also in this mask.") var intersection: Matching<Masks>?
  @Parameter(help: "Takes what was left out, instead.") var invert = false
  @Parameter(-512...512, help: "Then grows it by so many pixels on all sides; less than 0 makes it smaller.")
  var grow = 0.0
  @Parameter(0...256, help: "Then softens its edges: standard deviation of a blur, in pixels.") var feather = 0.0

  let masks = Output<Masks>()

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    let sources: [(property: StageProperty, isGiven: Bool)] = [
      ($classes, classes != nil), ($box, box != nil), ($polygon, polygon != nil), ($other, draft.has($other)),
      ($mask, draft.has($mask)),
    ]
    let given = sources.filter(\.isGiven).map(\.property)
    var issues = $classes.emptiness
    if given.count != 1 {
      let names = sources.map(\.property.name).joined(separator: ", ")
      issues.append(ValidationIssue(about: given.dropFirst().first?.name, "'mask' is made of exactly one of \(names)"))
    }
    if classes != nil, !draft.has($segmenter) {
      issues.append(ValidationIssue(about: $classes, "'classes' needs the input 'segmenter': add it"))
    }
    if classes == nil, draft.has($segmenter) {
      issues.append(ValidationIssue(about: $segmenter, "a segmenter is for 'classes': say which, or leave it out"))
    }
    if threshold != nil, !draft.has($other) {
      issues.append(ValidationIssue(about: $threshold, "'threshold' is for 'other': leave it out"))
    }
    issues += box?.boxIssues(about: $box) ?? []
    if let polygon, polygon.count < 6 || polygon.count % 2 != 0 {
      issues.append(
        ValidationIssue(
          about: $polygon, "'polygon' has \(polygon.count) numbers: give x and y of at least three corners in turn"))
    }
    issues += polygon?.unitIssues(about: $polygon) ?? []
    return issues
  }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    let sizes = (input[$images]?.sizes ?? [:]).sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    let issue = sizes.lazy.compactMap { name, size in
      self.box.flatMap { Self.outside($0, size, self.$box.name, of: name) }
        ?? self.polygon.flatMap { Self.outside($0, size, self.$polygon.name, of: name) }
    }.first
    return input.estimate().reporting(issue.map { [ValidationIssue(about: $images, $0)] } ?? [])
  }

  func run(_ context: any StageContext) throws {
    let picture = try context.picture(images)
    var made = try begun(picture, context)
    if let union { made = made.union(try given(union, "union", picture, context)) }
    if let intersection { made = made.intersection(try given(intersection, "intersection", picture, context)) }
    if invert { made = made.inverted }
    made = made.grown(by: grow).feathered(by: feather)
    try context.write(made.data, item: images.item.name, to: masks)
  }

  /// The mask before it is combined and changed.
  private func begun(_ picture: Tensor, _ context: any StageContext) throws -> Mask {
    let (height, width) = (picture.shape[1], picture.shape[2])
    if let classes, let segmenter {
      let network = try context.network(segmenter)
      try context.require(network, takes: picture, for: Self.name)
      let wanted = try Set(classes.map { try place(of: $0, in: network.classes) })
      let labels = NetworkMeasures.labels(Gradients.off { network(picture) })
      guard labels.count == width * height else {
        throw InputError(
          "the segmenter sees \(labels.count) pixels of '\(images.item.name)', which has \(width)×\(height): choose another"
        )
      }
      return Mask(width: width, height: height, values: labels.map { wanted.contains($0) ? 1 : 0 })
    }
    if let box {
      let corners = try inPixels(box, width, height, $box.name)
      return Mask(
        width: width, height: height, left: corners[0].x, top: corners[0].y, right: corners[1].x, bottom: corners[1].y)
    }
    if let polygon {
      return Mask(width: width, height: height, polygon: try inPixels(polygon, width, height, $polygon.name))
    }
    if let other {
      let second = try context.picture(other)
      guard second.shape == picture.shape else {
        throw InputError(
          "'other' of '\(images.item.name)' is \(second.shape[2])×\(second.shape[1]), the picture \(width)×\(height)")
      }
      let difference = ((picture - second).absolute().mean([-1]) * 0.5).values
      return Mask(
        width: width, height: height, values: difference.map { Double($0) >= threshold ?? 0.1 ? 1 : 0 })
    }
    guard let mask else { throw InputError("'mask' is made of nothing") }
    return try given(mask, "mask", picture, context)
  }

  /// A mask that is given for a picture.
  private func given(
    _ input: Matching<Masks>, _ what: String, _ picture: Tensor, _ context: any StageContext
  ) throws -> Mask {
    let mask = try context.mask(input)
    guard mask.width == picture.shape[2], mask.height == picture.shape[1] else {
      throw InputError(
        "'\(what)' of '\(images.item.name)' is \(mask.width)×\(mask.height), the picture \(picture.shape[2])×\(picture.shape[1])"
      )
    }
    return mask
  }

  private func place(of name: String, in classes: [String]) throws -> Int {
    guard let place = classes.firstIndex(of: name) else {
      throw InputError("the segmenter knows no class '\(name)': expected some of \(classes.joined(separator: ", "))")
    }
    return place
  }

  /// Points of x and y in turn; those given in shares are of the picture's sides.
  /// - Throws: where none of it lies in the picture.
  private func inPixels(
    _ numbers: [Double], _ width: Int, _ height: Int, _ what: String
  ) throws -> [(x: Double, y: Double)] {
    let size = PictureSize(width: width, height: height)
    if let issue = Self.outside(numbers, size, what, of: images.item.name) { throw InputError(issue) }
    return numbers.points(in: size)
  }

  /// What is wrong with a region none of which lies in the picture; nil for one that does.
  private static func outside(_ numbers: [Double], _ size: PictureSize, _ what: String, of name: String) -> String? {
    let points = numbers.points(in: size)
    let (left, right) = (points.map(\.x).min() ?? 0, points.map(\.x).max() ?? 0)
    let (top, bottom) = (points.map(\.y).min() ?? 0, points.map(\.y).max() ?? 0)
    guard right > 0, bottom > 0, left < Double(size.width), top < Double(size.height) else {
      return "'\(what)' lies outside of '\(name)', which is \(size) from its top left corner"
    }
    return nil
  }
}
