import CJPEG
import Foundation

/// JPEG files by libjpeg, behind a shim that turns its jumps and warnings into errors.
enum JPEG {
  static let signature: [UInt8] = [0xFF, 0xD8, 0xFF]
  /// The marker EOI.
  static let ending: [UInt8] = [0xFF, 0xD9]

  /// - Throws: ``ImagingError``; never gives a picture of which a part is missing.
  static func decode(_ bytes: [UInt8], name: String) throws(ImagingError) -> Image {
    var (width, height): (UInt32, UInt32) = (0, 0)
    try check(name: name) { cjpeg_read_size(bytes, bytes.count, &width, &height, $0) }
    try Image.checkSize(width: Int(width), height: Int(height), name: name)
    let count = Int(width) * Int(height) * 3
    var pixels = [UInt8](repeating: 0, count: count)
    try check(name: name) { cjpeg_decode_rgb(bytes, bytes.count, &pixels, count, $0) }
    let stored = Image(width: Int(width), height: Int(height), pixels: pixels)
    return stored.upright(from: Orientation(ofJPEG: bytes))
  }

  /// - Throws: ``ImagingError/cannotEncode(width:height:detail:)`` where a side is longer than 65,500 pixels.
  static func encode(_ image: Image, quality: Int) throws(ImagingError) -> Data {
    var message = [CChar](repeating: 0, count: Int(CJPEG_MESSAGE_SIZE))
    var (data, size): (UnsafeMutablePointer<UInt8>?, UInt) = (nil, 0)
    let status = cjpeg_encode_rgb(
      image.pixels, UInt32(image.width), UInt32(image.height), Int32(quality), &data, &size, &message)
    guard status == CJPEG_OK, let data else {
      throw .cannotEncode(width: image.width, height: image.height, detail: text(message))
    }
    return Data(bytesNoCopy: data, count: Int(size), deallocator: .free)
  }

  private static func text(_ message: [CChar]) -> String {
    String(decoding: message.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
  }

  private static func check(
    name: String, _ call: (UnsafeMutablePointer<CChar>?) -> CJPEGStatus
  ) throws(ImagingError) {
    var message = [CChar](repeating: 0, count: Int(CJPEG_MESSAGE_SIZE))
    let status = call(&message)
    let detail = text(message)
    switch status {
    case CJPEG_OK: return
    case CJPEG_TRUNCATED: throw .truncated(name: name, format: .jpeg, detail: detail)
    case CJPEG_CMYK: throw .printColors(name: name)
    default: throw .corrupt(name: name, format: .jpeg, detail: detail)
    }
  }
}

extension Image {
  /// The picture as a JPEG file of `quality`, 1 to 100. The same pixels always give the same bytes.
  /// - Throws: ``ImagingError/cannotEncode(width:height:detail:)`` where a side is longer than 65,500 pixels.
  public func jpegData(quality: Int, metadata: PictureMetadata = .none) throws(ImagingError) -> Data {
    let data = try JPEG.encode(self, quality: quality)
    return metadata == .none ? data : Data(JPEG.file([UInt8](data), with: metadata))
  }
}
