import CJPEG

/// JPEG files by libjpeg, behind a shim that turns its jumps and warnings into errors.
enum JPEG {
  static let signature: [UInt8] = [0xFF, 0xD8, 0xFF]

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

  private static func check(
    name: String, _ call: (UnsafeMutablePointer<CChar>?) -> CJPEGStatus
  ) throws(ImagingError) {
    var message = [CChar](repeating: 0, count: Int(CJPEG_MESSAGE_SIZE))
    let status = call(&message)
    let detail = String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    switch status {
    case CJPEG_OK: return
    case CJPEG_TRUNCATED: throw .truncated(name: name, format: .jpeg, detail: detail)
    case CJPEG_CMYK: throw .printColors(name: name)
    default: throw .corrupt(name: name, format: .jpeg, detail: detail)
    }
  }
}
