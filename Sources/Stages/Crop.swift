import ArtifactStore
import Foundation
import Imaging
import StageKit

/// `crop`: a part of each picture, at a size that a network takes, and where it lies.
struct Crop: Stage {
  static let name = "crop"
  static let summary =
    "Cuts a part out of each picture, at a size of your choice, and remembers where it was for `paste`."
  static let revision = 1
  static let memory = MemoryNeed(megabytes: 256, perInputByte: 24)
  /// A placement says which picture it is of.
  static let seesItemNames = true

  @Input(help: "The pictures.") var images: Each<Pictures>
  @Parameter(0...100_000, help: "The part: [left, top, right, bottom] \(regionUnits) The whole picture unless given.")
  var box: [Double]?
  @Parameter(0...100_000, help: "Instead of `box`: the middle of the part, [x, y] \(regionUnits)") var center: [Double]?
  @Parameter(0.001...1, help: "With `center`: which share of the picture's sides the part has.") var share: Double?
  @Parameter(
    8...4096,
    help: "The size that the part is brought to: a side in pixels, or [width, height]. Its own unless given.")
  var size: PictureSize?
  @Parameter(
    help:
      "With `size`, where the part has another ratio of sides. cover, unless given: its largest piece around the center. contain: all of it, and what is around it. stretch: all of it, squashed."
  )
  var fit: Frame.Fit?
  @Parameter(
    help:
      "With `fit: contain`: how a picture goes on beyond its border. reflect, unless given: mirrored. edge: its last pixels repeated."
  )
  var border: Border?
  @Parameter(
    1...512,
    help:
      "Instead of `size`: sides that are multiples of this, as a network's levels need them: 8 for the model that ships. What is too much is cut off on all sides."
  )
  var multiple: Int?
  @Parameter(8...4096, help: "With `multiple`: the part is scaled down until no side is longer.") var longSide: Int?

