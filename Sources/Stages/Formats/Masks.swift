import ArtifactStore
import Foundation
import Imaging
import StageKit
import Tensors

/// Masks: gray pictures, white where a picture is to be edited.
enum Masks: ArtifactContent { static let types: [ArtifactType] = [.masks] }

extension Mask {
  /// A mask's bytes: PNG in 256 levels. What is transparent is not painted, and so black.
  /// - Parameter name: the file or item, for messages.
  /// - Throws: `InputError` for a picture with colors.
  init(_ data: Data, name: String) throws {
    guard let mask = Mask(try Image(decoding: data, over: 0, name: name)) else {
      throw InputError("\(name): expected a mask, a gray picture that is white where to edit: this one has colors")
    }
    self = mask
  }

  var data: Data { get throws { try Picture.data(image) } }

  /// As a tensor [1, H, W, 1] in [0, 1].
  var tensor: Tensor { Tensor(values, shape: [1, height, width, 1]) }

  /// - Throws: `InputError` where it is not for a picture of this size, or empty.
  fileprivate func require(_ picture: PictureSize, name: String) throws {
    guard width == picture.width, height == picture.height else {
      throw InputError(
        "mask '\(name)' is \(width)×\(height), the picture \(picture): make the mask of the same pictures")
    }
    guard !isEmpty else {
      throw InputError(
        "mask '\(name)' is empty: nothing would be edited; choose another region, or leave the picture out")
    }
  }
}

extension StageContext {
  /// The mask of an item.
  func mask(_ input: some BoundItem<Masks>) throws -> Mask { try Mask(read(input.item), name: input.item.name) }

  /// The mask `item` for a picture [1, H, W, C].
  /// - Throws: `InputError` where it is not of the picture's size, or empty.
  func mask(_ item: Artifact.Item, for picture: Tensor) throws -> Mask {
    try mask(item, forPictureOf: PictureSize(width: picture.shape[2], height: picture.shape[1]))
  }

  /// The same for a picture of a size.
  func mask(_ item: Artifact.Item, forPictureOf size: PictureSize) throws -> Mask {
    let mask = try Mask(read(item), name: item.name)
    try mask.require(size, name: item.name)
    return mask
  }
}
