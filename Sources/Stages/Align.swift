import ArtifactStore
import Foundation
import Imaging
import Networks
import StageKit

/// `align`: faces in photographs, each brought to the frame that models of faces were trained on.
struct Align: AdaptiveStage {
  static let name = "align"
  static let summary = "Finds faces in photographs and cuts each out upright, in the frame of CelebA-HQ and FFHQ."
  static let revision = 1
  // A placement has its picture's name.
  static let seesItemNames = true

  @Input(help: "Photographs of people, of any size.") var images: Whole<Pictures>
  @Input(help: "The network that finds faces and their landmarks.") var detector: Whole<Detectors>
  @Parameter(
    help:
      "Which face: one, the only one; largest; a number, counted from the largest; all, each as an item of its own, NAME-1, NAME-2 and so on."
  )
  var face = FaceSelection(.one)
  @Parameter(8...4096, help: "Side of the square that the face is brought to, in pixels: what the model takes.")
  var size = 256
  @Parameter(
    -0.4...2, help: "What is added to the frame on each side, in parts of its side; less than 0 makes it smaller.")
  var margin = 0.0
  @Parameter(12...4096, help: "The smallest faces that are looked for, in pixels. Smaller ones take longer.")
  var minFace = 40
  @Parameter(0.7...1, help: "How sure the detector must be that it is a face, of 1.") var confidence = 0.9

  let aligned = Output<Pictures>(name: "images")
  let placements = Output<Placements>()