  let cropped = Output<Pictures>(name: "images")
  let placements = Output<Placements>()

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    var issues = box?.boxIssues(about: $box) ?? []
    func add(_ property: StageProperty, _ message: String) {
      issues.append(ValidationIssue(about: property, message))
    }
    if box != nil, center != nil { add($center, "'crop' takes either 'box' or 'center': leave one out") }
    if let center, center.count != 2 { add($center, "'center' has \(center.count) numbers: give [x, y]") }
    issues += center?.unitIssues(about: $center) ?? []
    if center != nil, share == nil {
      add($center, "'center' needs 'share': how much of the picture's sides is cut out")
    }
    if center == nil, share != nil { add($share, "'share' is for 'center': give it, or leave 'share' out") }
    if size != nil, multiple != nil { add($multiple, "'crop' takes either 'size' or 'multiple': leave one out") }
    if fit != nil, size == nil { add($fit, "'fit' is for 'size': leave it out") }
    if border != nil, fit != .contain { add($border, "'border' is for `fit: contain`: leave it out") }
    if longSide != nil, multiple == nil {
      add($longSide, "'long_side' is for 'multiple': give it, too, or give a 'size'")
    }
    if let longSide, let multiple, longSide < multiple {
      add($longSide, "'long_side' is \(longSide), less than one 'multiple' of \(multiple): give a larger one")
    }
    return issues
  }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    let known = input[$images]?.sizes ?? [:]
    let cuts = known.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { name in
      (name: name, cut: Result { try cut(of: known[name] ?? PictureSize(side: 1), name: name).size })
    }
    let sizes = Dictionary(cuts.compactMap { name, cut in (try? cut.get()).map { (name, $0) } }) { first, _ in first }
    let common = size ?? input[$images]?.size.flatMap { try? cut(of: $0, name: "").size }
    let largest = common ?? sizes.values.max { $0.pixels < $1.pixels }
    var estimate = input.estimate(bytes: largest.map { 4 * pictureBytes($0) })
    estimate.outputs[cropped.name]?.size = common
    estimate.outputs[cropped.name]?.sizes = known.isEmpty || sizes.count < known.count ? nil : sizes
    let issue = cuts.lazy.compactMap { _, cut -> ValidationIssue? in
      if case .failure(let error) = cut { ValidationIssue(about: $images, "\(error)") } else { nil }
    }.first
    return estimate.reporting(issue.map { [$0] } ?? [])
  }

  func run(_ context: any StageContext) throws {
    let name = images.item.name
    let picture = try Picture.stored(context.read(images.item), name: name)
    let (frame, size) = try cut(of: picture.size, name: name)
    try context.write(data(picture, frame, size, name: name), to: cropped)
    let corners = [(frame.left, frame.top), (frame.right, frame.top), (frame.left, frame.bottom)]
      .map { Placement.Point(x: $0.0, y: $0.1) }
    guard
      let placement = Placement(
        source: name, sourceWidth: picture.size.width, sourceHeight: picture.size.height, width: size.width,
        height: size.height, topLeft: corners[0], topRight: corners[1], bottomLeft: corners[2])
    else { throw InputError("'\(name)' is \(picture.size): the part is too small to be cut out; give a larger one") }
    try context.write(placement.data, to: placements)
  }

  private func data(_ picture: Picture.Stored, _ frame: Frame, _ size: PictureSize, name: String) throws -> Data {
    let border = border ?? .reflect
    switch picture {
    case .bytes(let image):
      // Pixels as they are stay bytes.
      let isInside =
        frame.left >= 0 && frame.top >= 0 && frame.right <= Double(image.width) && frame.bottom <= Double(image.height)
      if isInside, frame.width == Double(size.width), frame.height == Double(size.height) {
        return try Picture.data(
          image.crop(x: Int(frame.left), y: Int(frame.top), width: size.width, height: size.height))
      }
      return try Picture.data(
        image.sampled(frame, width: size.width, height: size.height, border: border), name: name)
    case .numbers(let image):
      return try Picture.data(
        image.sampled(frame, width: size.width, height: size.height, border: border), name: name)
    }
  }

  /// Longer frames would take much memory for next to no picture.
  private static let longestFrame = 100_000.0

  /// What is cut out of a picture, and the size that it is brought to.
  /// - Throws: `InputError` where the part does not lie in the picture, or is too small.
  private func cut(of picture: PictureSize, name: String) throws -> (frame: Frame, size: PictureSize) {
    let part = try part(of: picture, name: name)
    let found = (frame: part, size: PictureSize(width: Int(part.width), height: Int(part.height)))
    var (frame, size) = found
    if let given = self.size {
      frame = part.fitted(fit ?? .cover, width: given.width, height: given.height)
      size = given
    } else if let multiple {
      func whole(_ length: Double) -> Int { Int(length / Double(multiple)) * multiple }
      let scale = min(1, Double(longSide ?? .max) / max(part.width, part.height))
      size = PictureSize(width: whole(part.width * scale), height: whole(part.height * scale))
      guard size.width > 0, size.height > 0 else {
        throw InputError(
          "the part of '\(name)' is \(found.size), "
            + (scale < 1
              ? "with sides of at most \(longSide ?? 0) smaller than one 'multiple' of \(multiple): give a larger 'long_side'"
              : "smaller than one 'multiple' of \(multiple): give a larger part"))
      }
      frame =
        scale == 1
        ? part.centered(width: Double(size.width), height: Double(size.height))
          .fitted(.stretch, width: size.width, height: size.height)
        : part.fitted(.cover, width: size.width, height: size.height)
    }
    guard frame.width <= Self.longestFrame, frame.height <= Self.longestFrame else {
      throw InputError(
        "'\(name)' is \(picture): too narrow to be brought to \(size); give a part of it, or `fit: cover`")
    }
    return (frame, size)
  }

  /// The part in whole pixels, before it is fitted.
  private func part(of picture: PictureSize, name: String) throws -> Frame {
    let (wide, high) = (Double(picture.width), Double(picture.height))
    if let center, let share {
      let point = center.points(in: picture)[0]
      guard point.x <= wide, point.y <= high else {
        throw InputError("'center' lies outside of '\(name)', which is \(picture) from its top left corner")
      }
      let (width, height) = (max(1, (wide * share).rounded()), max(1, (high * share).rounded()))
      return Frame(
        left: min(max((point.x - width / 2).rounded(), 0), wide - width),
        top: min(max((point.y - height / 2).rounded(), 0), high - height), width: width, height: height)
    }
    guard let box else { return Frame(left: 0, top: 0, width: wide, height: high) }
    let corners = box.points(in: picture)
    guard corners[1].x <= wide, corners[1].y <= high else {
      throw InputError(
        "'box' reaches beyond '\(name)', which is \(picture): give one inside of it, or leave the picture out")
    }
    let (left, top) = (corners[0].x.rounded(), corners[0].y.rounded())
    let (width, height) = (corners[1].x.rounded() - left, corners[1].y.rounded() - top)
    guard width >= 1, height >= 1 else {
      throw InputError("'box' holds less than a pixel of '\(name)', which is \(picture): give a larger one")
    }
    return Frame(left: left, top: top, width: width, height: height)
  }
}

extension Frame.Fit: Choice {}
extension Border: Choice {}
