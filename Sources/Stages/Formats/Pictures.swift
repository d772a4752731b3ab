import ArtifactStore
import Checkpoints
import Foundation
import Imaging
import StageKit
import Tensors

/// How pictures lie in the store: as PNG where they are 8-bit by origin (loaded, rendered), else as float32.
///
/// As tensors they are [1, H, W, 3] in [−1, 1].
enum Picture {
  /// The bytes of a computed picture: safetensors with one tensor `image` [H, W, 3], so that nothing is lost.
  /// - Throws: `ResultError` where a value is not finite; `name` is the item.
  static func data(_ picture: Tensor, name: String) throws -> Data {
    if let place = nonFinitePlace(in: picture) {
      throw ResultError("picture '\(name)' came out \(place): \(nonFiniteAdvice)")
    }
    return try Safetensors.data(
      of: CheckpointTensors(tensors: ["image": picture.reshaped(Array(picture.shape.dropFirst()))]))
  }

  /// The bytes of an 8-bit picture: PNG.
  static func data(_ image: Image, _ metadata: PictureMetadata = .none) throws -> Data {
    try image.pngData(metadata: metadata)
  }

  /// The bytes of what a stage cut out or put together, whose size is known to be right.
  static func data(_ picture: FloatImage, name: String) throws -> Data {
    try data(Tensor(picture.values, shape: [1, picture.height, picture.width, 3]), name: name)
  }

  /// A picture in the form that it has in the store.
  enum Stored {
    case bytes(Image)
    case numbers(FloatImage)

    var size: PictureSize {
      switch self {
      case .bytes(let image): PictureSize(width: image.width, height: image.height)
      case .numbers(let image): PictureSize(width: image.width, height: image.height)
      }
    }
  }

  static func stored(_ data: Data, name: String) throws -> Stored {
    if isPNG(data) { return .bytes(try Image(decoding: data, name: name)) }
    return .numbers(try floatImage(data, name: name))
  }

  /// A picture of either form as float32, for geometry.
  static func floatImage(_ data: Data, name: String) throws -> FloatImage {
    let tensor = try tensor(data, name: name)
    return FloatImage(width: tensor.shape[2], height: tensor.shape[1], values: tensor.values)
  }

  /// A picture of either form.
  static func tensor(_ data: Data, name: String) throws -> Tensor {
    if isPNG(data) { return tensor(try Image(decoding: data, name: name)) }
    let file = try Safetensors.read(data, from: name)
    guard let image = file.tensors["image"], image.rank == 3, image.shape[2] == 3, image.count > 0 else {
      throw InputError("\(name): expected a picture, a PNG or safetensors with a tensor 'image' [H, W, 3]")
    }
    if let place = nonFinitePlace(in: image) { throw InputError("\(name): the picture is \(place): make it again") }
    return image.reshaped([1] + image.shape)
  }

  static func tensor(_ image: Image) -> Tensor {
    Tensor(image.floats(in: -1...1), shape: [1, image.height, image.width, 3])
  }

  /// A picture of either form, rounded to 8 bits.
  static func image(_ data: Data, name: String) throws -> Image {
    isPNG(data) ? try Image(decoding: data, name: name) : image(try tensor(data, name: name))
  }

  static func image(_ picture: Tensor) -> Image {
    Image(width: picture.shape[2], height: picture.shape[1], floats: picture.values, in: -1...1)
  }

  static func isPNG(_ data: Data) -> Bool { data.starts(with: [0x89, 0x50, 0x4E, 0x47]) }
}

/// Where the first value of pictures, [H, W, C] or [N, H, W, C], is that is infinite or not a number: `nan in row 3,
/// column 4`; nil where there is none.
func nonFinitePlace(in pictures: Tensor) -> String? {
  pictures.firstNonFinite.map { place, value in
    let rank = place.count
    let text = CSV.cell(value)
    return rank < 3 ? "\(text) at \(place)" : "\(text) in row \(place[rank - 3]), column \(place[rank - 2])"
  }
}

/// What to do where something was computed that is not finite, though all that went into it is.
let nonFiniteAdvice =
  "see whether the models are right; one that was trained or fine-tuned wants a lower learning rate or fewer steps"

extension StageContext {
  /// The picture of an item as float32, for geometry.
  func floatImage(_ item: Artifact.Item) throws -> FloatImage {
    try Picture.floatImage(read(item), name: item.name)
  }

  /// The picture of an item, [1, H, W, 3] in [−1, 1].
  func picture(_ input: some BoundItem<Pictures>) throws -> Tensor {
    try Picture.tensor(read(input.item), name: input.item.name)
  }
}