  /// How many faces there will be is not known before all are found.
  var itemwise: [String]? { face.choice == .all ? nil : [$images.name] }
  // The detector works in tiles of 25 MB and batches of 140 MB. A photograph's file may be compressed to a tenth.
  var memoryNeed: MemoryNeed { MemoryNeed(megabytes: 512, perInputByte: 12) }
  var program: [String]? { nil }
  var programIssue: String? { nil }

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    guard face.choice == nil else { return [] }
    return [
      ValidationIssue(
        about: $face, "'face' is \(face.value.text): expected one, largest, all, or a number from 1, the largest")
    ]
  }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    let sizes = input[$images]?.sizes ?? [:]
    let small = sizes.filter { min($0.value.width, $0.value.height) < minFace }
      .min { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    // Of all faces in a folder, none may be in some of the pictures.
    let issues = (face.choice == .all ? nil : small).map { name, size in
      ValidationIssue(about: $images, "picture '\(name)' is \(size): \(Self.advice(minFace, smallerThan: true))")
    }
    let square = PictureSize(width: size, height: size)
    var estimate = input.estimate(bytes: pictureBytes(square), size: square, sizes: sizes.mapValues { _ in square })
    if face.choice == .all || sizes.isEmpty { estimate.outputs[aligned.name]?.sizes = nil }
    return estimate.reporting([issues].compactMap { $0 })
  }

  func run(_ context: any StageContext) throws {
    let network = try context.network(detector)
    let items = images.artifact.items
    var faceless: [String] = []
    for (place, item) in items.enumerated() {
      let image = try Picture.image(context.read(item), name: item.name)
      let seen = try network.faces(in: image, minimumSize: minFace) { try context.checkCancellation() }
      let faces = seen.filter { $0.confidence >= confidence }
      guard !faces.isEmpty else {
        let message = message(noFaceIn: image, item.name, unsure: seen)
        if face.choice == .all { context.log("left out: \(message)") }
        faceless.append(message)
        continue
      }
      for (number, face) in try chosen(of: faces, in: image, item.name) {
        let name = number.map(item.name.part) ?? item.name
        let placement = try placement(of: face, in: image, item.name)
        try context.write(Picture.data(image.cutOut(placement)), item: name, to: aligned)
        try context.write(placement.data, item: name, to: placements)
      }
      context.progress(place + 1, of: items.count, unit: "picture", values: [])
    }
    // Of one face in each picture, all are needed; of all faces, some.
    guard faceless.count < (face.choice == .all ? items.count : 1) else {
      throw InputError(faceless.joined(separator: "\n"))
    }
  }

  /// The faces that are asked for, with the numbers that their items get.
  /// - Throws: `InputError` that tells where faces are, where these are others than asked for.
  private func chosen(
    of faces: [DetectedFace], in image: Image, _ name: String
  ) throws -> [(number: Int?, face: DetectedFace)] {
    let picture = "picture '\(name)' (\(image.width)×\(image.height))"
    switch face.choice {
    case .all: return faces.enumerated().map { ($0 + 1, $1) }
    case .largest: return [(nil, faces[0])]
    case .number(let number):
      guard number <= faces.count else {
        let count = faces.count == 1 ? "one face" : "\(faces.count) faces"
        throw InputError("\(picture) shows \(count), so there is no face \(number): \(Self.places(of: faces))")
      }
      return [(nil, faces[number - 1])]
    case .one, nil:
      guard faces.count == 1 else {
        throw InputError(
          "\(picture) shows \(faces.count) faces: \(Self.places(of: faces)); choose with `face: largest`, a number such as `face: 2`, or `face: all`"
        )
      }
      return [(nil, faces[0])]
    }
  }

  private func message(noFaceIn image: Image, _ name: String, unsure: [DetectedFace]) -> String {
    let picture = "picture '\(name)' (\(image.width)×\(image.height))"
    guard unsure.isEmpty else {
      return "\(picture) may show a face, of which the detector is not sure: \(Self.places(of: unsure)); "
        + "lower `confidence` (it is \(confidence)), or leave the picture out"
    }
    let isSmall = min(image.width, image.height) < minFace
    return isSmall
      ? "\(picture): \(Self.advice(minFace, smallerThan: true))"
      : "\(picture) shows no face: \(Self.advice(minFace, smallerThan: false))"
  }

  private static func advice(_ minFace: Int, smallerThan isSmaller: Bool) -> String {
    isSmaller
      ? "smaller than the smallest faces that are looked for: lower `min_face` (it is \(minFace), at least 12), enlarge the picture with `crop`, or leave it out"
      : "lower `min_face` (it is \(minFace)) for smaller faces, cut the picture with `crop`, or leave it out"
  }

  /// Where faces were found, for people.
  private static func places(of faces: [DetectedFace]) -> String {
    let shown = faces.prefix(10).enumerated().map { place, face in
      let edges = [face.left, face.top, face.right, face.bottom].map { "\(Int($0.rounded()))" }
      return "\(place + 1) at [\(edges.joined(separator: ", "))] (\(Self.share(face.confidence)))"
    }
    let more = faces.count > 10 ? " and \(faces.count - 10) more" : ""
    return shown.joined(separator: ", ") + more + ", as [left, top, right, bottom] in pixels and how sure it is"
  }

  private static func share(_ value: Double) -> String { String(format: "%.2f", value) }

  private func placement(of face: DetectedFace, in image: Image, _ name: String) throws -> Placement {
    guard let frame = face.frame(margin: margin),
      let placement = Placement(
        source: name, sourceWidth: image.width, sourceHeight: image.height, width: size, height: size,
        topLeft: frame.topLeft, topRight: frame.topRight, bottomLeft: frame.bottomLeft)
    else {
      throw InputError(
        "the face in '\(name)' at \(Self.places(of: [face])) has no direction: its eyes and mouth were found in one place; leave the picture out"
      )
    }
    return placement
  }
}

/// Which of the faces in a picture are meant.
struct FaceSelection: ParameterValue {
  enum Choice: Equatable {
    case one, largest, all
    case number(Int)
  }

  let value: Value
  /// Nil where it is none.
  var choice: Choice? {
    switch value.string {
    case "one": .one
    case "largest": .largest
    case "all": .all
    // A recipe's parameter that was a word stays a text.
    default: (value.int ?? value.string.flatMap { Int($0) }).flatMap { $0 > 0 ? .number($0) : nil }
    }
  }

  init(_ choice: Choice) {
    value =
      switch choice {
      case .one: .string("one")
      case .largest: .string("largest")
      case .all: .string("all")
      case .number(let number): .int(number)
      }
  }

  init?(_ value: Value) {
    guard value.isScalar else { return nil }
    self.value = value
  }

  static func kind(_ bounds: Void) -> ParameterDeclaration.Kind { .scalar }
}
